"""A page whose engine fails as it is told to: `python -m tests.app.faulty --data DIR --port N`."""

from model.engine import Parrot
from tests.app.serving import serve_here


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
    serve_here(Faulty(pause=0.05))
