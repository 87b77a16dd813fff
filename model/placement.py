"""Where a model runs and in how many bits, chosen by what is there. Loads nothing."""

from dataclasses import dataclass

import psutil
import torch

from model.errors import NoRoom

BITS = (4, 8, 16, 32)
_THREADS = torch.get_num_threads()  # as PyTorch or OMP_NUM_THREADS has it
_SMALL = 1_000_000_000  # weights in the linear layers of a language model that is small
_WORKING = 1 << 30  # bytes for activations and the memory of conversations, beside the weights


@dataclass(frozen=True)
class Placement:
    """A decision: device, number format of computation, bits of the language model's weights."""

    device: torch.device
    dtype: torch.dtype
    bits: int
    quantise_head: bool = False  # the output head in `bits` too, where it is not tied


@dataclass(frozen=True)
class Counts:
    """Weights of a model: in the language model's linear layers, in its head (0 where that is the
    embedding), elsewhere."""

    text: int
    head: int
    other: int

    @property
    def all(self) -> int:
        return self.text + self.head + self.other


def pick_device(wanted: str = "auto") -> torch.device:
    """From "auto", "cpu", "cuda", "cuda:1" or "mps"; refuses what is not here."""
    if wanted == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        if torch.backends.mps.is_available():
            return torch.device("mps")
        return torch.device("cpu")
    device = torch.device(wanted)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise NoRoom(
            "There is no NVIDIA GPU that PyTorch can use here. Leave out --device, "
            "or run `python launch.py doctor` to see what is missing."
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise NoRoom("There is no Apple GPU that PyTorch can use here. Leave out --device.")
    return device


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 natively; without it, emulation is slow."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # not in every PyTorch
    return any(getattr(torch.cpu, name, lambda: False)() for name in asked)


def share_cores(counts: Counts) -> None:
    """Leaves half the cores to the page and the browser when a small model runs on a processor.
    Holds for the calling thread and those that have not computed yet.

    Measured with Earshot-mini on 2 cores that another program kept busy: 32 tokens a second on one
    thread, 1.6 on two, where each waits in a loop for the other to be given a core; 28 where it
    waits asleep (OMP_WAIT_POLICY=PASSIVE).
    """
    half = max(1, (psutil.cpu_count(logical=False) or 2) // 2)
    torch.set_num_threads(half if counts.text < _SMALL else _THREADS)  # a small one may have left


def free_bytes(device: torch.device) -> int:
    """Memory that new weights could take on this device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def pick_dtype(device: torch.device, *, small: bool) -> torch.dtype:
    """bfloat16 where it is native; float32 for small models on processors without it."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if cpu_has_bf16() or not small else torch.float32


def place(
    counts: Counts, *, bits: int | None = None, device: str = "auto", quantise_head: bool = False
) -> Placement:
    """`bits` None picks what fits and is fastest. The head is quantised, too, where the model would
    not fit otherwise.

    Measured (Zen 4): at 135 M weights 16 bit is the faster, to the first token by half, since each
    4-bit call costs more than it saves; at 7 B, 4 bit is three times faster, but only with
    AVX512-BF16: without it every call unpacks the weights anew.
    """
    where = pick_device(device)
    small = counts.text < _SMALL
    dtype = pick_dtype(where, small=small)

    def needed(bits: int, head: bool) -> float:
        whole = 4 if bits == 32 else dtype.itemsize
        packed = {4: 0.52, 8: 1.0}.get(bits, whole)  # bytes a weight, with scales
        return (
            counts.text * packed + counts.head * (packed if head else whole) + counts.other * whole
        )

    def fits(bits: int, head: bool = quantise_head) -> bool:
        return needed(bits, head) + min(_WORKING, counts.text * 2) < free_bytes(where)

    if bits is None:
        if where.type == "cpu":
            bits = 16 if fits(16) and (small or not cpu_has_bf16()) else 4
        elif where.type == "mps":
            bits = 16  # bitsandbytes has no kernels there
        else:
            bits = 16 if small and fits(16) else 4
    if bits not in BITS:
        raise ValueError(f"bits is one of {BITS}; got {bits}")
    if where.type == "mps" and bits < 16:
        raise NoRoom("4 and 8 bits do not run on an Apple GPU. Use --bits 16 or --device cpu.")
    head = bits < 16 and (quantise_head or not fits(bits))
    if not fits(bits, head):
        way_on = "Close other programs, or use the smaller model that comes with Earshot."
        if bits > 4:
            way_on = "Use --bits 4, or the smaller model that comes with Earshot."
        raise NoRoom(
            f"These weights take about {needed(bits, head) / 1e9:.1f} GB in {bits} bits and "
            f"{free_bytes(where) / 1e9:.1f} GB are free on {where}. {way_on}"
        )
    if bits >= 16:
        dtype = torch.float32 if bits == 32 else dtype
        bits = dtype.itemsize * 8  # 32 also where the processor has no bfloat16
    return Placement(where, dtype, bits, head)
