"""What can be said to an engine, and what comes back. Standard library and numpy only."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from numbers import Integral, Real

import numpy as np

from model.listening.notes import Note
from model.spec import SAMPLE_RATE

ROLES = ("system", "user", "assistant")
MOST_TOKENS = (
    1_000_000  # of an answer, and of those that one is drawn from: more than any model has
)
COLDEST = 0.01  # of temperature: below it the likeliest token is as good as certain
LARGEST_SEED = 10**18


class Remark(str):
    """A sentence about a recording that was read, but not as it may be expected: what is missing of
    it, or was changed."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A sound as the model hears it: mono at 16 kHz."""

    samples: np.ndarray  # (n,) float32 in [-1, 1), each a whole number of 1/32768
    digest: str  # names the sound itself: same samples, same digest, whatever the file
    remarks: tuple[Remark, ...] = ()  # on how it was read
    track: int = 1  # of the file's sound tracks …
    n_tracks: int = 1  # … of which there are so many
    notes: tuple[Note, ...] = ()  # what the engine that it is given to heard of it before

    def __post_init__(self):
        if not np.isfinite(self.samples.sum(dtype=np.float64)):
            raise ValueError("samples are numbers from -1 to 1; got some that are none or infinite")

    @classmethod
    def of(cls, pcm: np.ndarray) -> "Clip":
        """From 16-bit samples (n,) int16 at 16 kHz. The digest is over them, so that a clip
        written to a 16-bit file and read again is the same clip."""
        return cls.of_chunks([pcm])

    @classmethod
    def of_chunks(cls, chunks: list[np.ndarray], remarks: Iterable[Remark] = ()) -> "Clip":
        """From consecutive pieces, each (n,) int16. The list is emptied as they are copied, so that
        an hour of sound does not stand in memory three times."""
        samples, at = np.empty(sum(map(len, chunks)), np.float32), 0
        digest = blake2b(digest_size=16)
        chunks.reverse()
        while chunks:
            pcm = np.ascontiguousarray(chunks.pop())
            if pcm.dtype.kind not in "iu":
                raise ValueError(f"samples are 16-bit whole numbers; got {pcm.dtype}")
            pcm = pcm.astype("<i2", copy=False)
            digest.update(pcm)
            np.divide(pcm, np.float32(32768), out=samples[at : at + len(pcm)])
            at += len(pcm)
        return cls(samples, digest.hexdigest(), tuple(remarks))

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    def pcm(self) -> np.ndarray:
        """The samples as (n,) int16."""
        return (self.samples * 32768).astype("<i2")


@dataclass(frozen=True)
class Missing:
    """Stands where a clip was whose sound can no longer be read. It is counted, and not heard."""

    digest: str
    why: str = ""


Part = str | Clip | Missing


@dataclass(frozen=True)
class Message:
    """One side's words and sounds, in the order in which they were put."""

    role: str
    parts: tuple[Part, ...]

    def __post_init__(self):
        if self.role not in ROLES:
            raise ValueError(f"role is one of {', '.join(ROLES)}; got {self.role!r}")
        object.__setattr__(self, "parts", tuple(self.parts))

    @property
    def clips(self) -> list[Clip]:
        return [part for part in self.parts if isinstance(part, Clip)]

    @property
    def has_words(self) -> bool:
        return any(isinstance(part, str) and part.strip() for part in self.parts)


def numbered(message: Message) -> list[tuple[int, Clip]]:
    """The clips of a message as they are counted in it, from 1: one that is missing counts too."""
    counted = enumerate((part for part in message.parts if not isinstance(part, str)), 1)
    return [(number, part) for number, part in counted if isinstance(part, Clip)]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is drawn. Temperature 0, or one near it, always takes the likeliest.
    Values come from people, files and other programs: each is checked here, and nowhere else.
    Raises ValueError with the rule and the value."""

    max_tokens: int = 512
    temperature: float = 0.7
    top_p: float = 0.5  # smallest set of likeliest tokens with this share of probability
    top_k: int = 0  # only this many of the likeliest; 0 means all
    repetition_penalty: float = 1.0  # tokens already in the answer; 1 means none
    seed: int | None = None  # the same seed and prompt draw the same answer

    def __post_init__(self):
        for name in ("max_tokens", "top_k", "seed"):  # JSON has 3.0 for 3
            value = getattr(self, name)
            if isinstance(value, float) and value.is_integer():
                object.__setattr__(self, name, int(value))
        if not (_is_whole(self.max_tokens) and self.max_tokens >= 1):
            raise ValueError(f"max_tokens is a count of at least 1; got {_shown(self.max_tokens)}")
        if self.max_tokens > MOST_TOKENS:
            raise ValueError(f"max_tokens is at most {MOST_TOKENS}; got {_shown(self.max_tokens)}")
        if not (_is_number(self.temperature) and 0 <= self.temperature <= 5):
            raise ValueError(f"temperature lies between 0 and 5; got {_shown(self.temperature)}")
        if self.temperature < COLDEST:  # the same words, and nothing is divided by nearly nothing
            object.__setattr__(self, "temperature", 0.0)
        if not (_is_number(self.top_p) and 0 < self.top_p <= 1):
            raise ValueError(
                f"top_p is a share of probability, 0 < p <= 1; got {_shown(self.top_p)}"
            )
        if not (_is_whole(self.top_k) and 0 <= self.top_k <= MOST_TOKENS):
            raise ValueError(
                f"top_k is a count up to {MOST_TOKENS}, 0 for all; got {_shown(self.top_k)}"
            )
        if not (_is_number(self.repetition_penalty) and 0.1 <= self.repetition_penalty <= 5):
            raise ValueError(
                "repetition_penalty lies between 0.1 and 5, 1 for none; "
                f"got {_shown(self.repetition_penalty)}"
            )
        if not (self.seed is None or (_is_whole(self.seed) and abs(self.seed) < LARGEST_SEED)):
            raise ValueError(
                f"seed is a whole number of at most 18 digits; got {_shown(self.seed)}"
            )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _shown(value: object) -> str:
    """A value in a refusal: it may be anything, of any length."""
    try:
        text = str(value) if _is_number(value) else repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a longer number"
    return text if len(text) <= 40 else text[:39] + "…"


@dataclass(frozen=True)
class Piece:
    """One step of a streamed answer. An empty text is a heartbeat: the model is still reading."""

    text: str  # whole characters only
    token_ids: tuple[int, ...] = ()
    n_prompt: int = 0  # positions of the whole prompt
    n_reused: int = 0  # how many of them were remembered from an earlier turn
    # on the last piece: "stop" (said all), "length" (max_tokens), "circles" (model/circles.py)
    finish: str | None = None
