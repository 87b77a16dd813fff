"""Folders of weights to models and back: official names, shards, 4 bit while reading.

Each tensor is read, placed (or quantised) and let go before the next, so that the 16-bit model
never exists in memory. Finding and fetching folders is `model/weights.py`.
"""

import contextlib
import ctypes
import hashlib
import logging
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn

from model import cuda, quantize
from model.checkpoint_files import damaged, lacking
from model.embedding import CpuEmbedding
from model.errors import NoWeights
from model.fused import joined, part_names, take_apart, whole_name
from model.messages import Sampling
from model.placement import Counts, Placement
from model.qwen_audio import QwenAudio, QwenAudioConfig
from model.tasks import TASKS
from model.text_files import BadText, read_json

log = logging.getLogger(__name__)

RENAMED = {  # official: ours, in the order of the forward pass; {N} is what (\d+) found
    r"transformer\.audio\.(conv1|conv2)\.(weight|bias)": r"audio.\1.\2",
    r"transformer\.audio\.positional_embedding": r"audio.positions",
    r"transformer\.audio\.blocks\.(\d+)\.attn_ln\.(weight|bias)": (
        r"audio.layers.\1.self_attn_layer_norm.\2"
    ),
    r"transformer\.audio\.blocks\.(\d+)\.attn\.query\.(weight|bias)": (
        r"audio.layers.\1.self_attn.q_proj.\2"
    ),
    r"transformer\.audio\.blocks\.(\d+)\.attn\.key\.weight": (
        r"audio.layers.\1.self_attn.k_proj.weight"
    ),
    r"transformer\.audio\.blocks\.(\d+)\.attn\.value\.(weight|bias)": (
        r"audio.layers.\1.self_attn.v_proj.\2"
    ),
    r"transformer\.audio\.blocks\.(\d+)\.attn\.out\.(weight|bias)": (
        r"audio.layers.\1.self_attn.out_proj.\2"
    ),
    r"transformer\.audio\.blocks\.(\d+)\.mlp_ln\.(weight|bias)": (
        r"audio.layers.\1.final_layer_norm.\2"
    ),
    r"transformer\.audio\.blocks\.(\d+)\.mlp\.0\.(weight|bias)": r"audio.layers.\1.fc1.\2",
    r"transformer\.audio\.blocks\.(\d+)\.mlp\.2\.(weight|bias)": r"audio.layers.\1.fc2.\2",
    r"transformer\.audio\.(ln_post|proj)\.(weight|bias)": r"audio.\1.\2",
    r"transformer\.audio\.audio_bos_eos_token\.weight": r"audio.boundary.weight",
    r"transformer\.wte\.weight": r"llm.embed_tokens.weight",
    r"transformer\.h\.(\d+)\.ln_1\.weight": r"llm.layers.\1.input_layernorm.weight",
    r"transformer\.h\.(\d+)\.attn\.c_attn\.(weight|bias)": r"llm.layers.\1.self_attn.{qkv}_proj.\2",
    r"transformer\.h\.(\d+)\.attn\.c_proj\.weight": r"llm.layers.\1.self_attn.o_proj.weight",
    r"transformer\.h\.(\d+)\.ln_2\.weight": r"llm.layers.\1.post_attention_layernorm.weight",
    r"transformer\.h\.(\d+)\.mlp\.w1\.weight": r"llm.layers.\1.mlp.up_proj.weight",
    r"transformer\.h\.(\d+)\.mlp\.w2\.weight": r"llm.layers.\1.mlp.gate_proj.weight",
    r"transformer\.h\.(\d+)\.mlp\.c_proj\.weight": r"llm.layers.\1.mlp.down_proj.weight",
    r"transformer\.ln_f\.weight": r"llm.norm.weight",
    r"lm_head\.weight": r"head.weight",
}
# parts of a weight in 4 bits, as bitsandbytes names them, or of an embedding stored in 8 bits
_SCALE = "block_scale"
_PART = re.compile(rf"(.+\.weight)\.((?:nested_)?(?:absmax|quant_map)|quant_state\..+|{_SCALE})")
_PACKED = ""  # the part that bears the weight's own name
READER_TOKENIZER = "reader_tokenizer.json"
_FILES_BESIDE = (
    "qwen.tiktoken",
    "tokenizer.json",
    READER_TOKENIZER,
    "generation_config.json",
    "README.md",
)


