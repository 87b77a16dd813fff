"""The command line. Knows every package, so that they need not know each other."""

import argparse
import sys

from model.errors import EarshotError


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    cli = argparse.ArgumentParser(description="Chat about recordings on your own machine.")
    cli.add_argument("command", nargs="?", default="ui", choices=["ui"])
    cli.add_argument("--model", default="parrot", choices=["parrot"])
    cli.add_argument("--pause", type=float, default=0.0, help="seconds before each parroted word")
    cli.add_argument("--data", help="where conversations are kept; default: sessions/data")
    cli.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    cli.add_argument("--port", type=int, default=7860, help="default: %(default)s")
    cli.add_argument("--no-browser", action="store_true", help="do not open the page")
    return cli.parse_args(argv)


def ui(words: argparse.Namespace) -> None:
    from app.page import serve
    from model.engine import Parrot

    serve(
        Parrot(words.pause),
        words.data,
        host=words.host,
        port=words.port,
        open_browser=not words.no_browser,
        ready=lambda address: print(f"Earshot is at {address}", flush=True),
    )


def main() -> None:
    try:
        ui(parse())
    except EarshotError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
