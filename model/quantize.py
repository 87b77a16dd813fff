"""Which layers become 4 or 8 bit, and how a weight gets there. The only file that knows
bitsandbytes.

NF4 with double quantisation (QLoRA, arXiv 2305.14314, section 3) for the linear layers of the
language model and of the reader; encoder, norms, embeddings and (unless asked) the head stay in 16
bit. LLM.int8 (arXiv 2208.07339) for 8 bit.
"""

import logging
import warnings
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn

from model.errors import NoWeights

_DECODERS = ("llm.layers.", "reader.layers.")
_NF4 = {"quant_type": "nf4", "compress_statistics": True}


@cache
def library():
    """bitsandbytes, or a sentence. Its start-up chatter about optional kernels is left out."""
    try:
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import bitsandbytes
    except (ImportError, OSError, RuntimeError) as error:
        raise NoWeights(
            f"Weights of 4 or 8 bits need bitsandbytes, which does not load here ({error}). "
            "Install it with `pip install bitsandbytes`, or use a 16-bit checkpoint with --bits 16."
        ) from None
    return bitsandbytes


def swap_linears(model: nn.Module, bits: int, dtype: torch.dtype, *, head: bool = False) -> None:
    """Replaces the linear layers of the decoders (empty, on the meta device) in place."""
    bnb = library()
    wanted = [
        (name, layer)
        for name, layer in model.named_modules()
        if is_of_decoder(name, layer) or (head and name == "head")
    ]
    assert wanted, f"the model has no linear layers under {_DECODERS}"
    for name, layer in wanted:
        sizes = (layer.in_features, layer.out_features, layer.bias is not None)
        if bits == 4:
            new = bnb.nn.Linear4bit(*sizes, compute_dtype=dtype, device="meta", **_NF4)
        else:
            new = bnb.nn.Linear8bitLt(*sizes, has_fp16_weights=False, device="meta")
        model.set_submodule(name, new)


def is_of_decoder(name: str, layer: nn.Module) -> bool:
    """Whether a layer of the composite, by its name, is a linear one of the language model or of
    the reader: those that can be held in fewer bits."""
    return isinstance(layer, nn.Linear) and name.startswith(_DECODERS)


def is_quantised(layer: nn.Module) -> bool:
    """Whether the layer's weight is held in 4 or 8 bits."""
    return type(layer).__name__ in ("Linear4bit", "Linear8bitLt")


def has_8_bit_layers(model: nn.Module) -> bool:
    """Whether any of its weights is held in 8 bits."""
    return any(type(layer).__name__ == "Linear8bitLt" for layer in model.modules())


def compress(layer: nn.Module, weight: torch.Tensor, device: torch.device) -> nn.Parameter:
    """A weight (out, in) in floating point -> the parameter for `layer`, quantised on `device`."""
    bnb = library()
    if isinstance(layer, bnb.nn.Linear4bit):
        return bnb.nn.Params4bit(weight, module=layer, **_NF4).to(device)
    # by itself, Int8Params quantises only what comes from the processor
    codes, scales, _ = bnb.functional.int8_vectorwise_quant(weight.to(device, torch.float16))
    return bnb.nn.Int8Params(
        codes, requires_grad=False, has_fp16_weights=False, CB=codes, SCB=scales
    )


@dataclass(frozen=True)
class Packed:
    """A weight in 4 bits, as it is saved: two in a byte, and beside them what bitsandbytes calls
    its statistics."""

    weight: torch.Tensor
    stats: dict[str, torch.Tensor]

    def to(self, device: torch.device) -> "Packed":
        """A copy there: what was read is a view of the file, and would go on being read from it."""
        stats = {name: part.to(device, copy=True) for name, part in self.stats.items()}
        return Packed(self.weight.to(device, copy=True), stats)

    def state(self, device: torch.device | str = "cpu"):
        """The statistics as bitsandbytes works with them."""
        return library().functional.QuantState.from_dict(qs_dict=dict(self.stats), device=device)

    def expand(self, device: torch.device | str = "cpu") -> torch.Tensor:
        """Floating point (out, in), in the type it was made from."""
        weight = self.weight.to(device)
        return library().functional.dequantize_4bit(weight, self.state(device))


def adopt(layer: nn.Module, packed: Packed, device: torch.device):
    """A weight saved in 4 bits -> the parameter for a 4-bit `layer`."""
    packed = packed.to(device)
    return library().nn.Params4bit.from_prequantized(
        packed.weight, packed.stats, device=device, module=layer
    )


