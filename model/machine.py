"""What this machine has to think with: processors, memory and weights, as findings in sentences.

Torch is imported inside the functions, so that whoever shows a finding need not load it.
"""

import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from model.errors import NoWeights

PACKAGED = Path(__file__).parents[1] / "assets" / "earshot-mini"
BIG = 5.8e9  # bytes of a GPU on which Qwen-Audio-Chat runs at 4 bits: see model/placement.py
BIG_ON_CPU = 9e9  # the same of the processor's memory, with room for a conversation
BIG_UNPACKED = 19e9  # the same in 16 bits
SMALL = 2e9  # bytes that let Earshot-mini answer in comfort


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for. ok: True, it is there; False, it is lacking and something
    will not work; None, Earshot works as it is, and the sentence says with what difference."""

    ok: bool | None
    subject: str
    sentence: str
    remedy: str = ""  # what to do, where something can be done


@dataclass(frozen=True)
class Fit:
    """Whether Qwen-Audio-Chat can be held here with pleasure, and if not, why."""

    why: str  # "": it can; "none": no GPU; "small": too small a one; "taken": not enough of it free
    device: str = ""
    free: float = 0.0  # bytes …
    total: float = 0.0
    wants: float = BIG
    bits: int = 4


def fit(spare: float = 0.0) -> Fit:
    """For a GPU on which `spare` bytes more would be free once the present model has left."""
    import psutil
    import torch

    from model import cuda

    if (gpu := _nvidia()) is not None:
        free, total = torch.cuda.mem_get_info(gpu)
        return _fit(cuda.name(gpu), min(free + spare, total), total, BIG, 4)
    if torch.backends.mps.is_available():  # where all memory is the GPU's
        now = psutil.virtual_memory()
        return _fit("Apple", min(now.available + spare, now.total), now.total, BIG_UNPACKED, 16)
    return Fit("none")


def _nvidia():
    """The NVIDIA GPU that would be used, or None."""
    from model.placement import pick_device

    device = pick_device()
    return device if device.type == "cuda" else None


def _fit(device: str, free: float, total: float, wants: float, bits: int) -> Fit:
    why = "" if free >= wants else "taken" if total >= wants else "small"
    return Fit(why, device, free, total, wants, bits)


def findings(weights_folder: Path) -> list[Finding]:
    """Everything about computing; downloaded checkpoints are looked for in `weights_folder`."""
    return [graphics(), processor(), memory(), four_bits(), *weights(weights_folder)]


def graphics() -> Finding:
    """The GPU that would be used, if any."""
    import torch

    from model import cuda

    unusable = cuda.unusable()
    if (gpu := _nvidia()) is not None:
        return _nvidia_found(gpu, unusable)
    if torch.backends.mps.is_available():
        return Finding(True, "GPU", "Apple's GPU is used, in 16 bits (4 bits do not run on it).")
    if unusable:
        return Finding(
            False,
            "GPU",
            f"{' '.join(unusable)} So the processor does the thinking.",
            "Install the build of PyTorch that pytorch.org names for this GPU; where none has "
            "kernels for it, Earshot goes on as it is, with Earshot-mini.",
        )
    if shutil.which("nvidia-smi"):
        return Finding(
            False,
            "GPU",
            f"There is an NVIDIA driver, but PyTorch {torch.__version__} cannot use its GPU.",
            "Run nvidia-smi to see whether the driver works, and install the CUDA build of "
            "PyTorch that pytorch.org names for this system.",
        )
    return Finding(
        None,
        "GPU",
        "None that PyTorch can use, so the processor does the thinking: "
        "quick enough for Earshot-mini, slow for Qwen-Audio-Chat.",
        "Nothing, for Earshot-mini. For Qwen-Audio-Chat, an NVIDIA GPU with "
        f"{_gb(BIG)} free or more.",
    )


def _nvidia_found(gpu, unusable: list[str]) -> Finding:
    import torch

    from model import cuda

    free, total = torch.cuda.mem_get_info(gpu)
    sentence = " ".join([f"{cuda.name(gpu)} with {_gb(free)} of {_gb(total)} free.", *unusable])
    if not cuda.has_bf16(gpu):
        sentence += " It computes in float16."
    if free >= BIG:
        return Finding(True, "GPU", sentence)
    remedy = f"Qwen-Audio-Chat at 4 bits wants {_gb(BIG)}. " + (
        "Close other programs that use the GPU."
        if total >= BIG
        else "Use Earshot-mini, or start with --device cpu."
    )
    return Finding(None, "GPU", sentence, remedy)


def processor() -> Finding:
    """Cores, and whether 4-bit weights are quick on them."""
    import psutil

    from model.placement import cpu_has_bf16

    cores = psutil.cpu_count(logical=False) or os.cpu_count()
    have = f"{platform.machine()}, {_count(cores, 'core')}"
    if cpu_has_bf16():
        return Finding(True, "Processor", f"{have}, with bfloat16 instructions: good for 4 bits.")
    return Finding(
        None,
        "Processor",
        f"{have}, without AVX512-BF16: a 7 B model in 4 bits takes some 20 s a word on it, "
        "since each weight is unpacked again at every step.",
        "Nothing, for Earshot-mini or with a GPU. Otherwise use --bits 16 where memory allows.",
    )


def memory() -> Finding:
    """Working memory that is free now."""
    import psutil

    now = psutil.virtual_memory()
    sentence = f"{_gb(now.available)} of {_gb(now.total)} free"
    if now.available >= BIG_ON_CPU:
        return Finding(True, "Memory", f"{sentence}: enough for any of the models at 4 bits.")
    if now.available >= SMALL:
        return Finding(
            None,
            "Memory",
            f"{sentence}: enough for Earshot-mini, or for Qwen-Audio-Chat on a GPU.",
            f"For Qwen-Audio-Chat on the processor, free {_gb(BIG_ON_CPU)}.",
        )
    return Finding(False, "Memory", f"{sentence}: too little.", "Close other programs.")


def four_bits() -> Finding:
    """Whether bitsandbytes loads here and gives back what it packed."""
    import torch

    from model import quantize
    from model.placement import pick_device

    device = pick_device()
    if device.type == "mps":
        return Finding(None, "4 bits", "bitsandbytes does not run on Apple's GPU: 16 bits it is.")
    weight = torch.linspace(-1, 1, 64 * 64, device=device).reshape(64, 64)
    try:
        bnb = quantize.library()
        unpacked = bnb.functional.dequantize_4bit(*bnb.functional.quantize_4bit(weight))
    except (NoWeights, RuntimeError, AttributeError, NotImplementedError) as error:
        return Finding(
            False,
            "4 bits",
            f"bitsandbytes does not work: {_first_line(error)}",
            "pip install --upgrade --force-reinstall bitsandbytes. Until then, use --bits 16.",
        )
    if (worst := (unpacked - weight).abs().max().item()) > 0.3:  # NF4's widest step is 0.3
        return Finding(
            False,
            "4 bits",
            f"bitsandbytes {bnb.__version__} gives wrong weights on {device} (off by {worst:.2f}).",
            "Use --bits 16, and report it with the version of the driver.",
        )
    return Finding(
        True, "4 bits", f"bitsandbytes {bnb.__version__} works on the {_called(device)}."
    )


def weights(folder: Path, packaged: Path = PACKAGED) -> Iterator[Finding]:
    """The packaged model, and each downloaded checkpoint, a folder NAME in `folder`."""
    if (packaged / "config.json").exists():
        yield _checkpoint("Earshot-mini", packaged, "Get the whole repository again (git pull).")
    else:
        yield Finding(
            False,
            "Weights",
            "Earshot-mini is not where it belongs, in assets/earshot-mini.",
            "Get the whole repository again (git pull), or use --model with another checkpoint.",
        )
    names = sorted(path.name for path in _folders(folder))
    if not names:
        yield Finding(
            None,
            "Weights",
            "No other checkpoint has been downloaded.",
            "For Qwen-Audio-Chat: python launch.py download qwen-audio-chat",
        )
    for name in names:
        yield _checkpoint(name, folder / name, f"python launch.py download {name}")


def _checkpoint(name: str, folder: Path, remedy: str) -> Finding:
    from model import tokenizer
    from model.checkpoint import read_config, shards
    from model.checkpoint_files import folder_of

    try:
        folder = folder_of(folder)
        read_config(folder)
        tokenizer.load(folder)
        size = sum(file.stat().st_size for file in shards(folder))
    except NoWeights as error:
        sentence = f"{name} is incomplete: {_first_line(error)}"
        return Finding(False, "Weights", sentence.replace(str(folder), name), remedy)
    return Finding(True, "Weights", f"{name} is complete ({_gb(size)}).")


def _folders(folder: Path) -> Iterable[Path]:
    return (path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()


def _called(device) -> str:
    return "processor" if device.type == "cpu" else "GPU"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _gb(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.1f} GB"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
