"""A page before an engine of the tests: the end of a program that conftest.Server starts."""

import argparse

from app.page import serve
from model.engine import Engine


def serve_here(engine: Engine) -> None:
    """Where the command line says."""
    cli = argparse.ArgumentParser()
    cli.add_argument("--data")
    cli.add_argument("--port", type=int)
    cli.add_argument("--no-browser", action="store_true")
    words = cli.parse_args()
    serve(
        engine,
        words.data,
        port=words.port,
        open_browser=False,
        ready=lambda address: print(address, flush=True),
    )