_NESTED = 256  # scales of blocks that share a scale of their own


def join(parts: Sequence[Packed]) -> Packed:
    """Weights of one width -> one with all their rows, number for number the same.

    Its scales are rounded as theirs are where theirs were rounded together, as `split` leaves them;
    else they are kept in 32 bits, at half a bit a weight.
    """
    states = [part.state() for part in parts]
    width, first = states[0].shape[1], states[0]
    n_blocks = [state.absmax.numel() for state in states]
    for state, n in zip(states, n_blocks, strict=True):
        assert state.shape.numel() == n * first.blocksize, f"{state.shape} is no whole blocks"
    whole = _copy(first, shape=torch.Size((sum(state.shape[0] for state in states), width)))
    offsets = {float(state.offset) if state.nested else None for state in states}
    if len(offsets) == 1 and first.nested and not any(n % _NESTED for n in n_blocks[:-1]):
        whole.absmax = torch.cat([state.absmax for state in states])
        whole.state2 = _copy(
            first.state2, absmax=torch.cat([state.state2.absmax for state in states])
        )
    else:
        _unnest(whole, torch.cat([_scales(state) for state in states]))
    weight = torch.cat([part.weight.flatten() for part in parts])[:, None]
    return Packed(weight, whole.as_dict(packed=True))


