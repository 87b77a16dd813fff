"""An address as a picture that a phone's camera reads, where segno is installed."""

import io


def for_terminal(address: str) -> str:
    """In half blocks, for a dark ground; empty without segno."""
    try:
        import segno
    except ImportError:
        return ""
    drawn = io.StringIO()
    segno.make(address, error="l").terminal(drawn, border=2, compact=True)
    return drawn.getvalue()


def for_page(address: str) -> str:
    """As the address of a picture; empty without segno."""
    try:
        import segno
    except ImportError:
        return ""
    return segno.make(address, error="m").svg_data_uri(scale=4, border=3, light="#fff")
