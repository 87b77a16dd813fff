"""Where checkpoints are kept: found by name, fetched from the hub, or taken from a local folder.

One that other programs have fetched is found in the hub's cache, and not fetched again.
"""

import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from model import checkpoint, tokenizer
from model.checkpoint_files import folder_of
from model.errors import NoRoom, NoWeights
from model.machine import PACKAGED
from model.paths import expanded

DEFAULT = "earshot-mini"
HUB = {"qwen-audio-chat": "Qwen/Qwen-Audio-Chat", "qwen-audio": "Qwen/Qwen-Audio"}
_WANTED = ("*config.json", "qwen.tiktoken", "tokenizer.json", "*.safetensors*", "*.md", "LICENSE*")

LOOK_SECONDS = 0.5  # between two looks at what has arrived
Progress = Callable[[int, int], None]


def find(name: str, models: Path) -> Path:
    """The folder of a checkpoint, by its name (packaged, downloaded into `models`, or in the hub's
    cache; with or without its organisation) or path. Raises NoWeights."""
    name = next((ours for ours, theirs in HUB.items() if name == theirs), name)
    if name == DEFAULT:
        return PACKAGED
    path = expanded(name) if name.startswith("~") else Path(name)
    for folder in (models / path, cached(name), path):
        if name and folder is not None and os.path.isfile(folder / "config.json"):
            return folder_of(folder)
    if name in HUB and not os.path.lexists(path):
        raise NoWeights(f"{name} is not here yet. Fetch it: python launch.py download {name}")
    for folder in (path, models / path):
        if name and os.path.lexists(folder):
            return folder_of(folder)
    here = ", ".join([DEFAULT, *installed(models)])
    raise NoWeights(
        f"There is no checkpoint {name!r} and no folder of that name. Here are: {here}."
    )


def installed(models: Path) -> list[str]:
    """Names of the checkpoints in `models`, and of folders of the hub's cache with one."""
    files = (*models.glob("*/config.json"), *models.glob("*/snapshots/*/config.json"))
    return sorted({file.relative_to(models).parts[0] for file in files})


def unusable(models: Path) -> dict[str, str]:
    """What lies in `models` and is no checkpoint: its name, and a sentence on what it is instead.
    One that is being fetched is not among them."""
    found = {}
    known = {*HUB, *installed(models)}
    for path in sorted(models.iterdir()) if models.is_dir() else ():
        if path.name not in known and not path.name.startswith("."):
            try:
                folder_of(path)
            except NoWeights as error:
                found[path.name] = str(error)
    return found


def cached(name: str) -> Path | None:
    """The folder of a known checkpoint in the hub's cache, if it is there in full."""
    from huggingface_hub import try_to_load_from_cache

    if name not in HUB:
        return None
    config = try_to_load_from_cache(HUB[name], "config.json")
    try:
        checkpoint.shards(folder := Path(config).parent)
    except (NoWeights, TypeError):  # parts of it; nothing
        return None
    return folder


def fetch(name: str, models: Path, progress: Progress | None = None) -> Path:
    """Downloads a checkpoint from the hub into `models`, with the hub's own progress bars unless
    `progress` is told; what is there already is kept. Raises NoWeights offline, NoRoom on a full
    disk."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HTTPError, LocalEntryNotFoundError

    if name not in HUB:
        raise NoWeights(f"{name!r} is none of the checkpoints known here: {', '.join(HUB)}.")
    folder = models / name
    try:
        told = HfApi().model_info(HUB[name], files_metadata=True)
        files = [f for f in told.siblings if _is_wanted(f.rfilename)]
        total = sum(f.size or 0 for f in files)
        _need(total - _size(folder), models)
        with _watched(folder, total, progress):
            snapshot_download(
                HUB[name],
                revision=told.sha,
                local_dir=folder,
                allow_patterns=[f.rfilename for f in files],
            )
    except (HTTPError, LocalEntryNotFoundError, OSError) as error:
        if isinstance(error, OSError) and error.errno == 28:  # ENOSPC
            raise NoRoom("The disk is full. Make room and run the same command again.") from None
        raise NoWeights(
            f"{name} could not be fetched ({_reason(error)}). Is this machine online? Run the same "
            "command again to go on where it stopped, or bring the files from another machine and "
            f"use: python launch.py download {name} --from FOLDER"
        ) from None
    for file in files:
        if file.lfs is not None:
            _verify(folder / file.rfilename, file.lfs.sha256)
    checkpoint.shards(folder)
    return folder


def take(source: Path, name: str, models: Path, progress: Progress) -> Path:
    """Copies a checkpoint folder into `models`; files that are there in full are not copied again.
    Raises NoWeights where `source` is no complete checkpoint."""
    source = folder_of(source)
    checkpoint.read_config(source)
    tokenizer.load(source)
    checkpoint.shards(source)
    _bring(source, models / name, progress)
    return models / name


def quantised_copy(folder: Path, progress: Progress) -> Path:
    """Writes the 4-bit form of a checkpoint beside it, as NAME-4bit, and returns that folder.
    Raises NoRoom where neither a GPU nor the processor has the memory for it."""
    from model.placement import place_to_pack

    where = place_to_pack(checkpoint.count_weights(checkpoint.read_config(folder)))
    packed = folder.with_name(f"{folder.name}-4bit")
    model = checkpoint.load(folder, where, progress=progress)
    checkpoint.save(model, packed, beside=folder)
    return packed


def _bring(source: Path, target: Path, progress: Progress) -> None:
    files = [file for file in sorted(source.iterdir()) if file.is_file() and _is_wanted(file.name)]
    total, done = sum(file.stat().st_size for file in files), 0
    _need(total - _size(target), target.parent)
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        copy = target / file.name
        if not (copy.exists() and copy.stat().st_size == file.stat().st_size):
            shutil.copyfile(file, target / f"{file.name}.part")
            os.replace(target / f"{file.name}.part", copy)
        done += file.stat().st_size
        progress(done, total)


@contextmanager
def _watched(folder: Path, total: int, progress: Progress | None) -> Iterator[None]:
    """Tells, now and then, how much of a folder has arrived: the hub's bars cannot be asked."""
    if progress is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_SECONDS):
            progress(min(_size(folder), total), total)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    progress(total, total)


def _is_wanted(name: str) -> bool:
    return any(Path(name).match(pattern) for pattern in _WANTED) and "/" not in name


def _size(folder: Path) -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder.exists() else 0


def _need(n_bytes: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise NoRoom(
            f"This takes {n_bytes / 1e9:.1f} GB and {free / 1e9:.1f} GB are free on the disk of "
            f"{folder}. Make room, or choose another place with --data."
        )


def _verify(file: Path, sha256: str) -> None:
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() == sha256:
            return
    file.unlink()
    raise NoWeights(
        f"{file.name} arrived damaged (its checksum is wrong) and has been removed. "
        "Run the same command again: only this file is fetched anew."
    )


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