def split(packed: Packed, rows: Sequence[int]) -> list[Packed]:
    """The reverse of `join`: a weight of sum(rows) rows in parts of so many, number for number."""
    state = packed.state(packed.weight.device)
    width, flat = state.shape[1], packed.weight.flatten()
    n_blocks = [n * width // state.blocksize for n in rows]
    assert sum(n_blocks) * state.blocksize == state.shape.numel(), f"{rows} are no whole blocks"
    scales = None
    if not state.nested or any(n % _NESTED for n in n_blocks[:-1]):
        scales = _scales(state)
    parts, start = [], 0
    for n_rows, n in zip(rows, n_blocks, strict=True):
        part = _copy(state, shape=torch.Size((n_rows, width)))
        here = slice(start, start + n)
        if scales is None:
            part.absmax = state.absmax[here].clone()
            nested = slice(start // _NESTED, -(-(start + n) // _NESTED))
            part.state2 = _copy(state.state2, absmax=state.state2.absmax[nested].clone())
        else:
            _unnest(part, scales[here].clone())
        numbers = slice(start * state.blocksize // 2, (start + n) * state.blocksize // 2)
        parts.append(Packed(flat[numbers, None].clone(), part.as_dict(packed=True)))
        start += n
    return parts


def split_linear(layer: nn.Linear, rows: Sequence[int]) -> list[nn.Linear]:
    """Layers that compute the parts (so many numbers each) of what `layer` does; not in 8 bits."""
    biases = [None] * len(rows) if layer.bias is None else layer.bias.split(list(rows))
    if is_quantised(layer):
        stored = {}
        layer._save_to_state_dict(stored, "", False)  # the way round the form of a processor
        weight = stored.pop("weight")
        stats = {n[7:]: t for n, t in stored.items() if n.startswith("weight.")}
        weights = split(Packed(weight, stats), rows)
    else:
        weights = layer.weight.split(list(rows))
    parts = []
    for weight, bias in zip(weights, biases, strict=True):
        if isinstance(weight, Packed):
            sizes = (layer.in_features, weight.state().shape[0], bias is not None)
            dtype = layer.compute_dtype
            part = library().nn.Linear4bit(*sizes, compute_dtype=dtype, device="meta", **_NF4)
            part.weight = adopt(part, weight, layer.weight.device)
        else:
            part = nn.Linear(*weight.shape[::-1], bias is not None, device="meta")
            part.weight = nn.Parameter(weight.clone(), layer.weight.requires_grad)
        if bias is not None:
            part.bias = nn.Parameter(bias.clone(), layer.bias.requires_grad)
        parts.append(part)
    return parts


def _copy(state, **changed):
    twin = copy(state)
    for name, value in changed.items():
        setattr(twin, name, value)
    return twin


def _scales(state) -> torch.Tensor:
    """The scale of each block (blocks,) float32."""
    if not state.nested:
        return state.absmax
    functional = library().functional
    return functional.dequantize_blockwise(state.absmax, state.state2).float() + state.offset


def _unnest(state, scales: torch.Tensor) -> None:
    state.absmax, state.state2, state.offset, state.nested = scales, None, None, False


def packed_linear(layer: nn.Linear, weight: torch.Tensor) -> nn.Linear:
    """A 4-bit layer that computes as `layer` would with this weight (out, in), each number rounded
    to the nearest."""
    new = _without_weight(layer)
    new.weight = compress(new, weight.to(torch.bfloat16), weight.device)
    return new


def _without_weight(layer: nn.Linear) -> nn.Linear:
    sizes = (layer.in_features, layer.out_features, layer.bias is not None)
    new = library().nn.Linear4bit(*sizes, compute_dtype=torch.bfloat16, device="meta", **_NF4)
    new.bias = layer.bias
    return new


def levels(device: torch.device) -> torch.Tensor:
    """The 16 values of NF4, from -1 to 1."""
    return library().functional.get_4bit_type("nf4", device=device)


def stored_scales(scales: torch.Tensor, width: int) -> tuple[torch.Tensor, object]:
    """Scales (out, blocks) of a weight (out, width) -> the same as they are after double
    quantisation, and what `pack` needs of them."""
    functional = library().functional
    mean = scales.mean()
    codes, nested = functional.quantize_blockwise(scales.flatten() - mean, blocksize=256)
    state = functional.QuantState(
        absmax=codes,
        shape=torch.Size((len(scales), width)),
        code=levels(scales.device),
        blocksize=width // scales.shape[1],
        quant_type="nf4",
        dtype=torch.bfloat16,
        offset=mean,
        state2=nested,
    )
    return (functional.dequantize_blockwise(codes, nested) + mean).view_as(scales), state


def pack(layer: nn.Linear, codes: torch.Tensor, state) -> nn.Linear:
    """A 4-bit layer in the place of `layer`, with the weight levels[codes] * scales. Codes (out,
    in) count the levels; `state` is what `stored_scales` gave."""
    pairs = codes.to(torch.uint8).view(-1, 2)
    new = _without_weight(layer)
    bits = (pairs[:, :1] << 4) | pairs[:, 1:]
    new.weight = adopt(new, Packed(bits, state.as_dict(packed=True)), codes.device)
    return new


def weight_of(layer: nn.Linear) -> torch.Tensor:
    """The weight (out, in) of a layer, unpacked where it is quantised."""
    if not is_quantised(layer):
        return layer.weight.data
    functional, weight = library().functional, layer.weight
    if (scales := _scales_of_8_bits(layer)) is not None:
        return weight.data.float() * scales[:, None] / 127
    parts = {}
    layer._save_to_state_dict(parts, "", False)  # the way round the form that a processor repacks
    return functional.dequantize_4bit(parts["weight"], layer.weight.quant_state)


def _scales_of_8_bits(layer: nn.Module) -> torch.Tensor | None:
    """(out,), or None of a layer that is not in 8 bits. The first answer moves them from the weight
    to the layer's state."""
    if type(layer).__name__ != "Linear8bitLt":
        return None
    return layer.state.SCB if layer.weight.SCB is None else layer.weight.SCB


BLOCK = 32  # weights that share a scale in a matrix stored in 8 bits


def pack_rows(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, width) -> int8 (rows, width) and float16 scales (rows, width / 32).

    The form in which an embedding is stored, never computed with; exact for weights that come
    from the Q8_0 form of GGUF files.
    """
    blocks = weight.float().unflatten(1, (-1, BLOCK))
    scales = (blocks.abs().amax(2) / 127).half()
    steps = blocks / scales.float().clamp(min=1e-12)[..., None]
    return steps.round().clamp(-127, 127).to(torch.int8).flatten(1), scales


def unpack_rows(packed: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """What `pack_rows` packed, as float32 (rows, width)."""
    return (packed.unflatten(1, (-1, BLOCK)).float() * scales.float()[..., None]).flatten(1)


def footprint(model: nn.Module, device: torch.device | None = None) -> int:
    """Bytes of all weights (of those on this kind of device, where one is given), quantisation
    constants included; a shared weight counts once."""
    seen, total = set(), 0
    for layer in model.modules():
        scales = _scales_of_8_bits(layer)
        total += 0 if scales is None else scales.nbytes
    for parameter in model.parameters():
        elsewhere = device is not None and parameter.device.type != device.type
        if parameter.data_ptr() in seen or elsewhere:
            continue
        seen.add(parameter.data_ptr())
        total += parameter.numel() * parameter.element_size()
        state = getattr(parameter, "quant_state", None)
        if state is not None:
            total += sum(t.numel() * t.element_size() for t in state.as_dict(packed=True).values())
    return total
