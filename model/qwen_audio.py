"""Configuration and composite: an audio encoder before a Qwen2 decoder, and where it is configured
before a speech decoder too (`reader`).

Qwen-Audio, Qwen-Audio-Chat and Earshot-mini are this class with different configurations. Qwen-7B
is a Qwen2 decoder without grouped keys, plus the two rules of `model/longcontext.py`.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedConfig, Qwen2AudioEncoderConfig, Qwen2Config

from model.encoder import AudioEncoder
from model.layers import DecoderLayer, Past, RMSNorm, initialise
from model.listening.heads import Heads, HeadsConfig
from model.longcontext import logn_scale, ntk_alpha, rotary
from model.nn.speech_decoder import SpeechDecoder, SpeechDecoderConfig
from model.spec import TRAINED_LENGTH


class QwenAudioConfig(PreTrainedConfig):
    """Sizes are in `text_config` (a Qwen2Config) and `audio_config` (a Qwen2AudioEncoderConfig)."""

    model_type = "earshot"
    sub_configs = {"text_config": Qwen2Config, "audio_config": Qwen2AudioEncoderConfig}

    text_config: dict | PreTrainedConfig | None = None
    audio_config: dict | PreTrainedConfig | None = None
    pool: str = "mean"  # or "stack"
    pool_size: int = 2  # encoder steps of 20 ms in one slot
    out_norm: bool = False
    audio_pad_id: int = 151_851
    audio_start_id: int = 155_163
    audio_end_id: int = 155_164
    trained_length: int = TRAINED_LENGTH
    dynamic_ntk: bool = True
    logn_attention: bool = True
    tie_word_embeddings: bool = False
    chats: bool = True  # reads ChatML; the pretrained Qwen-Audio reads a clip and tags
    reads_tags: bool = True  # was taught tasks by their tags; else they are asked in words
    title: str = ""  # what people call this model
    licence: str = ""
    note: str = ""  # one honest sentence on what it can and cannot do
    questions: list[str] | tuple[str, ...] = ("What do you hear?",)  # good ones to begin with
    tasks: list[str] | tuple[str, ...] = ()  # rows of model/tasks.py it was taught, by name
    understands: list[str] | tuple[str, ...] = ()  # languages of questions ("en"); none: any
    slots: bool = True  # a clip stands in the prompt as vectors; False: as its notes alone
    reader: dict | None = None  # sizes of Whisper's decoder over the same encoder, where it has one
    heads: dict | None = None  # the names of linear heads on the encoder, where it has them

    def __post_init__(self, **kwargs):
        if not isinstance(self.text_config, PreTrainedConfig):
            self.text_config = Qwen2Config(**(self.text_config or {}))
        if not isinstance(self.audio_config, PreTrainedConfig):
            self.audio_config = Qwen2AudioEncoderConfig(**(self.audio_config or {}))
        for name in ("pool", "pool_size", "out_norm"):
            setattr(self.audio_config, name, getattr(self, name))
        self.text_config.tie_word_embeddings = self.tie_word_embeddings
        if self.reader is not None:
            width, wanted = self.speech_decoder.width, self.audio_config.d_model
            if width != wanted:
                raise ValueError(f"the reader is {width} numbers wide, the encoder {wanted}")
        if self.heads is not None:
            HeadsConfig.of(self.heads)
        super().__post_init__(**kwargs)

    @property
    def context(self) -> int:
        """Positions the model can read at once."""
        return self.text_config.max_position_embeddings

    @property
    def speech_decoder(self) -> SpeechDecoderConfig:
        """Of the reader. Raises ValueError for sizes that make no sense."""
        try:
            return SpeechDecoderConfig(**self.reader)
        except TypeError as error:
            raise ValueError(f"reader: {error}") from None

    def alpha(self, n_prompt: int) -> float:
        """The rotary widening for a prompt of this many positions."""
        return ntk_alpha(n_prompt, self.trained_length) if self.dynamic_ntk else 1.0


class TextModel(nn.Module):
    """The language model without its head. Reads embeddings; positions and the rotary base are
    arguments, so that no call depends on the one before it. With `recomputes`, gradients take
    little memory and more time."""

    def __init__(self, config: Qwen2Config, *, fused: bool = False):
        super().__init__()
        self.config, self.recomputes = config, False
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            DecoderLayer(config, i, fused=fused) for i in range(config.num_hidden_layers)
        )
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        initialise(self, config.initializer_range)

    def forward(
        self,
        embeds: torch.Tensor,
        positions: torch.Tensor,
        *,
        alpha: float = 1.0,
        logn_from: int | None = None,
        mask: torch.Tensor | None = None,
        past: Past | None = None,
    ) -> torch.Tensor:
        """Embeddings (batch, n, width) at positions (1 or batch, n) -> hidden states (batch, n,
        width).

        `past` keeps keys and values (see model/cache.py); `mask` is True where a query may look, or
        added to the scores; None for plain causal reading from position 0 or for a single query
        that sees everything.
        """
        config = self.config
        turn = rotary(
            positions,
            config.head_dim,
            config.rope_parameters["rope_theta"],
            alpha,
            embeds.dtype,
            scale=None if logn_from is None else logn_scale(positions, logn_from),
            heads=(config.num_attention_heads, config.num_key_value_heads),
        )
        x = embeds
        for layer in self.layers:
            if self.recomputes and torch.is_grad_enabled():
                x = checkpoint(layer, x, turn, mask, past, use_reentrant=False)
            else:
                x = layer(x, turn, mask, past)
        return self.norm(x)


class Output(NamedTuple):
    """Logits (batch, n, vocabulary), and the mean loss of a label where there are labels."""

    loss: torch.Tensor | None
    logits: torch.Tensor


class QwenAudio(nn.Module):
    """Sound and text in, next-token logits out. `fused` is the form of the decoder's layers: see
    model/layers.py."""

    def __init__(self, config: QwenAudioConfig, *, fused: bool = False):
        super().__init__()
        self.config = config
        text = config.text_config
        self.audio = AudioEncoder(config.audio_config, text.hidden_size)
        self.llm = TextModel(text, fused=fused)
        self.head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        initialise(self.head, text.initializer_range)
        if config.tie_word_embeddings:
            self.head.weight = self.llm.embed_tokens.weight
        self.reader = SpeechDecoder(config.speech_decoder) if config.reader else None
        width, heads = config.audio_config.d_model, config.heads
        self.heads = Heads(HeadsConfig.of(heads), width) if heads else None

    def embed(self, ids: torch.Tensor, spans: list[torch.Tensor]) -> torch.Tensor:
        """Token ids (batch, n) -> embeddings (batch, n, width), with the spans of sound, in
        reading order, in the places that their ids hold open."""
        config = self.config
        sound = (
            (ids == config.audio_pad_id)
            | (ids == config.audio_start_id)
            | (ids == config.audio_end_id)
        )
        embeds = self.llm.embed_tokens(ids.masked_fill(sound, 0))
        if not spans:
            return embeds
        vectors = torch.cat(spans).to(embeds.dtype)
        assert int(sound.sum()) == len(vectors), f"{int(sound.sum())} slots, {len(vectors)} vectors"
        return embeds.masked_scatter(sound[..., None], vectors)

    def read(self, embeds: torch.Tensor, *, alpha: float, past=None) -> torch.Tensor:
        """Embeddings (1, n, width) that follow what `past` holds -> hidden states (1, n, width)."""
        n, start = embeds.shape[1], len(past) if past is not None else 0
        positions = torch.arange(start, start + n, device=embeds.device)[None]
        mask = None
        if start and n > 1:  # sdpa's own causal mask would start at the first key
            seen = torch.arange(start + n, device=embeds.device)
            mask = (seen[None, :] <= positions[0][:, None])[None, None]
        logn_from = self.logn_from
        if logn_from is not None and start + n <= logn_from:
            logn_from = None  # up to there, it changes nothing
        hidden = self.llm(embeds, positions, alpha=alpha, logn_from=logn_from, mask=mask, past=past)
        if past is not None:
            past.advance(n)
        return hidden

    @property
    def logn_from(self) -> int | None:
        """The trained length, where log-n attention is on."""
        return self.config.trained_length if self.config.logn_attention else None

    def forward(
        self,
        input_ids: torch.Tensor,
        mels: torch.Tensor | None = None,
        n_frames: list[int] | None = None,
        labels: torch.Tensor | None = None,
    ) -> Output:
        """A whole batch at once, without memory: as judge of the fast path.

        ids (batch, n), padded on the right; mels (windows, mels, 3000) in reading order; labels
        (batch, n) with -100 where nothing is to be learnt.
        """
        spans = self.audio(mels, n_frames) if mels is not None else []
        hidden = self.read(
            self.embed(input_ids, spans), alpha=self.config.alpha(input_ids.shape[1])
        )
        logits, loss = self.head(hidden), None
        if labels is not None:
            loss = cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())
        return Output(loss, logits)
