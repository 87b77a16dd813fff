"""Checkpoints as people have them on their disks: which folder a path means, and what is wrong with
a file that cannot be read, as sentences. Reads no weights."""

import json
import os
import stat
from pathlib import Path

from model.errors import NoWeights

CONFIG, WEIGHTS = "config.json", "model.safetensors"
ADAPTER = "adapter_config.json"
POINTER = b"version https://git-lfs"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".msgpack", ".h5", ".onnx", ".npz")
PACKED = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".xz", ".zst")


def folder_of(path: Path) -> Path:
    """The folder with the config.json of the checkpoint that a path means: itself, or within a
    folder of the hub's cache the version that is current. Raises NoWeights with what it is instead,
    and what to do."""
    try:
        kind = path.stat().st_mode
        if not stat.S_ISDIR(kind):
            raise NoWeights(_what_file(path))
        names = sorted(os.listdir(path))
        if CONFIG in names and not (ADAPTER in names and WEIGHTS not in names):
            return path
        if "snapshots" in names:
            return _snapshot(path)
        raise NoWeights(_what_folder(path, names))
    except OSError as error:
        raise NoWeights(_refused(path, error)) from None


def damaged(file: Path, error: object) -> str:
    """What is wrong with a file of a checkpoint that could not be read because of `error`."""
    if isinstance(error, OSError) and error.errno is not None:
        return _refused(file, error)
    try:
        with open(file, "rb") as opened:
            head = opened.read(512)
    except OSError as refusal:
        return _refused(file, refusal)
    if head.startswith(POINTER):
        return (
            f"{file} is a Git LFS pointer, not the file itself: run `git lfs install` and `git lfs "
            "pull` in that folder, or fetch it without git."
        )
    if not head:
        return f"{file} is empty: fetch it again."
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            f"{file} is a web page, such as a proxy's or a hub's page to log in: fetch the file "
            "itself."
        )
    why = " ".join(str(error).split())[:200]
    return f"{file} is damaged ({why}): fetch it again."


def lacking(folder: Path, missing: list[str], n_files: int) -> str:
    """What to do where weight files are not there."""
    held = sorted(name for name in os.listdir(folder) if name.endswith((*PICKLED, ".gguf")))
    held = [name for name in held if not name.startswith(("training_args", "optimizer"))]
    if n_files == len(missing) and held:
        if held[0].endswith(".gguf"):
            return (
                f"{folder} lacks {missing[0]}. {held[0]} holds weights in GGUF, which is not read: "
                "give a checkpoint in safetensors."
            )
        return (
            f"{folder} lacks {missing[0]}. {held[0]} holds weights in a form that is not read, "
            "since to open it can run any program in it: give a checkpoint in safetensors."
        )
    return (
        f"{folder} lacks {len(missing)} of its {n_files} weight files ({missing[0]} …). "
        "Fetch it again; what is there is kept."
    )


def _refused(path: Path, error: OSError) -> str:
    why = error.strerror or str(error)
    if path.is_symlink() and not os.path.exists(path):
        return f"{path} is a link that leads nowhere ({why}): give the folder itself."
    return f"{path} cannot be read: {why}."


def _what_file(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(64)
    name = path.name.lower()
    if head.startswith(POINTER):
        return damaged(path, "")
    if head.startswith(b"GGUF") or name.endswith(".gguf"):
        return (
            f"{path} is a model in GGUF, which is for llama.cpp and is not read here: give the "
            "folder of the original checkpoint, with config.json and safetensors."
        )
    if name.endswith((".safetensors", ".json", ".tiktoken")):
        if (path.parent / CONFIG).exists():
            return f"{path} is one file of a checkpoint: give its folder, {path.parent}."
        return f"{path} is one file; a checkpoint is a folder, with config.json and tokenizer too."
    if name.endswith(PICKLED):
        return (
            f"{path} holds weights in a form that is not read, since to open it can run any "
            "program in it: give a checkpoint in safetensors."
        )
    if name.endswith(PACKED):
        return f"{path} is an archive: unpack it, and give the folder."
    return f"{path} is a file, and no checkpoint: a model is a folder with config.json and weights."


def _what_folder(path: Path, names: list[str]) -> str:
    if not names:
        return f"{path} is empty: no checkpoint has arrived there."
    if ADAPTER in names or "adapter_model.safetensors" in names or "adapter_model.bin" in names:
        return (
            f"{path} holds an adapter (LoRA) of {_base(path)}, not a model: merge it into that "
            "model first (peft: merge_and_unload, then save_pretrained), and give the folder that "
            "comes out."
        )
    if within := [name for name in names if (path / name / CONFIG).exists()]:
        return f"{path} is no checkpoint itself. Give one in it: {', '.join(within[:8])}."
    if cached := [name for name in names if name.startswith("models--")]:
        return f"{path} is a cache of several models. Give one in it: {', '.join(cached[:8])}."
    if any(name.endswith(".gguf") for name in names):
        return f"{path} holds a model in GGUF, which is not read: give the original checkpoint."
    return (
        f"{path} holds no config.json. Give a folder with a Qwen-Audio checkpoint, or fetch one "
        "with `python launch.py download qwen-audio-chat`."
    )


def _base(folder: Path) -> str:
    try:
        told = json.loads((folder / ADAPTER).read_bytes())
        return str(told["base_model_name_or_path"])[:100]
    except (OSError, ValueError, KeyError, TypeError):
        return "another model"


def _snapshot(cache: Path) -> Path:
    """Of a folder models--ORGANISATION--NAME in the hub's cache: what refs/main names, else the
    newest that has a configuration."""
    versions = [one for one in (cache / "snapshots").iterdir() if (one / CONFIG).exists()]
    main = cache / "refs" / "main"
    current = main.read_text(encoding="utf-8", errors="replace").strip() if main.is_file() else ""
    for one in versions:
        if one.name == current:
            return one
    if not versions:
        raise NoWeights(
            f"{cache} is a folder of the hub's cache, and its snapshots hold no config.json: the "
            "download is incomplete. Fetch it again."
        )
    return max(versions, key=lambda one: one.stat().st_mtime)
