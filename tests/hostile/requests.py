"""Requests as somebody with bad intentions would make them, for every address of a server.

The same seed makes the same requests of the same addresses. Nothing here sends them: see
benchmarks/fuzz.py.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW")
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
ENDLESS = re.compile(r"heartbeat|queue/data|host/level")  # streams: each costs a while
DEPTH = 4  # of what is nested
PREFIXES = (
    *("/file=", "/gradio_api/file=", "/gradio_api/file/", "/proxy=", "/gradio_api/proxy="),
    *("/static/", "/assets/", "/svelte/", "/gradio_api/custom_component/1/client/component/"),
    *(
        "/earshot/assets/x/",
        "/earshot/clips/",
        "/earshot/export/",
        "/s/",
        "/",
        "//",
        "/gradio_api/",
    ),
    *("/earshot/peaks/", "/earshot/spectrum/", "/earshot/reading/", "/gradio_api/stream/x/1/2/"),
    *("/gradio_api/upload?upload_id=", "/gradio_api/deep_link?session_hash=", "/pwa_icon/"),
)
UP = (
    "../",
    "..\\",
    "%2e%2e/",
    "..%2f",
    "%252e%252e%252f",
    "..%5c",
    ".%00./",
    "..;/",
    "//",
    "%c0%ae/",
)
QUERY = (
    *("name", "reading", "form", "tag", "words", "session_hash", "id", "start", "end", "at"),
    *("__theme", "c", "next", "upload_id", "url", "path", "view", "device"),
)
KEYS = (  # of what the page asks to be done
    *("conversation", "turn", "text", "clips", "edits", "words", "tag", "tags", "from", "count"),
    *("title", "days", "sampling", "system", "answer_language", "good", "note", "before", "until"),
    *("key", "name", "pinned", "digest", "path", "url", "id", "guest", "share", "bits", "current"),
)
OFFERED = ("text/html", "application/json", "text/event-stream", "*/*", "\xff", "a" * 3000)


@dataclass(frozen=True)
class Known:
    """What somebody who attacks may have found out."""

    routes: Sequence[tuple[str, Sequence[str]]]  # paths with {parameters}, and their methods
    commands: Sequence[str]  # server functions of the page …
    component: int  # … and which of Gradio's components has them
    ids: Sequence[str]  # of conversations and clips, one's own and others'
    files: Sequence[str]  # that should not be given, by absolute paths
    urls: Sequence[str]  # that should not be fetched
    askers: Sequence[str]  # who asks


@dataclass(frozen=True)
class Asked:
    who: str
    method: str
    path: str  # as it goes over the line
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def requests(known: Known, count: int, seed: int) -> Iterator[Asked]:
    chance = random.Random(seed)
    kinds = (addressed, addressed, commanded, commanded, climbing, queued)
    for _ in range(count):
        yield chance.choice(kinds)(known, chance)


def addressed(known: Known, chance: random.Random) -> Asked:
    """An address there is, with something else in it, asked in whatever way."""
    path, methods = chance.choice(known.routes)
    if ENDLESS.search(path) and chance.random() < 0.8:
        path, methods = chance.choice(known.routes)
    path = PARAMETER.sub(lambda _: quote(_value(known, chance), safe="/%"), path)
    usual = chance.random() < 0.8 and methods
    method = chance.choice(list(methods) if usual else METHODS)
    body = _body(known, chance) if method not in ("GET", "HEAD") else b""
    return _asked(known, chance, method, path + _query(known, chance), body)


def climbing(known: Known, chance: random.Random) -> Asked:
    """A file that is nobody's business, by some way up to it."""
    target = chance.choice((*known.files, *known.urls, *(f"file://{f}" for f in known.files)))
    if chance.random() < 0.6:
        target = chance.choice(UP) * chance.randrange(1, 12) + target.lstrip("/")
    if chance.random() < 0.2:
        target = quote(quote(target, safe=""), safe="")
    path = chance.choice(PREFIXES) + target
    method = chance.choice(("GET", "GET", "GET", "HEAD", "POST"))
    return _asked(known, chance, method, path)


def commanded(known: Known, chance: random.Random) -> Asked:
    """One of the page's commands, with something else than it expects."""
    data = {key: _thing(known, chance) for key in chance.sample(KEYS, chance.randrange(0, 8))}
    if chance.random() < 0.7:
        data["conversation"] = chance.choice(known.ids)
    who = chance.choice(list(known.askers))
    asked = {
        "session_hash": _session(known, chance, who),
        "component_id": known.component if chance.random() < 0.9 else chance.randrange(-2, 40),
        "fn_name": chance.choice(known.commands) if chance.random() < 0.95 else "__init__",
        "data": data if chance.random() < 0.8 else _thing(known, chance),
    }
    if chance.random() < 0.1:
        asked.pop(chance.choice(list(asked)))
    body = json.dumps(asked).encode()
    return _asked(known, chance, "POST", "/gradio_api/component_server", body, who)


