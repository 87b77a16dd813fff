"""The page: where things are, and which event calls what."""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before Gradio is imported

import gradio as gr  # noqa: E402

from app import assets, exchange, render, sounds, theme, web  # noqa: E402
from app.choosing import choosing, telling  # noqa: E402
from app.door import Gate  # noqa: E402
from app.events import Command, Desk, Views, served, talking  # noqa: E402
from app.host import Host, routes  # noqa: E402
from app.models import Models  # noqa: E402
from app.places import Place, Places  # noqa: E402
from app.rooms import measuring  # noqa: E402
from app.seat import Seat  # noqa: E402
from app.shelf import shelving  # noqa: E402
from app.turning import turning  # noqa: E402
from model.engine import Engine  # noqa: E402
from model.errors import EarshotError  # noqa: E402
from model.library import Library  # noqa: E402
from sessions.store import Store  # noqa: E402

LOOKS = 200  # pages that may wait for a view; answers wait in Talks, not here
START = f"""
import(new URL("{assets.address(assets.SCRIPT)}", document.baseURI)).then(earshot =>
  earshot.start(element, server, about => trigger("look", about)));
"""
BARE = {"apply_default_css": False, "js_on_load": None}
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}


class PortTaken(EarshotError):
    """Something else listens where the page should."""


def build(models: Models, places: Places) -> gr.Blocks:
    def desk(place: Place) -> Desk:
        return Desk(models.seat, place.store, place.talks)

    def everybodys(place: Place) -> dict[str, Command]:
        own = place.once(desk)
        works = (*talking(own), *turning(own), *measuring(own, models.seat), *shelving(own))
        return {work.__name__: work for work in (*works, *telling(models))}

    def owners(place: Place) -> dict[str, Command]:
        return {work.__name__: work for work in choosing(models, place.store)}

    views = Views(places, desk)
    commands = [served(name, places, everybodys) for name in everybodys(places.owner)]
    commands += [served(name, places, owners, owners=True) for name in owners(places.owner)]
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
    host: str = "127.0.0.1",
    port: int = 7860,
    library: Library | None = None,
    name: str = "",
    open_browser: bool = True,
    ready: Callable[[str], object] = lambda address: None,
    microphone_for: Sequence[str] = (),
) -> None:
    """Open the page and stay until interrupted. `ready` is told the address. `name` is what the
    library, in which other models are found, calls this engine. `microphone_for` are addresses of
    visitors who may use this machine's microphone besides those who sit at it."""
    seat, gate = Seat(engine, name), Gate()
    with (
        Store(data_folder) as store,
        closing(Places(seat, store)) as places,
        closing(Models(seat, places.owner.talks, library)) as models,
        closing(Host(places.owner, microphone_for)) as desktop,
    ):
        page = build(models, places).queue(max_size=LOOKS)
        try:
            page.launch(
                server_name=host,
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
                        *routes(desktop),
                    ],
                    "middleware": web.middleware(gate, host),
                },
            )
        except OSError as error:
            raise PortTaken(f"Port {port} is not free: give another one with --port.") from error
        ready(page.local_url)
        page.block_thread()
