"""Who sits at this machine, and so may change it: the one place that decides it."""

import ipaddress

HOME = "localhost", "127.0.0.1", "[::1]", "::1"  # names by which one reaches it from itself
THROUGH = {"forwarded", "x-forwarded-for", "x-real-ip", "via"}  # headers of whoever passes it on


def is_owner(request) -> bool:
    """Whether a request, Starlette's or Gradio's, comes from this very machine, and by its own
    name. One that somebody passed on for another (a proxy, a tunnel) does not."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    named = headers.get("host", "").rsplit(":", 1)[0]
    try:
        is_here = ipaddress.ip_address(request.client.host).is_loopback
    except (AttributeError, ValueError):  # no address, or a test client's name
        return False
    return is_here and named in HOME and not THROUGH & headers.keys()