def rename(official: str) -> str:
    """Our name for an official one; `{qkv}` stands for the three that are stacked in it."""
    for pattern, ours in RENAMED.items():
        if match := re.fullmatch(pattern, official):
            return match.expand(ours)
    raise NoWeights(
        f"The checkpoint holds {official}, a weight that Qwen-Audio has no place for: "
        "it belongs to another model."
    )


def read_config(folder: Path) -> QwenAudioConfig:
    """From config.json, the official one (model_type "qwen" with an "audio" part) or ours."""
    file = folder / "config.json"
    try:
        raw = read_json(file)
    except FileNotFoundError:
        raise NoWeights(
            f"{folder} holds no config.json. Give a folder with a Qwen-Audio checkpoint, "
            "or fetch one with `python launch.py download qwen-audio-chat`."
        ) from None
    except (BadText, OSError) as error:
        raise NoWeights(damaged(file, error)) from None
    kind = raw.get("model_type")
    try:
        if kind == QwenAudioConfig.model_type:
            return QwenAudioConfig(**raw)
        if kind == "qwen" and "audio" in raw:
            return _translate(raw, chats=_generation(folder).get("chat_format") != "raw")
    except KeyError as error:
        raise NoWeights(f"{folder}/config.json lacks {error}: fetch it again.") from None
    except Exception as error:  # transformers checks it with errors of its own
        raise NoWeights(damaged(file, error)) from error
    raise NoWeights(
        f"{folder} holds a model of type {kind!r}, which is not Qwen-Audio: only Qwen-Audio, "
        "Qwen-Audio-Chat and Earshot's own models are read."
    )


def read_sampling(folder: Path) -> Sampling:
    """How the checkpoint's makers let it speak: generation_config.json, or our defaults where it
    says nothing, or nothing that makes sense."""
    said = _generation(folder)
    if said.get("do_sample"):
        said = {"temperature": 1.0} | said  # what such a file means where it says nothing
    elif "do_sample" in said:
        said = said | {"temperature": 0}
    names = {
        "max_new_tokens": "max_tokens",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "repetition_penalty": "repetition_penalty",
    }
    sampling = Sampling()
    for theirs, ours in names.items():
        if said.get(theirs) is not None:
            try:
                sampling = replace(sampling, **{ours: said[theirs]})
            except ValueError as error:
                file = folder / "generation_config.json"
                log.warning("%s: %s. The usual value is taken.", file, error)
    return sampling


def _generation(folder: Path) -> dict:
    """What generation_config.json says; nothing where it is damaged, which is no reason not to
    answer."""
    file = folder / "generation_config.json"
    try:
        return read_json(file) if file.exists() else {}
    except (BadText, OSError) as error:
        log.warning("%s Usual values are taken.", damaged(file, error))
        return {}


def _translate(official: dict, chats: bool = True) -> QwenAudioConfig:
    audio = official["audio"]
    return QwenAudioConfig(
        text_config={
            "vocab_size": official["vocab_size"],
            "hidden_size": official["hidden_size"],
            "intermediate_size": official["intermediate_size"] // 2,  # theirs counts both branches
            "num_hidden_layers": official["num_hidden_layers"],
            "num_attention_heads": official["num_attention_heads"],
            "num_key_value_heads": official["num_attention_heads"],
            "head_dim": official["kv_channels"],
            "rms_norm_eps": official["layer_norm_epsilon"],
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": float(official["rotary_emb_base"]),
            },
            "max_position_embeddings": official["max_position_embeddings"],
            "initializer_range": official["initializer_range"],
        },
        audio_config={
            "num_mel_bins": audio["n_mels"],
            "max_source_positions": audio["n_ctx"],
            "d_model": audio["n_state"],
            "encoder_attention_heads": audio["n_head"],
            "encoder_layers": audio["n_layer"],
            "encoder_ffn_dim": 4 * audio["n_state"],
        },
        audio_start_id=audio["audio_start_id"],
        audio_end_id=audio["audio_start_id"] + 1,
        trained_length=official["seq_length"],
        dynamic_ntk=official["use_dynamic_ntk"],
        logn_attention=official["use_logn_attn"],
        tie_word_embeddings=official["tie_word_embeddings"],
        chats=chats,
        title="Qwen-Audio-Chat" if chats else "Qwen-Audio",
        licence="Tongyi Qianwen licence",
        note="Knows speech, sounds and music in eight languages; can mishear and make things up.",
        questions=(
            "Write down what is said.",
            "What sounds do you hear, and in what order?",
            "Who is speaking, and in what mood?",
        ),
        tasks=tuple(TASKS),
    )


