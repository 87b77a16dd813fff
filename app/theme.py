"""How Earshot looks. The rules are in assets/earshot.css; nothing is fetched from outside."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent.parent / "assets"
LOGO = ASSETS / "logo.svg"


def theme() -> gr.themes.Base:
    """Gradio's barest theme, in our ground colours: the page shows before the css is read."""
    return gr.themes.Base(font="system-ui", font_mono="ui-monospace").set(
        body_background_fill="#f8f6f1",
        body_background_fill_dark="#191b1a",
        body_text_color="#26241f",
        body_text_color_dark="#e6e3db",
    )


def asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def head() -> str:
    """Our style and script, in the page itself: there before any other request is answered.

    Not `css=`: Gradio puts its own class before every selector there, and so loses `:root` and
    `body` inside a media query.
    """
    colour = '<meta name="theme-color" content="#1f6f62">'
    style, script = asset("earshot.css"), asset("earshot.js")
    return f"{colour}<style>{style}</style><script>{script}</script>"
