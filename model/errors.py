"""What a person can mend: each message is a sentence that says what is wrong and what to do."""

import errno
import re

_OUT_OF_MEMORY = re.compile(
    r"out of memory"  # CUDA's runtime, its driver, Apple's GPU
    r"|(?:can't|cannot) allocate memory|not enough memory"  # the processor's allocator, by system
    r"|CUBLAS_STATUS_(?:ALLOC_FAILED|NOT_INITIALIZED)"  # no memory left for its handle
    r"|CU(?:DNN|SOLVER|SPARSE)_STATUS_\w*ALLOC\w*_FAILED|CUFFT_ALLOC_FAILED",
    re.IGNORECASE,
)
MACHINE_IS_FULL = "This machine's memory is full: close other programs, or use shorter recordings."


class EarshotError(Exception):
    """Shown as its sentence, never as a traceback."""


class Unplayable(EarshotError):
    """No usable sound came out of a file, of bytes or of a microphone."""


class Unreadable(Unplayable):
    """Damaged, or in a format no decoder here knows."""


class Mislabelled(Unplayable):
    """The name promises sound; the content is something else."""


class Empty(Unplayable):
    """There is no file, no byte, no audio stream or no sample."""


class Silent(Unplayable):
    """Every sample is (nearly) zero: a muted microphone."""


class Truncated(Unplayable):
    """The file ends before the length its own header states."""


class TooLarge(Unplayable):
    """More bytes or minutes than the limit allows."""


class DoesNotFit(EarshotError):
    """The conversation is longer than the model can read at once."""


class NoWeights(EarshotError):
    """A checkpoint is missing, incomplete or not one of ours."""


class NoRoom(EarshotError):
    """Memory or disk is too small for what was asked."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the memory of the processor or of a GPU ran out. PyTorch has a type for some of these
    errors; others are a RuntimeError (or torch.AcceleratorError) that says so only in words."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and bool(_OUT_OF_MEMORY.search(str(error)))
