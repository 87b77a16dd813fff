"""Who may change this machine: the one place that decides it."""

import ipaddress


def is_owner(request) -> bool:
    """Whether a request, Starlette's or Gradio's, comes from this very machine. One that somebody
    passed on for another (a proxy, a tunnel) does not."""
    client = getattr(request, "client", None)
    passed_on = {"x-forwarded-for", "forwarded"} & {name.lower() for name in request.headers}
    try:
        return not passed_on and ipaddress.ip_address(client.host).is_loopback
    except (AttributeError, ValueError):
        return False
