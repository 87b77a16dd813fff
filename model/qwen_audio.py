"""Configuration and composite: an audio encoder before transformers' own Qwen2 decoder.

Qwen-Audio, Qwen-Audio-Chat and Earshot-mini are this class with different configurations. Qwen-7B
is a Qwen2 decoder without grouped keys, plus the two rules of `model/longcontext.py`.
"""

import torch
from torch import nn
from transformers import Qwen2AudioEncoderConfig, Qwen2Config
from transformers.configuration_utils import PreTrainedConfig
from transformers.modeling_outputs import CausalLMOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2Attention,
    Qwen2Model,
    apply_rotary_pos_emb,
    eager_attention_forward,
)

from model.encoder import AudioEncoder
from model.longcontext import logn_scale, ntk_alpha, rotary
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
    title: str = ""  # what people call this model
    licence: str = ""
    note: str = ""  # one honest sentence on what it can and cannot do
    questions: list[str] | tuple[str, ...] = ("What do you hear?",)  # good ones to begin with
    tasks: list[str] | tuple[str, ...] = ()  # rows of model/tasks.py it was taught, by name
    understands: list[str] | tuple[str, ...] = ()  # languages of questions ("en"); none: any

    def __post_init__(self, **kwargs):
        if not isinstance(self.text_config, PreTrainedConfig):
            self.text_config = Qwen2Config(**(self.text_config or {}))
        if not isinstance(self.audio_config, PreTrainedConfig):
            self.audio_config = Qwen2AudioEncoderConfig(**(self.audio_config or {}))
        for name in ("pool", "pool_size", "out_norm"):
            setattr(self.audio_config, name, getattr(self, name))
        self.text_config.tie_word_embeddings = self.tie_word_embeddings
        super().__post_init__(**kwargs)

    @property
    def context(self) -> int:
        """Positions the model can read at once."""
        return self.text_config.max_position_embeddings

    def alpha(self, n_prompt: int) -> float:
        """The rotary widening for a prompt of this many positions."""
        return ntk_alpha(n_prompt, self.trained_length) if self.dynamic_ntk else 1.0


class _Attention(Qwen2Attention):
    """Qwen2's, with queries that can be scaled by position (log-n attention)."""

    def forward(
        self, hidden_states, position_embeddings, attention_mask, past_key_values=None, **kwargs
    ):
        shape = (*hidden_states.shape[:-1], -1, self.head_dim)
        q = self.q_proj(hidden_states).view(shape).transpose(1, 2)  # (batch, heads, n, head_dim)
        k = self.k_proj(hidden_states).view(shape).transpose(1, 2)
        v = self.v_proj(hidden_states).view(shape).transpose(1, 2)
        q, k = apply_rotary_pos_emb(q, k, *position_embeddings)
        scale = kwargs.pop("query_scale", None)
        if scale is not None:
            q = q * scale[:, None, :, None].to(q.dtype)
        if past_key_values is not None:
            k, v = past_key_values.update(k, v, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        dropout = self.attention_dropout if self.training else 0.0
        out, weights = attend(
            self, q, k, v, attention_mask, dropout=dropout, scaling=self.scaling, **kwargs
        )
        return self.o_proj(out.reshape(*hidden_states.shape[:-1], -1).contiguous()), weights


class TextModel(Qwen2Model):
    """The language model without its head. Reads embeddings; positions and the rotary base are
    arguments, so that no call depends on the one before it."""

    def __init__(self, config: Qwen2Config):
        super().__init__(config)
        del self.rotary_emb  # its base is fixed at construction; ours is an argument
        for i, layer in enumerate(self.layers):
            layer.self_attn = _Attention(config, i)

    def forward(
        self,
        embeds: torch.Tensor,
        positions: torch.Tensor,
        *,
        alpha: float = 1.0,
        logn_from: int | None = None,
        mask: torch.Tensor | None = None,
        past=None,
    ) -> torch.Tensor:
        """Embeddings (batch, n, width) at positions (1, n) -> hidden states (batch, n, width).

        `past` keeps keys and values (see model/cache.py); `mask` is True where a query may look,
        None for plain causal reading from position 0 or for a single query that sees everything.
        """
        config = self.config
        base = config.rope_parameters["rope_theta"]
        turn = rotary(positions, config.head_dim, base, alpha, embeds.dtype)
        scale = None if logn_from is None else logn_scale(positions, logn_from)
        x = embeds
        for layer in self.layers:
            x = layer(
                x,
                attention_mask=mask,
                position_embeddings=turn,
                past_key_values=past,
                query_scale=scale,
            )
        return self.norm(x)


class QwenAudio(PreTrainedModel):
    """Sound and text in, next-token logits out."""

    config_class = QwenAudioConfig
    base_model_prefix = "llm"
    main_input_name = "input_ids"
    input_modalities = ("audio", "text")
    supports_gradient_checkpointing = True
    _no_split_modules = ["Qwen2DecoderLayer", "Qwen2AudioEncoderLayer"]
    _supports_sdpa = True

    def __init__(self, config: QwenAudioConfig):
        super().__init__(config)
        text = config.text_config
        self.audio = AudioEncoder(config.audio_config, text.hidden_size)
        self.llm = TextModel(text)
        self.head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.head.weight = self.llm.embed_tokens.weight
        self.post_init()

    def get_input_embeddings(self):
        return self.llm.embed_tokens

    def set_input_embeddings(self, value):
        self.llm.embed_tokens = value

    def get_output_embeddings(self):
        return self.head

    def set_output_embeddings(self, value):
        self.head = value

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
        hidden = self.llm(
            embeds, positions, alpha=alpha, logn_from=self.logn_from, mask=mask, past=past
        )
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
        **kwargs,
    ) -> CausalLMOutput:
        """A whole batch at once, without memory: for training and as judge of the fast path.

        ids (batch, n), padded on the right; mels (windows, mels, 3000) in reading order; labels
        (batch, n) with -100 where nothing is to be learnt -> logits (batch, n, vocabulary).
        """
        spans = self.audio(mels, n_frames) if mels is not None else []
        hidden = self.read(
            self.embed(input_ids, spans), alpha=self.config.alpha(input_ids.shape[1])
        )
        logits = self.head(hidden)
        loss = None
        if labels is not None:
            loss = self.loss_function(
                logits=logits,
                labels=labels,
                vocab_size=self.config.text_config.vocab_size,
                **kwargs,
            )
        return CausalLMOutput(loss=loss, logits=logits)
