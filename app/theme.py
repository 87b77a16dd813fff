"""How Earshot looks: the page's head and ground. The rules are in assets/css/; nothing is fetched
from outside.
"""

import json

import gradio as gr

from app import assets, gradios
from app.i18n import Language
from app.policy import Policy

LOGO = assets.FOLDER / "logo.svg"
COOKIE = "earshot-look"
LOOKS = ("light", "dark")  # else as the system has it
GROUND = {"light": "#f7f5ef", "dark": "#181a19"}
FONT = "fonts/newsreader.woff2"


def theme() -> gr.themes.Base:
    """Gradio's barest theme, in our ground colours."""
    return gr.themes.Base(font="system-ui", font_mono="ui-monospace").set(
        body_background_fill=GROUND["light"],
        body_background_fill_dark=GROUND["dark"],
        body_text_color="#26241f",
        body_text_color_dark="#e6e3db",
    )


def head(language: Language) -> str:
    """Style, scripts and strings, in the page itself: nothing shows before it looks right.

    Not Gradio's `head=` and `css=`: it adds those only when its own scripts have run.
    """
    colours = (
        f'<meta name="theme-color" content="{colour}" media="(prefers-color-scheme: {look})">'
        for look, colour in GROUND.items()
    )
    style = f'<link rel="stylesheet" href="{assets.address(assets.STYLE)}">'
    scripts = (
        f'<link rel="modulepreload" href="{address}">'
        for address in (assets.address(assets.SCRIPT), *gradios.scripts())
    )
    font = f'<link rel="preload" as="font" crossorigin href="{assets.address(FONT)}">'
    told = {"code": language.code, "strings": language.on_the_page}
    strings = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    kept = f'<script type="application/json" id="strings">{strings}</script>'
    return "".join((*colours, font, style, *scripts, kept))


def dressed(html: str, language: Language, look: str, policy: Policy | None = None) -> str:
    """Gradio's page with our head, in a language and a look; a guest's as `policy` has it."""
    chosen = f' data-look="{look}"' if look in LOOKS else ""
    guests = ""
    if policy is not None:
        longest = f"{policy.longest_recording:g}"
        guests = f' data-guest data-no="{" ".join(policy.denied)}" data-longest="{longest}"'
    html = html.replace('lang="en"', f'lang="{language.code}" dir="ltr"{chosen}{guests}', 1)
    return html.replace("</head>", head(language) + "</head>", 1)
