"""NVIDIA GPUs: which of them can compute here, in which formats, and how PyTorch is set up for one.
Everything answers on a machine without one, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from model.errors import is_out_of_memory

_NATIVE_BF16 = (8, 0)  # compute capability: Ampere; before it, bfloat16 is emulated and slow


def devices() -> list[torch.device]:
    """Every NVIDIA GPU that PyTorch sees, by index; whether it can compute says `trouble`."""
    if not torch.cuda.is_available():
        return []
    return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]


def trouble(device: torch.device) -> str:
    """Why nothing can be computed on this GPU, as the end of a sentence; "" where it works.

    PyTorch calls a GPU available that it has no kernels for, and fails at the first operation: so
    one is tried. It is tried again later only where nothing but memory was lacking.
    """
    index, count = device.index or 0, torch.cuda.device_count()
    if index >= count:
        return f"GPUs are counted from 0, and there are {count} here"
    try:
        return _tried(index)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        return "its memory is taken up by other programs"


@cache
def _tried(index: int) -> str:
    """The same; raises where memory runs out, which is not kept."""
    device = torch.device("cuda", index)
    try:
        _try(device)
    except (RuntimeError, AssertionError) as error:  # as PyTorch raises without a driver
        if is_out_of_memory(error):
            raise
        return _reason(error, device)
    return ""


def _try(device: torch.device) -> None:
    """A small operation of each kind: an elementwise kernel, a matrix product, a copy back."""
    square = torch.ones(8, 8, device=device) + 1
    if float((square @ square).sum()) != 8 * 8 * 8 * 4:
        raise RuntimeError("it computes wrong results")


def _reason(error: Exception, device: torch.device) -> str:
    if "no kernel image" in str(error):
        major, minor = torch.cuda.get_device_capability(device)
        return (
            f"PyTorch {torch.__version__} has no kernels for its compute capability {major}.{minor}"
        )
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def name(device: torch.device) -> str:
    """As its maker calls it."""
    return torch.cuda.get_device_name(device)


def unusable() -> list[str]:
    """A sentence about each GPU that PyTorch sees and cannot compute with."""
    return [
        f"{name(device)} cannot be used: {reason}."
        for device in devices()
        if (reason := trouble(device))
    ]


def has_bf16(device: torch.device) -> bool:
    """Whether this GPU multiplies bfloat16 natively (PyTorch counts emulation, too)."""
    if torch.version.hip:
        return True
    return torch.cuda.get_device_capability(device) >= _NATIVE_BF16


def prepare() -> None:
    """Sets PyTorch up for prompts of ever new lengths: cuDNN's attention, which it prefers on new
    GPUs, builds a plan for each new shape, and that takes longer than the attention itself."""
    torch.backends.cuda.enable_cudnn_sdp(False)


def give_back_freed_memory() -> None:
    """To the driver: what PyTorch keeps for itself counts as taken."""
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()


@contextmanager
def exact_float32() -> Iterator[None]:
    """Within it, float32 is multiplied as such on a GPU: cuDNN's convolutions else take TF32, which
    has 10 bits of mantissa."""
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed
