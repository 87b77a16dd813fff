"""Which of Gradio's own scripts our page will need: named to the browser at once, since Gradio asks
for them one after the other. Only a hint: where its files are others, it is a shorter one."""

import re
from functools import cache
from pathlib import Path

import gradio

FOLDER = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
NEEDED = ("Blocks-*.js", "HTML-*.js")  # the page, and the one component that we use
IMPORTED = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")


@cache
def scripts() -> tuple[str, ...]:
    """Addresses of those scripts, with what they import."""
    found: dict[str, None] = {}
    names = [path.name for pattern in NEEDED for path in FOLDER.glob(pattern)]
    html = [name for name in names if name.startswith("HTML-")]
    names += [path.name for path in FOLDER.glob("Index-*.js") if _imports(path.name) & set(html)]
    while names:
        if (name := names.pop()) not in found:
            found[name] = None
            names += _imports(name)
    return tuple(f"assets/{name}" for name in found)


def _imports(name: str) -> set[str]:
    return {other for other in IMPORTED.findall((FOLDER / name).read_text("utf-8"))}
