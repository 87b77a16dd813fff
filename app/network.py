"""By which addresses and names others on the network reach this machine, and who has a port of it.
Opens none."""

import ipaddress
import json
import socket
import urllib.request
from contextlib import suppress
from http.client import HTTPException

import psutil

ELSEWHERE = (
    "198.51.100.1",
    9,
)  # an address of documentation: where the way out begins, nothing is sent


def addresses() -> list[str]:
    """IPv4 addresses of this machine that others can reach, the likeliest first."""
    found = [
        one.address
        for ones in psutil.net_if_addrs().values()
        for one in ones
        if one.family == socket.AF_INET and not _is_private_to_us(one.address)
    ]
    first = _on_the_way_out()
    return sorted(set(found), key=lambda address: (address != first, found.index(address)))


def names() -> list[str]:
    """What others on the network may call this machine."""
    own = socket.gethostname().lower().rstrip(".")
    short = own.split(".")[0]
    all = dict.fromkeys((f"{short}.local", short, own))
    return [name for name in all if name.isascii() and short not in ("", "localhost")]


def _is_private_to_us(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return ip.is_loopback or ip.is_link_local or ip.is_unspecified


def _on_the_way_out() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:  # no network
            return ""
        return probe.getsockname()[0]


def taken(port: int) -> str:
    """What is to be done about a port that something else has."""
    address = f"http://127.0.0.1:{port}/"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(OSError, ValueError, HTTPException):
        with direct.open(f"{address}earshot/alive", timeout=2) as answer:
            if "process" in json.loads(answer.read(4096)):
                return (
                    f"Earshot is running already: open {address}, or give this one another port "
                    "with --port."
                )
    return f"Port {port} is not free: give another one with --port."
