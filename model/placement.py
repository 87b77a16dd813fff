"""Where a model runs and in how many bits, chosen by what is there. Loads nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import torch

from model import cuda
from model.errors import NoRoom

BITS = (4, 8, 16, 32)
_THREADS = torch.get_num_threads()  # as PyTorch or OMP_NUM_THREADS has it
_SMALL = 1_000_000_000  # weights in the linear layers of a language model that is small
_WORKING = 1 << 30  # bytes for activations and the memory of conversations, beside the weights
_WORKING_LITTLE = 800_000_000  # the same with SMALL_CHUNK: 0.25 GB, and about 1000 positions
_PACKING = 300_000_000  # bytes beside the weights while they are quantised
_PACKED = {4: 0.52, 8: 1.0}  # bytes a weight of so many bits, with its scales
CHUNK = {"cuda": 2048, "mps": 512, "cpu": 256}  # positions read between two chances to stop
SMALL_CHUNK = 512  # on a GPU whose memory is scarce
_EMBEDDING = "llm.embed_tokens.weight"


@dataclass(frozen=True)
class Placement:
    """A decision: device, number format of computation, bits of the language model's weights."""

    device: torch.device
    dtype: torch.dtype
    bits: int
    quantise_head: bool = False  # the output head in `bits` too, where it is not tied
    embedding_on_cpu: bool = False  # its rows are looked up there, and copied to `device`
    fused: bool = False  # the form of the layers for answers, not for training (model/layers.py)

    def device_of(self, parameter: str) -> torch.device:
        """Where a parameter of the model lies, by its name."""
        off = self.embedding_on_cpu and parameter == _EMBEDDING
        return torch.device("cpu") if off else self.device

    @property
    def chunk(self) -> int:
        """Positions of a prompt read at once: what they need beside the weights grows with them."""
        return SMALL_CHUNK if self.embedding_on_cpu else CHUNK[self.device.type]

    def bytes_on_device(self, counts: "Counts") -> int:
        """Memory that the weights take on `device`."""
        whole = self.dtype.itemsize
        packed = _PACKED.get(self.bits, whole)
        head = counts.head * (packed if self.quantise_head else whole)
        away = counts.embedding if self.embedding_on_cpu else 0
        return int(counts.text * packed + head + (counts.other - away) * whole)

    def bytes_working(self, counts: "Counts") -> int:
        """Memory beside the weights without which no conversation is possible."""
        return min(_WORKING_LITTLE if self.embedding_on_cpu else _WORKING, counts.text * 2)

    @property
    def remarks(self) -> list[str]:
        """What is out of the ordinary about it, for a person."""
        said = []
        if self.quantise_head:
            said.append(f"The output head takes {self.bits} bits too.")
        if self.embedding_on_cpu:
            said.append(
                "The GPU has little memory: the embedding stays in the processor's, and prompts "
                f"are read {self.chunk} positions at once."
            )
        return said


@dataclass(frozen=True)
class Counts:
    """Weights of a model: in its decoders' linear layers, in its head (0 where that is the
    embedding), elsewhere."""

    text: int
    head: int
    other: int
    embedding: int = 0  # of `other`, those of an embedding that is not the head

    @property
    def all(self) -> int:
        return self.text + self.head + self.other


