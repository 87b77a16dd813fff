"""Whisper's decoder as a reader over the model's encoder: a stretch of sound to what was said, with
its language, words with times, and how sure it is. Judges nothing: see guards.py.

Sources: Whisper, arXiv 2212.04356, sections 2.3 and 4.5.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from model import checkpoint
from model.circles import in_circles
from model.encoder import n_steps
from model.listening.alignment import STEP, token_starts
from model.listening.heads import summary
from model.listening.notes import LANGUAGE, Label, Word
from model.listening.speech_tokens import SpeechTokens
from model.mel import log_mel, n_frames
from model.nn.speech_decoder import DecoderMemory
from model.qwen_audio import QwenAudio
from model.spec import SAMPLE_RATE

# Seconds to which a shorter sound is padded with silence; Whisper was taught with 30. On 150 clips
# of 2 s each, 841 words: 30 s 7.4 % word errors (196 s of a core), 12 s 8.2 % (77 s); 12 s, then 30
# s for the 17 of which it was least sure, 7.4 %. Without padding, 39 of 60 clips ended in loops.
PADDED, PADDED_LONG = 12.0, 30.0
_SURE_LANGUAGE = 0.9  # probability from which Whisper's own guess is repeated as a fact


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the decoder wrote of a stretch of sound, before anyone judged it."""

    text: str
    language: str  # code of the language that was found, or given
    language_probability: float  # 1 where it was given
    no_speech: float  # probability of the token that says so
    log_probability: float  # mean, of the tokens and the end
    tokens: tuple[int, ...]
    temperature: float = 0.0
    is_circle: bool = False  # whether it was stopped since it said the same over and over
    words: tuple[Word, ...] = ()  # in seconds of the stretch; none before `with_words`

    @property
    def compression(self) -> float:
        """How many times shorter the text is when compressed: more than 2.4 for loops."""
        raw = self.text.encode()
        return len(raw) / len(zlib.compress(raw)) if raw else 0.0


@dataclass(frozen=True)
class Sound:
    """A stretch of sound as the decoder reads it. `memory` holds its keys and values."""

    steps: torch.Tensor  # (1, steps, width)
    n_steps: int  # those that hold sound; the rest are padding
    memory: DecoderMemory
    seen: torch.Tensor | None = None  # (1, steps), True for those to look at; None: all
    features: torch.Tensor | None = None  # (layers, 2 · width), for the heads; None without heads

    def part(self, start: float, end: float) -> "Sound":
        """The same with nothing to look at outside of these seconds."""
        at = torch.arange(self.steps.shape[1], device=self.steps.device)[None] * STEP
        return replace(self, seen=(at >= start) & (at < end), features=None)


