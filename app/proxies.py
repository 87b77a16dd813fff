"""Proxies named in the environment: made usable for every library, once, at the start.

Downloads go through them. Addresses of this machine never do, and what no library here can use is
left out and told, instead of ending the program while it starts. Passwords in them are never told.
"""

import importlib.util
import ipaddress
import os
import re
import urllib.request
from collections.abc import Callable, MutableMapping

from model.errors import EarshotError
from model.machine import Finding

LOOPBACK = ("localhost", "127.0.0.1", "::1")  # what we ask at this machine
LEFT_OUT = "EARSHOT_LEFT_OUT_PROXIES"  # names of variables, for programs that we start
KINDS = ("http", "https", "all")
VARIABLES = [name for kind in KINDS for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY")]
SCHEMES = ("http", "https", "socks5", "socks5h")
NAME = re.compile(r"(https?://)?(\*\.?)?[\w.-]*(:\d{1,5})?(/\d{1,3})?", re.ASCII)


class NoProxy(EarshotError):
    """The proxy that a download should go through cannot be used."""


def prepare(
    environment: MutableMapping[str, str] = os.environ,
    of_system: Callable[[], dict[str, str]] = urllib.request.getproxies,
) -> list[str]:
    """Changes the environment, before any library reads it. Returns sentences for the person.

    `of_system` gives those of the system's settings too (macOS, Windows), which libraries forget
    as soon as the environment names an exception."""
    if not any(environment.get(name) for name in VARIABLES):
        for kind, address in of_system().items():
            if kind in KINDS:
                environment[f"{kind}_proxy"] = address
    told = []
    for name in VARIABLES:
        if address := environment.get(name, ""):
            if usable := _usable(address):
                environment[name] = usable
            else:
                del environment[name]
                told.append(name)
    lost = _except_this_machine(environment)
    if told:
        environment[LEFT_OUT] = " ".join(told)
    sentences = [_left_out(told)] if told else []
    if lost:
        sentences.append(f"NO_PROXY: {', '.join(lost)} cannot be understood and is left out.")
    return sentences


def check_download(environment: MutableMapping[str, str] = os.environ) -> None:
    """Raises NoProxy where the proxy for downloads was left out: whoever named one may not want to
    be seen without."""
    names = environment.get(LEFT_OUT, "").split()
    used = [name for name in VARIABLES if environment.get(name)]
    for kind in ("https", "all"):
        if any(name.lower() == f"{kind}_proxy" for name in used):
            return
        if mine := [name for name in names if name.lower() == f"{kind}_proxy"]:
            raise NoProxy(f"Nothing is downloaded without the proxy. {_left_out(mine)}")


def finding(environment: MutableMapping[str, str] = os.environ) -> list[Finding]:
    """What the environment says of proxies, if anything."""
    if names := environment.get(LEFT_OUT, "").split():
        remedy = f"Give {', '.join(names)} such an address, or unset it."
        return [Finding(None, "Proxy", _left_out(names), remedy)]
    if names := [name for name in VARIABLES if environment.get(name)]:
        sentence = f"Downloads go as {', '.join(names)} says; the page and this machine do not."
        return [Finding(True, "Proxy", sentence)]
    return []


def _left_out(names: list[str]) -> str:
    return (
        f"The proxy in {' and '.join(names)} cannot be used and is left out: possible are "
        f"addresses like http://HOST:PORT, https://HOST:PORT or socks5://HOST:PORT{_once_installed()}."
    )


def _once_installed() -> str:
    return "" if _speaks_socks() else " (after pip install socksio)"


def _speaks_socks() -> bool:
    return importlib.util.find_spec("socksio") is not None


def _usable(address: str) -> str:
    """The address as every library understands it; empty where none does."""
    import httpx

    address = address.strip()
    scheme, found, rest = address.partition("://")
    if not found:
        scheme, rest = "http", address
    scheme = {"socks": "socks5"}.get(scheme.lower(), scheme.lower())  # as desktops write it
    if scheme not in SCHEMES or (scheme.startswith("socks") and not _speaks_socks()):
        return ""
    address = f"{scheme}://{rest}"
    try:
        url = httpx.Proxy(address).url
        good = url.host and 0 < (url.port or 1) < 1 << 16
    except (ValueError, httpx.InvalidURL):  # a scheme, a name, a port
        return ""
    return address if good and rest.isprintable() and " " not in rest else ""


def _except_this_machine(environment: MutableMapping[str, str]) -> list[str]:
    """Adds loopback to the exceptions where anything speaks of proxies. Returns the exceptions that
    libraries stumble over, which are removed."""
    before = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    entries = [entry.strip() for entry in before.split(",") if entry.strip()]
    if not entries and not any(environment.get(name) for name in VARIABLES):
        return []
    kept = [entry for entry in map(_bare, entries) if _is_exception(entry)]
    lost = [entry for entry in entries if not _is_exception(_bare(entry))]
    everything = "*" if "*" in kept else ",".join(dict.fromkeys((*kept, *LOOPBACK)))
    environment["no_proxy"] = environment["NO_PROXY"] = everything
    return lost


def _bare(entry: str) -> str:
    """[::1] without its brackets."""
    return entry[1:-1] if entry.startswith("[") and entry.endswith("]") else entry


def _is_exception(entry: str) -> bool:
    """Whether an exception is an address or a name, with whatever port, that all can read."""
    import httpx

    try:
        ipaddress.ip_address(entry)
        return True
    except ValueError:
        pass
    host = entry.rpartition("//")[2].lstrip("*.")
    try:
        return entry == "*" or bool(NAME.fullmatch(entry) and httpx.URL(f"http://{host}").host)
    except (ValueError, httpx.InvalidURL):
        return False