def pick_device(wanted: str = "auto") -> torch.device:
    """From "auto", "cpu", "cuda", "cuda:1" or "mps"; refuses what is not here, or does not work."""
    if wanted == "auto":
        return next(_usable(), torch.device("cpu"))
    try:
        device = torch.device(wanted)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in CHUNK:
        raise NoRoom(f"There is no device {wanted!r}. Give cpu, cuda, cuda:1 or mps.")
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise NoRoom(
                "There is no NVIDIA GPU that PyTorch can use here. Leave out --device, "
                "or run `python launch.py doctor` to see what is missing."
            )
        if reason := cuda.trouble(device):
            raise NoRoom(f"{device} cannot be used: {reason}. Leave out --device.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise NoRoom("There is no Apple GPU that PyTorch can use here. Leave out --device.")
    return device


def _usable() -> Iterator[torch.device]:
    """The GPUs that can compute, the one to be used first."""
    yield from (device for device in cuda.devices() if not cuda.trouble(device))
    if torch.backends.mps.is_available():
        yield torch.device("mps")


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
        return torch.bfloat16 if cuda.has_bf16(device) else torch.float16
    if device.type == "mps":
        return torch.float16
    return torch.bfloat16 if cpu_has_bf16() or not small else torch.float32


def place(
    counts: Counts, *, bits: int | None = None, device: str = "auto", quantise_head: bool = False
) -> Placement:
    """`bits` None picks what fits and is fastest. Where the model would not fit otherwise, the head
    is quantised too; and where that is not enough on an NVIDIA GPU, the embedding, of which a token
    needs one row, stays in the processor's memory.

    Measured (Zen 4): at 135 M weights 16 bit is the faster, to the first token by half, since each
    4-bit call costs more than it saves; at 7 B, 4 bit is three times faster, but only with
    AVX512-BF16: without it every call unpacks the weights anew.
    """
    where = pick_device(device)
    small = counts.text < _SMALL
    dtype = pick_dtype(where, small=small)
    if bits not in (None, *BITS):
        raise ValueError(f"bits is one of {BITS}; got {bits}")
    if bits is None:
        whole = _whole(where, dtype, 16)
        if where.type == "cpu":
            bits = 16 if _fits(whole, counts) and (small or not cpu_has_bf16()) else 4
        elif where.type == "mps":
            bits = 16  # bitsandbytes has no kernels there
        else:
            bits = 16 if small and _fits(whole, counts) else 4
    if where.type == "mps" and bits < 16:
        raise NoRoom("4 and 8 bits do not run on an Apple GPU. Use --bits 16 or --device cpu.")
    if bits >= 16:
        tries = [_whole(where, dtype, bits)]
    else:
        tries = _packed(where, dtype, bits, counts, quantise_head)
    for one in tries:
        if _fits(one, counts):
            return one
    way_on = "Close other programs, or use the smaller model that comes with Earshot."
    if bits > 4:
        way_on = "Use --bits 4, or the smaller model that comes with Earshot."
    needed = tries[-1].bytes_on_device(counts) + tries[-1].bytes_working(counts)
    raise NoRoom(
        f"These weights and a conversation take about {needed / 1e9:.1f} GB in {bits} bits and "
        f"{free_bytes(where) / 1e9:.1f} GB are free on {where}. {way_on}"
    )


def place_to_pack(counts: Counts) -> Placement:
    """Where a model is brought into 4 bits to be stored, and not asked anything: on an NVIDIA GPU,
    or where that is too small, on the processor. Its head stays in 16 bits, for GPUs that have room
    for it."""
    refused = None
    for device in dict.fromkeys((pick_device(), torch.device("cpu"))):
        if device.type == "mps":
            continue
        dtype = pick_dtype(device, small=False)
        one = Placement(device, dtype, 4, embedding_on_cpu=device.type == "cuda", fused=True)
        # the largest weight stands beside its copy when little else is there yet
        largest = max(counts.embedding, counts.head) * dtype.itemsize
        needed = max(one.bytes_on_device(counts), 2 * largest)
        if needed + _PACKING < free_bytes(device):
            return one
        refused = (needed, device)
    needed, device = refused
    raise NoRoom(
        f"Bringing these weights into 4 bits takes about {needed / 1e9:.1f} GB of memory and "
        f"{free_bytes(device) / 1e9:.1f} GB are free on {device}. Close other programs."
    )


def _whole(device: torch.device, dtype: torch.dtype, bits: int) -> Placement:
    """Not quantised; in 32 bits also where the processor has no bfloat16."""
    dtype = torch.float32 if bits == 32 else dtype
    return Placement(device, dtype, dtype.itemsize * 8, fused=True)


def _packed(
    device: torch.device, dtype: torch.dtype, bits: int, counts: Counts, quantise_head: bool
) -> list[Placement]:
    """Ways to run in 4 or 8 bits, the fastest first."""
    heads = (True,) if quantise_head else (False, True)
    ways = [Placement(device, dtype, bits, head, fused=True) for head in heads]
    if device.type == "cuda" and counts.embedding:
        ways.append(Placement(device, dtype, bits, True, embedding_on_cpu=True, fused=True))
    return ways


def _fits(where: Placement, counts: Counts) -> bool:
    needed = where.bytes_on_device(counts) + where.bytes_working(counts)
    return needed < free_bytes(where.device)
