"""Official-looking checkpoints with random weights, of any size: what benchmarks and tests load."""

import json
from base64 import b64encode
from itertools import islice, product
from pathlib import Path
from zlib import crc32

import torch
from safetensors.torch import save_file

from model.spec import N_RANKS

_GRAIN = 4_194_301  # a prime: no two rows of a matrix are alike, and no two logits tie for it
FULL = {  # the published sizes of Qwen-Audio(-Chat)
    "hidden_size": 4096,
    "intermediate_size": 22016,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "kv_channels": 128,
    "vocab_size": 155_947,
    "n_state": 1280,
    "n_head": 20,
    "n_layer": 32,
}
TOY = {
    "hidden_size": 128,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "kv_channels": 64,
    "vocab_size": 155_947,
    "n_state": 64,
    "n_head": 2,
    "n_layer": 2,
}


def official_config(sizes: dict) -> dict:
    """config.json as the official checkpoints have it."""
    text = {name: size for name, size in sizes.items() if not name.startswith("n_")}
    return {
        "architectures": ["QWenLMHeadModel"],
        "model_type": "qwen",
        **text,
        "layer_norm_epsilon": 1e-5,
        "rotary_emb_base": 10_000,
        "seq_length": 2048,
        "max_position_embeddings": 8192,
        "initializer_range": 0.02,
        "use_dynamic_ntk": True,
        "use_logn_attn": True,
        "tie_word_embeddings": False,
        "audio": {
            "n_mels": 80,
            "n_ctx": 1500,
            "n_state": sizes["n_state"],
            "n_head": sizes["n_head"],
            "n_layer": sizes["n_layer"],
            "output_dim": sizes["hidden_size"],
            "avg_pool": True,
            "add_audio_bos_eos_token": True,
            "audio_start_id": 155_163,
        },
    }


def official_shapes(sizes: dict) -> dict[str, tuple[int, ...]]:
    """Names and shapes of every tensor, in the order of the forward pass."""
    width, inner, ear = sizes["hidden_size"], sizes["intermediate_size"] // 2, sizes["n_state"]
    heads = sizes["num_attention_heads"] * sizes["kv_channels"]
    audio = "transformer.audio"
    shapes = {
        f"{audio}.positional_embedding": (1500, ear),
        f"{audio}.conv1.weight": (ear, 80, 3),
        f"{audio}.conv1.bias": (ear,),
        f"{audio}.conv2.weight": (ear, ear, 3),
        f"{audio}.conv2.bias": (ear,),
        f"{audio}.ln_post.weight": (ear,),
        f"{audio}.ln_post.bias": (ear,),
        f"{audio}.proj.weight": (width, ear),
        f"{audio}.proj.bias": (width,),
        f"{audio}.audio_bos_eos_token.weight": (2, width),
    }
    for layer in range(sizes["n_layer"]):
        block = f"{audio}.blocks.{layer}"
        for name in ("attn.query", "attn.key", "attn.value", "attn.out"):
            shapes[f"{block}.{name}.weight"] = (ear, ear)
            if name != "attn.key":
                shapes[f"{block}.{name}.bias"] = (ear,)
        for name in ("attn_ln", "mlp_ln"):
            shapes |= {f"{block}.{name}.{leaf}": (ear,) for leaf in ("weight", "bias")}
        shapes |= {f"{block}.mlp.0.weight": (4 * ear, ear), f"{block}.mlp.0.bias": (4 * ear,)}
        shapes |= {f"{block}.mlp.2.weight": (ear, 4 * ear), f"{block}.mlp.2.bias": (ear,)}
    shapes["transformer.wte.weight"] = (sizes["vocab_size"], width)
    for layer in range(sizes["num_hidden_layers"]):
        block = f"transformer.h.{layer}"
        shapes |= {
            f"{block}.ln_1.weight": (width,),
            f"{block}.attn.c_attn.weight": (3 * heads, width),
            f"{block}.attn.c_attn.bias": (3 * heads,),
            f"{block}.attn.c_proj.weight": (width, heads),
            f"{block}.ln_2.weight": (width,),
            f"{block}.mlp.w1.weight": (inner, width),
            f"{block}.mlp.w2.weight": (inner, width),
            f"{block}.mlp.c_proj.weight": (width, inner),
        }
    shapes["transformer.ln_f.weight"] = (width,)
    shapes["lm_head.weight"] = (sizes["vocab_size"], width)
    return shapes


def write(folder: Path, sizes: dict, *, shard_bytes: int = 2 << 30) -> int:
    """Writes config, vocabulary, shards and index; returns the number of weights."""
    folder.mkdir(parents=True, exist_ok=True)
    write_vocabulary(folder)
    (folder / "config.json").write_text(json.dumps(official_config(sizes)))
    torch.manual_seed(0)
    grain = (torch.randn(_GRAIN) * 0.02).bfloat16()  # drawn once: billions of draws take minutes
    pending: list[dict[str, tuple[int, ...]]] = [{}]
    room = shard_bytes
    for name, shape in official_shapes(sizes).items():
        size = 2 * torch.Size(shape).numel()
        if size > room and pending[-1]:
            pending.append({})
            room = shard_bytes
        pending[-1][name] = shape
        room -= size
    index, total = {}, 0
    for number, shard in enumerate(pending, 1):
        file = f"model-{number:05d}-of-{len(pending):05d}.safetensors"
        tensors = {name: _filled(grain, shape, name) for name, shape in shard.items()}
        save_file(tensors, folder / file, metadata={"format": "pt"})
        index |= dict.fromkeys(shard, file)
        total += sum(tensor.numel() for tensor in tensors.values())
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 2 * total}, "weight_map": index})
    )
    return total


def write_vocabulary(folder: Path) -> None:
    """A `qwen.tiktoken` of the right size: all bytes, then pairs and triples of them."""
    words = [bytes([byte]) for byte in range(256)]
    words += [bytes(pair) for pair in product(range(256), repeat=2)]
    words += [bytes(three) for three in islice(product(range(256), repeat=3), N_RANKS - len(words))]
    lines = (f"{b64encode(word).decode()} {rank}\n" for rank, word in enumerate(words))
    (folder / "qwen.tiktoken").write_text("".join(lines))


def _filled(grain: torch.Tensor, shape: tuple[int, ...], name: str) -> torch.Tensor:
    """Each tensor from another place of the grain on."""
    if "ln_" in name or "_ln" in name:
        return torch.full(shape, float(name.endswith("weight")), dtype=torch.bfloat16)
    n, start = torch.Size(shape).numel(), crc32(name.encode()) % len(grain)
    return grain.repeat(-(-(start + n) // len(grain)))[start : start + n].reshape(shape)