def stamp(folder: Path) -> str:
    """Tells these weight files from others, by their names, sizes and times: reads none of them."""
    files = {file.name: file.stat() for file in shards(folder)}
    told = [(name, file.st_size, file.st_mtime_ns) for name, file in sorted(files.items())]
    return hashlib.blake2b(repr(told).encode(), digest_size=6).hexdigest()


def shards(folder: Path) -> dict[Path, list[str]]:
    """Weight files and the tensors in each, complete, or a sentence about what is missing."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        named: dict[Path, list[str]] = {}
        for tensor, file in _weight_map(index).items():
            named.setdefault(folder / Path(file).name, []).append(tensor)
    else:
        named = {folder / "model.safetensors": []}
    missing = [file.name for file in named if not file.exists()]
    if missing:
        raise NoWeights(lacking(folder, missing, len(named)))
    for file, tensors in named.items():
        try:
            with safe_open(file, framework="pt") as opened:
                held = set(opened.keys())
        except Exception as error:
            raise NoWeights(damaged(file, error)) from None
        if not set(tensors) <= held:
            raise NoWeights(f"{file.name} does not hold what its index says: fetch it again.")
        named[file] = sorted(held)
    return named


def _weight_map(index: Path) -> dict[str, str]:
    """Which file has which tensor."""
    try:
        files = read_json(index)["weight_map"]
        if files and all(isinstance(file, str) and Path(file).name for file in files.values()):
            return files
        raise ValueError("its weight_map names no files")
    except (BadText, OSError, KeyError, ValueError, AttributeError) as error:
        raise NoWeights(damaged(index, error)) from None


def _tensors(files: dict[Path, list[str]]) -> Iterator[tuple[str, torch.Tensor]]:
    """Our names and tensors, one at a time, the largest first: a tensor and its copy stand in
    memory together, best while little else does. What becomes one weight comes together. A file is
    mapped anew for each tensor, since mapped pages count as resident and would add up to the whole
    checkpoint."""
    sized, largest = [], Counter()
    for file, names in files.items():
        with safe_open(file, framework="pt") as opened:
            for name in names:
                size = prod(opened.get_slice(name).get_shape())
                ours = _whole(name)[0]
                together = whole_name(ours) or ours
                largest[together] = max(largest[together], size)
                sized.append((together, size, name, file))
    sized.sort(key=lambda row: (largest[row[0]], *row), reverse=True)
    for *_, name, file in sized:
        with safe_open(file, framework="pt") as opened:
            tensor = opened.get_tensor(name)
        if not name.startswith(("transformer.", "lm_head.")):
            yield name, tensor
            continue
        ours = rename(name)
        if "{qkv}" in ours:
            for letter, part in zip("qkv", tensor.chunk(3), strict=True):
                yield ours.replace("{qkv}", letter), part
        else:
            yield ours, tensor


def _whole(name: str) -> tuple[str, str]:
    """The weight a stored tensor belongs to, and which part of it."""
    match = _PART.fullmatch(name)
    return (match[1], match[2]) if match else (name, _PACKED)


def is_prequantised(folder: Path) -> bool:
    """Whether the weights are stored in 4 bits."""
    return any(".quant_state." in name for names in shards(folder).values() for name in names)


def count_weights(config: QwenAudioConfig) -> Counts:
    """How many weights there are, by what can become of them."""
    model = empty(config)
    text = sum(
        layer.weight.numel()
        for name, layer in model.named_modules()
        if quantize.is_of_decoder(name, layer)
    )
    head = 0 if config.tie_word_embeddings else model.head.weight.numel()
    embedding = 0 if config.tie_word_embeddings else model.llm.embed_tokens.weight.numel()
    other = sum(p.numel() for p in model.parameters()) - text - head
    return Counts(text, head, other, embedding)


def empty(config: QwenAudioConfig, *, fused: bool = False) -> QwenAudio:
    """The model without its weights: shapes only, no memory."""
    try:
        with torch.device("meta"):
            return QwenAudio(config, fused=fused)
    except Exception as error:  # whatever a layer of such a size makes of it
        why = " ".join(str(error).split())[:200]
        raise NoWeights(
            f"No model can be built as its config.json says ({why}): fetch it again."
        ) from error


class _Filling:
    """A model whose weights arrive one by one, in any order."""

    def __init__(self, model: QwenAudio, where: Placement, names: list[str]):
        self.model, self.where = model, where
        self.n_parts = Counter(_whole(name)[0] for name in names)
        self.waiting: dict[str, dict[str, torch.Tensor]] = {}  # parts of a compressed weight
        self.rows: dict[str, dict[str, torch.Tensor | quantize.Packed]] = {}  # of a fused one
        self.missing = {name for name, _ in model.named_parameters()}
        if model.config.tie_word_embeddings:
            self.missing.discard("head.weight")

    def add(self, name: str, tensor: torch.Tensor) -> None:
        whole, part = _whole(name)
        if self.n_parts[whole] <= 1:  # official names count none: theirs are never compressed
            self._arrived(whole, tensor)
            return
        parts = self.waiting.setdefault(whole, {})
        parts[part] = tensor
        if len(parts) < self.n_parts[whole]:
            return
        packed = self.waiting.pop(whole).pop(_PACKED)
        if _SCALE in parts:
            self._arrived(whole, quantize.unpack_rows(packed, parts[_SCALE]))
        else:
            self._arrived(whole, quantize.Packed(packed, parts))

    def _arrived(self, name: str, stored: torch.Tensor | quantize.Packed) -> None:
        """A weight that is complete. Where it becomes rows of another, that waits for the rest."""
        whole = whole_name(name)
        if whole in self.missing:
            rows = self.rows.setdefault(whole, {})
            rows[name] = stored
            names = part_names(whole)
            if len(rows) == len(names):
                rows = self.rows.pop(whole)
                self._put(whole, joined([rows[name] for name in names]))
        else:
            self._put(name, stored)

    def _put(self, name: str, tensor: torch.Tensor | quantize.Packed) -> None:
        layer, leaf = self._find(name)
        if isinstance(tensor, quantize.Packed):
            if quantize.is_quantised(layer) and self.where.bits == 4:
                value = quantize.adopt(layer, tensor, self.where.device)
                self._set(layer, leaf, value, name)
                return
            tensor = tensor.expand(self.where.device)
        wanted = getattr(layer, leaf).shape
        if tensor.shape != wanted:
            raise NoWeights(
                f"{name} has the shape {tuple(tensor.shape)} where {tuple(wanted)} is wanted: "
                "config.json and weights belong to different models."
            )
        device, dtype = self.where.device_of(name), self.where.dtype
        if leaf == "weight" and quantize.is_quantised(layer):
            value = quantize.compress(layer, tensor.to(dtype), device)
        else:
            value = nn.Parameter(tensor.to(device, dtype, copy=True), requires_grad=False)
        self._set(layer, leaf, value, name)

    def _find(self, name: str) -> tuple[nn.Module, str]:
        path, _, leaf = name.rpartition(".")
        try:
            layer = self.model.get_submodule(path)
            getattr(layer, leaf)
        except AttributeError:
            raise NoWeights(
                f"The checkpoint holds {name}, a weight that its config.json has no place for."
            ) from None
        return layer, leaf

    def _set(self, layer: nn.Module, leaf: str, value: nn.Parameter, name: str) -> None:
        setattr(layer, leaf, value)
        self.missing.discard(name)

    def finish(self) -> QwenAudio:
        lacking = {part for whole in self.missing for part in part_names(whole)}
        lacking -= {part for rows in self.rows.values() for part in rows}
        if lacking := sorted(lacking | self.waiting.keys()):
            raise NoWeights(
                f"The checkpoint lacks {len(lacking)} weights ({lacking[0]} …): fetch it again."
            )
        if self.model.config.tie_word_embeddings:
            self.model.head.weight = self.model.llm.embed_tokens.weight
        return self.model.eval()


def load(
    folder: Path,
    where: Placement,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> QwenAudio:
    """The model in `folder`, official or ours, on `where.device` in `where.bits` bits.

    `progress` is told the bytes read so far and in all. Raises NoWeights.
    """
    config = read_config(folder)
    model = empty(config, fused=where.fused)
    files = shards(folder)
    if where.device.type == "cuda":
        cuda.prepare()
    if where.embedding_on_cpu:
        assert not config.tie_word_embeddings, "this embedding is the head, too"
        sizes = (config.text_config.vocab_size, config.text_config.hidden_size)
        model.llm.embed_tokens = CpuEmbedding(*sizes, device="meta")
    total, done = sum(file.stat().st_size for file in files), 0
    if where.bits < 16:
        head = where.quantise_head and not config.tie_word_embeddings
        quantize.swap_linears(model, where.bits, where.dtype, head=head)
    filling = _Filling(model, where, [name for names in files.values() for name in names])
    for name, tensor in _tensors(files):
        filling.add(name, tensor)
        if (done + tensor.nbytes) >> 30 > done >> 30:
            give_back_freed_memory()
        done += tensor.nbytes
        progress(done, total)
        del tensor
    give_back_freed_memory()
    cuda.give_back_freed_memory()
    return filling.finish()


def give_back_freed_memory() -> None:
    """To the system. glibc keeps freed blocks: 0.9 GB after quantising was seen, and 3 GB where
    tensors of many sizes come and go."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # other C libraries have no such call
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def save(
    model: QwenAudio, folder: Path, *, beside: Path | None = None, embedding_bits: int = 16
) -> None:
    """Writes weights in our names (4-bit ones as they are), config.json, and the tokenizers and
    card found in `beside`. With `embedding_bits` 8, so are the embeddings stored, and beside a
    reader the encoder's linear layers.

    Save a 4-bit model before its first answer: on a CPU that repacks the weights for speed. Fused
    layers come apart.
    """
    from huggingface_hub import save_torch_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    take_apart(model)
    weights = model.state_dict()
    if model.config.tie_word_embeddings:
        del weights["head.weight"]
    if embedding_bits == 8:
        for name in _stored_in_8_bits(model):
            weights[name], weights[f"{name}.{_SCALE}"] = quantize.pack_rows(weights[name])
    save_torch_state_dict(
        {name: tensor.contiguous() for name, tensor in weights.items()},
        folder,
        max_shard_size="45MB" if quantize.footprint(model) < 1e9 else "2GB",
    )
    model.config.save_pretrained(folder)
    for name in _FILES_BESIDE:
        if beside is not None and (beside / name).exists() and beside != folder:
            shutil.copy2(beside / name, folder / name)


def _stored_in_8_bits(model: QwenAudio) -> list[str]:
    """Weights that a small file holds in 8 bits. Of the encoder only where a reader is beside it:
    a model without one may have learned its encoder anew, and be stored as it was measured."""
    kinds = (nn.Embedding,) if model.reader is None else (nn.Embedding, nn.Linear)
    return [
        f"{name}.weight"
        for name, layer in model.named_modules()
        if (name.endswith("embed_tokens") or name.startswith("audio.layers."))
        and isinstance(layer, kinds)
    ]
