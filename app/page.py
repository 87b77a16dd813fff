"""The page: where things are, and which event calls what."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import gradio as gr  # noqa: E402

from app import assets, exchange, health, network, policy, render, shared, sounds, theme, web  # noqa: E402
from app.choosing import choosing, running, telling  # noqa: E402
from app.crowd import Counts  # noqa: E402
from app.door import Gate  # noqa: E402
from app.events import (  # noqa: E402
    OR_GUESTS,
    OWNERS,
    Command,
    Desk,
    Views,
    named,
    served,
    talking,
)
from app.guestbook import receiving, visiting  # noqa: E402
from app.health import Health  # noqa: E402
from app.host import Host, routes  # noqa: E402
from app.inviting import begun, inviting  # noqa: E402
from app.links import linking  # noqa: E402
from app.models import Models  # noqa: E402
from app.places import Place, Places  # noqa: E402
from app.rooms import measuring  # noqa: E402
from app.seat import Seat  # noqa: E402
from app.sharing import Sharing  # noqa: E402
from app.shelf import shelving  # noqa: E402
from app.turning import turning  # noqa: E402
from app.upkeep import Upkeep  # noqa: E402
from app.wish import NONE, Wish  # noqa: E402
from model.engine import Engine  # noqa: E402
from model.errors import EarshotError  # noqa: E402
from model.library import Library  # noqa: E402
from sessions.store import Store  # noqa: E402

LOOKS = 200  # pages that may wait for a view; answers wait in Talks, not here
PATIENCE = 5.0  # seconds that the answer being given has to end by itself, when Earshot is closed
START = f"""
import(new URL("{assets.address(assets.SCRIPT)}", document.baseURI)).then(earshot =>
  earshot.start(element, server, about => trigger("look", about)));
"""
BARE = {"apply_default_css": False, "js_on_load": None}
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class PortTaken(EarshotError):
    """Something else listens where the page should."""


def build(models: Models, places: Places, sharing: Sharing) -> gr.Blocks:
    def desk(place: Place) -> Desk:
        return Desk(models.seat, place.store, place.talks, place.allowance)

    def everybodys(place: Place) -> dict[str, Command]:
        own = place.once(desk)
        works = (*talking(own), *turning(own), *measuring(own, models.seat), *shelving(own))
        works = (
            *works,
            *telling(models, place.allowance),
            *linking(place, lambda: sharing.address),
        )
        return named(*works, *visiting(places, place))

    def choosers(place: Place) -> dict[str, Command]:
        return named(*choosing(models))

    def owners(place: Place) -> dict[str, Command]:
        works = (*running(models, place.store), *inviting(sharing, places.policy))
        return named(*works, *receiving(places))

    views = Views(places, desk)
    commands = [served(name, places, everybodys) for name in everybodys(places.owner)]
    commands += [served(name, places, choosers, OR_GUESTS) for name in choosers(places.owner)]
    commands += [served(name, places, owners, OWNERS) for name in owners(places.owner)]
    with gr.Blocks(title="Earshot", analytics_enabled=False, fill_width=True) as page:
        gr.HTML(assets.text("sidebar.html"), elem_id="side", **BARE)
        gr.HTML(render.bar(), elem_id="bar", **BARE)
        shown = gr.HTML(elem_id="shown", **BARE)
        newest = gr.HTML(elem_id="newest", **BARE)
        gr.HTML(assets.text("dialogs.html"), elem_id="dialogs", **BARE)
        composer = gr.HTML(
            assets.text("composer.html"),
            elem_id="composer",
            **BARE | {"js_on_load": START},
            server_functions=commands,
        )

        view = [shown, newest]
        page.load(views.open, None, view, **PRIVATE)
        composer.look(views.look, None, view, trigger_mode="multiple", **PRIVATE)
        page.unload(views.leave)
    return page


def serve(
    engine: Engine,
    data_folder: str | Path | None = None,
    *,
    port: int = 7860,
    library: Library | None = None,
    name: str = "",
    open_browser: bool = True,
    ready: Callable[[str], object] = lambda address: None,
    microphone_for: Sequence[str] = (),
    wish: Wish | None = None,
    told: Callable[[str], object] = lambda text: None,
) -> None:
    """Open the page and stay until interrupted. `ready` is told the address. `name` is what the
    library, in which other models are found, calls this engine. `microphone_for` are addresses of
    visitors who may use this machine's microphone besides those who sit at it. With a `wish` it is
    shared; `told` is given what a person at the terminal should know of that."""
    seat = Seat(engine, name)
    with (
        Store(data_folder) as store,
        closing(Places(seat, store, policy.load(store.folder))) as places,
        closing(Models(seat, places.owner.talks, library)) as models,
        closing(Host(places.owner, microphone_for)) as desktop,
        closing(Upkeep(store)) as upkeep,
    ):
        counts = Counts()
        gate = Gate(places.guests, places.policy)
        sharing = Sharing(gate, store.folder, port, wish)
        page = build(models, places, sharing).queue(max_size=LOOKS)
        try:
            page.launch(
                server_name="127.0.0.1",  # visitors come by another port: see porch.py
                server_port=port,
                inbrowser=open_browser,
                prevent_thread_lock=True,
                _frontend=False,  # else it asks itself, by a proxy too, and may give up
                quiet=True,
                share=False,
                ssr_mode=False,
                footer_links=[],
                max_file_size="1mb",  # of Gradio's own upload, which the page does not use
                favicon_path=theme.LOGO,
                theme=theme.theme(),
                app_kwargs={
                    "routes": [
                        *web.routes(places, model=lambda: models.state),
                        *sounds.routes(places),
                        *exchange.routes(places),
                        *shared.routes(places),
                        *routes(desktop, places),
                        *health.routes(Health(seat, places, upkeep, counts)),
                    ],
                    "middleware": web.middleware(gate, counts),
                    "lifespan": sharing.running,
                },
            )
        except OSError as error:
            raise PortTaken(network.taken(port)) from error
        ready(page.local_url)
        with closing(sharing):
            with suppress(KeyboardInterrupt):  # Ctrl-C, or the polite signal: see launch.py
                if sharing.wish.how != NONE:
                    told(begun(sharing, places.policy))
                _stay()
            places.wind_up(PATIENCE)
            page.close(verbose=False)


def _stay() -> None:
    while True:
        time.sleep(0.2)  # a lock would not be interrupted on Windows
