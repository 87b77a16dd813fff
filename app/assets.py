"""The page's own files: which there are, under which address, with which version.

The version is in the address, so that a browser may keep them for ever, and a module's neighbours
are of the same version as itself. Only what is listed here is given.
"""

import json
import re
from hashlib import blake2b
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app import bundling, i18n

FOLDER = Path(__file__).parent.parent / "assets"
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
SHELVES = ("icons/*", "fonts/*")
FOR_EVER = "public, max-age=31536000, immutable"
SCRIPT, STYLE = "js/earshot.js", "css/earshot.css"
LAYERS = (  # of the style, in their order
    *(
        "ground",
        "sidebar",
        "conversation",
        "turns",
        "clips",
        "heard",
        "composer",
        "dialogs",
        "model",
    ),
    *("host", "share", "sharing", "guests", "signs"),
)


def _bundled() -> dict[str, bytes]:
    scripts = {path.name: path.read_text("utf-8") for path in FOLDER.glob("js/*.js")}
    styles = ((FOLDER / "css" / f"{name}.css").read_bytes() for name in LAYERS)
    return {SCRIPT: bundling.scripts(scripts, "main.js").encode(), STYLE: b"".join(styles)}


LISTED = _bundled() | {
    path.relative_to(FOLDER).as_posix(): path.read_bytes()
    for shelf in SHELVES
    for path in sorted(FOLDER.glob(shelf))
    if path.suffix in TYPES
}
VERSION = blake2b(
    b"".join(name.encode() + body for name, body in LISTED.items()), digest_size=6
).hexdigest()


def text(name: str) -> str:
    """A template, or any other file of ours that becomes part of the page."""
    return (FOLDER / name).read_text(encoding="utf-8")


def address(name: str) -> str:
    assert name in LISTED, name
    return f"earshot/assets/{VERSION}/{name}"


async def give(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in LISTED:
        return JSONResponse({"sentence": "There is no such file."}, 404)
    # an older page may ask for an older version: it gets this one, but may not keep it
    is_current = request.path_params["version"] == VERSION
    keep = FOR_EVER if is_current else "no-store"
    type = TYPES[Path(name).suffix]
    return Response(LISTED[name], media_type=type, headers={"cache-control": keep})


MANIFEST = {
    "name": "Earshot",
    "short_name": "Earshot",
    "id": "/",
    "start_url": "/",
    "scope": "/",
    "display": "standalone",
    "background_color": "#f7f5ef",
    "theme_color": "#1f6f62",
    "icons": [
        {"src": f"/{address(f'icons/{name}')}", "sizes": size, "type": type, "purpose": purpose}
        for name, size, type, purpose in (
            ("logo.svg", "any", "image/svg+xml", "any"),
            ("icon-192.png", "192x192", "image/png", "any"),
            ("icon-512.png", "512x512", "image/png", "any"),
            ("icon-maskable.png", "512x512", "image/png", "maskable"),
        )
        if f"icons/{name}" in LISTED
    ],
}


async def manifest(request: Request) -> Response:
    """What an installed window needs to know. Gradio's page asks for it under this name."""
    body = json.dumps(MANIFEST)
    return Response(body, media_type="application/manifest+json")


async def worker(request: Request) -> Response:
    """The script that shows a sentence where the page would be, while Earshot is not running."""
    headers = {"service-worker-allowed": "/", "cache-control": "no-cache"}
    return Response(text("worker.js"), media_type="text/javascript", headers=headers)


async def offline(request: Request) -> Response:
    """That sentence, in the person's language."""
    language = i18n.of(request)
    told = {"logo": text("logo.svg"), "code": language.code}
    told |= {name: language.say(f"offline.{name}") for name in ("title", "how")}
    filled = re.sub(r"\{(\w+)\}", lambda name: told[name[1]], text("offline.html"))
    return Response(filled, media_type="text/html", headers={"cache-control": "no-store"})


ROUTES = [
    Route("/earshot/worker.js", worker),
    Route("/earshot/offline", offline),
    Route("/earshot/assets/{version}/{name:path}", give),
    Route("/manifest.json", manifest),
]