def queued(known: Known, chance: random.Random) -> Asked:
    """What the page asks Gradio to do by itself."""
    who = chance.choice(list(known.askers))
    asked = {
        "data": [_thing(known, chance) for _ in range(chance.randrange(3))],
        "event_data": _thing(known, chance),
        "fn_index": chance.choice((0, 1, 2, 3, -1, 99, None, "x")),
        "session_hash": _session(known, chance, who),
        "trigger_id": chance.choice((None, 1, 10**9)),
    }
    where = ("queue/join", "queue/join", "run/predict", "call/look", "cancel", "reset", "upload")
    path = f"/gradio_api/{chance.choice(where)}"
    return _asked(known, chance, "POST", path, json.dumps(asked).encode(), who)


def _session(known: Known, chance: random.Random, who: str) -> object:
    """Gradio's: mostly one's own, at times somebody else's, or none that there could be."""
    if chance.random() < 0.85:
        return f"{who}{chance.randrange(2000)}"
    return chance.choice((f"{chance.choice(list(known.askers))}0", None, 7, ["x"], "", "\ud800"))


def _asked(
    known: Known, chance: random.Random, method: str, path: str, body: bytes = b"", who: str = ""
) -> Asked:
    headers = {"x-earshot": "1"} if chance.random() < 0.8 else {}
    if body:
        kinds = (
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
        )
        headers["content-type"] = (
            "application/json" if chance.random() < 0.85 else chance.choice(kinds)
        )
    odd = {
        "origin": ("http://evil.example", "null", ""),
        "host": ("evil.example", "localhost:1", "[::1]", ""),
        "accept": OFFERED,
        "accept-language": ("de", "ja", "xx;q=nan", "en;q=-1e999," * 50, "\xff"),
        "range": ("bytes=0-1", "bytes=-1", "bytes=5-2", "bytes=0-0,2-3," * 30, "lines=1"),
        "if-modified-since": ("x", "Thu, 01 Jan 1970 00:00:00 GMT"),
        "referer": tuple(known.urls),
        "x-gradio-user": ("admin",),
        "x-forwarded-host": ("evil.example",),
        "x-forwarded-proto": ("https", "javascript"),
        "x-gradio-server": tuple(known.urls),
        "sec-fetch-site": ("cross-site", "same-site"),
        "transfer-encoding": ("gzip",),
        "expect": ("100-continue",),
        "upgrade": ("websocket",),
    }
    for name in chance.sample(sorted(odd), chance.choice((0, 0, 0, 1, 2))):
        headers[name] = chance.choice(odd[name])
    return Asked(who or chance.choice(list(known.askers)), method, path, headers, body)


def _query(known: Known, chance: random.Random) -> str:
    if chance.random() < 0.4:
        return ""
    names = chance.sample(QUERY, chance.randrange(1, 4))
    return "?" + "&".join(f"{name}={quote(_value(known, chance), safe='%')}" for name in names)


def _value(known: Known, chance: random.Random) -> str:
    odd = ("", "0", "-1", "nan", "1e309", "9" * 400, "\0", "\n", "\u202e", "狗" * 50, "' or 1=1 --")
    odd += (
        "%00",
        "%",
        "<script>",
        "${7*7}",
        "{0.__class__}",
        "a" * 5000,
        "s1",
        "html",
        "json",
        "zip",
    )
    one = chance.random()
    if one < 0.4:
        return chance.choice(known.ids)
    if one < 0.6:
        up = chance.choice(UP) * chance.randrange(12)
        return up + chance.choice(known.files).lstrip("/" if up else "")
    return chance.choice((*odd, *known.urls))


def _body(known: Known, chance: random.Random) -> bytes:
    one = chance.random()
    if one < 0.5:
        return json.dumps(_thing(known, chance)).encode()
    if one < 0.6:
        return b"[" * 100_000
    if one < 0.7:
        return b"PK\3\4" + chance.randbytes(300)
    if one < 0.8:
        return (
            b'--x\r\ncontent-disposition: form-data; name="files"; filename="../../x.py"\r\n\r\nx'
        )
    return chance.randbytes(chance.randrange(2000))


def _thing(known: Known, chance: random.Random, depth: int = 0) -> object:
    """Any JSON there is, and what Gradio takes for files."""
    plain = (
        None,
        True,
        False,
        0,
        -1,
        1,
        2**63,
        10**30,
        1e308,
        float("nan"),
        "",
        "\ud800",
        "x" * 9999,
    )
    path, url = chance.choice(known.files), chance.choice(known.urls)
    file = {"path": path, "url": url, "orig_name": "x", "meta": {"_type": "gradio.FileData"}}
    one = chance.random()
    if one < 0.5 or depth == DEPTH:
        return chance.choice(plain)
    if one < 0.7:
        return _value(known, chance)
    if one < 0.8:
        return chance.choice((file, {"path": path}, {"url": url}, {"__type__": "update"}))
    if one < 0.9:
        return [_thing(known, chance, depth + 1) for _ in range(chance.randrange(4))]
    return {key: _thing(known, chance, depth + 1) for key in chance.sample(KEYS, 3)}