class SpeechReader:
    """The reader of a model that has one."""

    def __init__(self, model: QwenAudio, tokens: SpeechTokens):
        assert model.reader is not None, "this model has no reader"
        self.name = model.config.title
        self.model, self.decoder, self.tokens = model, model.reader, tokens
        device = model.reader.embed_tokens.weight.device
        banned = [*tokens.unspoken, *range(tokens.end + 1, self.decoder.config.vocabulary)]
        self.longest = self.decoder.config.positions // 2  # tokens of a text, as Whisper was taught
        self._banned = torch.tensor(banned, device=device)
        self._first = torch.tensor(tokens.blank, device=device)
        self._languages = torch.tensor(list(tokens.languages.values()), device=device)

    @classmethod
    def of(cls, model: QwenAudio, folder: Path) -> "SpeechReader | None":
        """That of a model loaded from `folder`; None where it has none. Raises NoWeights."""
        if model.reader is None:
            return None
        return cls(model, SpeechTokens(folder / checkpoint.READER_TOKENIZER))

    @property
    def device(self) -> torch.device:
        return self._banned.device

    @torch.inference_mode()
    def hear(self, samples: np.ndarray, padded: float = PADDED) -> Sound:
        """Samples (n,) at 16 kHz, of which 30 s are heard, encoded with so many seconds of silence
        after them that they last `padded` seconds at least."""
        audio, wanted = self.model.audio, round(padded * SAMPLE_RATE)
        frames = n_frames(max(len(samples), wanted))
        mel = log_mel(samples, audio.config.num_mel_bins)[None].to(self.device)
        outputs = [] if self.model.heads is not None else None
        steps = self.decoder.normalise(audio.trunk(mel, [frames], outputs))
        held = n_frames(len(samples))
        features = summary(outputs, mel, [held])[0] if outputs and held else None
        sounding = min(max(1, n_steps(held)), steps.shape[1])
        return Sound(steps, sounding, DecoderMemory(), features=features)

    @torch.inference_mode()
    def findings(self, sound: Sound) -> tuple[Label, ...]:
        """The kind of sound and what suits it, by the model's heads; nothing where it has none."""
        return () if sound.features is None else self.model.heads.labels(sound.features)

    def language_label(self, code: str, probability: float) -> Label:
        """A language that was found, and whether that is sure."""
        heads = self.model.heads
        if heads is not None and LANGUAGE in heads.config.heads:
            return heads.judged(LANGUAGE, code, probability)
        return Label(LANGUAGE, code, probability, probability >= _SURE_LANGUAGE)

    @torch.inference_mode()
    def tell_language(self, sound: Sound) -> tuple[dict[str, float], float]:
        """Probability of each language, with what a head says of it where the model has one, and
        that nobody speaks."""
        logits = self._step([self.tokens.begin], sound, sound.memory.again())
        no_speech = float(logits.softmax(-1)[self.tokens.no_speech])
        shares = logits[self._languages].softmax(-1).tolist()
        spoken = dict(zip(self.tokens.languages, shares, strict=True))
        if sound.features is not None:
            spoken = self.model.heads.languages(sound.features, spoken)
        return spoken, no_speech

    @torch.inference_mode()
    def write(
        self,
        sound: Sound,
        *,
        language: str = "",
        translate: bool = False,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Reading:
        """What is said, in its own language, or in English where `translate`. `language` "" finds
        out which one it is. With a temperature, tokens are drawn. Raises ValueError for a language
        that the reader does not know."""
        if language and language not in self.tokens.languages:
            raise ValueError(f"the reader knows no language {language!r}")
        shares, no_speech = self.tell_language(sound)
        found = language or max(shares, key=shares.__getitem__)
        memory = sound.memory.again()
        logits = self._step(self._prompt(found, translate), sound, memory)
        random = torch.Generator(self.device).manual_seed(seed)
        ids, total, is_circle = [], 0.0, False
        while True:
            logits[self._banned] = -torch.inf
            if not ids:
                logits[self._first] = -torch.inf
            scores = logits.log_softmax(-1)
            if temperature:
                drawn = (logits / temperature).softmax(-1)
                token = int(torch.multinomial(drawn, 1, generator=random))
            else:
                token = int(scores.argmax())
            total += float(scores[token])
            if token == self.tokens.end:
                break
            ids.append(token)
            is_circle = in_circles(ids)
            if is_circle or len(ids) == self.longest:
                break
            logits = self._step([token], sound, memory)
        return Reading(
            text=self.tokens.text(ids).strip(),
            language=found,
            language_probability=1.0 if language else shares[found],
            no_speech=no_speech,
            log_probability=total / (len(ids) + 1),
            tokens=tuple(ids),
            temperature=temperature,
            is_circle=is_circle,
        )

    @torch.inference_mode()
    def with_words(self, reading: Reading, sound: Sound) -> Reading:
        """The same with the times and probabilities of its words."""
        if not reading.tokens:
            return reading
        prompt, memory = self._prompt(reading.language), sound.memory.again(watches=True)
        ids = torch.tensor([[*prompt, *reading.tokens]], device=self.device)
        hidden = self.decoder(ids, sound.steps, memory, sound.seen)[0, len(prompt) - 1 :]
        n = len(reading.tokens)
        logits = self.decoder.logits(hidden[:n])
        logits[:, self._banned] = -torch.inf
        sure = logits.softmax(-1)[torch.arange(n), ids[0, len(prompt) :]].tolist()
        weights = self.decoder.alignment(memory)[:, len(prompt) - 1 :, : sound.n_steps]
        starts = token_starts(weights.cpu().numpy()) * STEP  # of each token, and of the end
        words, at = [], 0
        for text, length in self.tokens.words(reading.tokens, reading.language):
            if text.strip():
                times = float(starts[at]), float(starts[at + length])
                words.append(Word(*times, text.strip(), min(sure[at : at + length])))
            at += length
        return replace(reading, words=tuple(words))

    def cut(self, reading: Reading, tokens: Sequence[int]) -> Reading:
        """The same of fewer tokens."""
        text = self.tokens.text(tokens).strip()
        return replace(reading, text=text, tokens=tuple(tokens), is_circle=False, words=())

    def _prompt(self, language: str, translate: bool = False) -> list[int]:
        tokens = self.tokens
        task = tokens.translate if translate else tokens.transcribe
        return [tokens.begin, tokens.languages[language], task, tokens.without_times]

    def _step(self, ids: Sequence[int], sound: Sound, memory: DecoderMemory) -> torch.Tensor:
        """Logits (vocabulary,) of what follows."""
        ids = torch.tensor([list(ids)], device=self.device)
        hidden = self.decoder(ids, sound.steps, memory, sound.seen)
        return self.decoder.logits(hidden[0, -1])
