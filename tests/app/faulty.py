"""A page whose engine fails as it is told to: `python -m tests.app.faulty --data DIR --port N`."""

import argparse

from app.page import serve
from model.engine import Parrot


class OutOfMemoryError(RuntimeError):
    """Named as PyTorch's is."""


FAULTS = {
    "memory": MemoryError(),
    "gpu": OutOfMemoryError("CUDA out of memory."),
    "driver": RuntimeError("CUDA error: out of memory"),
    "processor": RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    "bug": ZeroDivisionError("division by zero"),
}


class Faulty(Parrot):
    """Repeats what it is told, and then has the fault that is the last word of it."""

    def reply(self, messages, sampling, *, task=None):
        yield from super().reply(messages, sampling, task=task)
        if fault := FAULTS.get(str(messages[-1].parts[-1]).split()[-1]):
            raise fault


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--data")
    cli.add_argument("--port", type=int)
    cli.add_argument("--no-browser", action="store_true")
    words = cli.parse_args()
    serve(
        Faulty(pause=0.05),
        words.data,
        port=words.port,
        open_browser=False,
        ready=lambda address: print(address, flush=True),
    )
