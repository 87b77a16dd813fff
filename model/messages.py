"""What can be said to an engine, and what comes back. Standard library and numpy only."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from model.spec import SAMPLE_RATE

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, eq=False)
class Clip:
    """A sound as the model hears it: mono at 16 kHz."""

    samples: np.ndarray  # (n,) float32 in [-1, 1), each a whole number of 1/32768
    digest: str  # names the sound itself: same samples, same digest, whatever the file

    @classmethod
    def of(cls, pcm: np.ndarray) -> "Clip":
        """From 16-bit samples (n,) int16 at 16 kHz. The digest is over them, so that a clip
        written to a 16-bit file and read again is the same clip."""
        return cls.of_chunks([pcm])

    @classmethod
    def of_chunks(cls, chunks: list[np.ndarray]) -> "Clip":
        """From consecutive pieces, each (n,) int16. The list is emptied as they are copied, so that
        an hour of sound does not stand in memory three times."""
        samples, at = np.empty(sum(map(len, chunks)), np.float32), 0
        digest = blake2b(digest_size=16)
        chunks.reverse()
        while chunks:
            pcm = np.ascontiguousarray(chunks.pop(), dtype="<i2")
            digest.update(pcm)
            np.divide(pcm, np.float32(32768), out=samples[at : at + len(pcm)])
            at += len(pcm)
        return cls(samples, digest.hexdigest())

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    def pcm(self) -> np.ndarray:
        """The samples as (n,) int16."""
        return (self.samples * 32768).astype("<i2")


@dataclass(frozen=True)
class Message:
    """One side's words and sounds, in the order in which they were put."""

    role: str
    parts: tuple[str | Clip, ...]

    def __post_init__(self):
        if self.role not in ROLES:
            raise ValueError(f"role is one of {', '.join(ROLES)}; got {self.role!r}")
        object.__setattr__(self, "parts", tuple(self.parts))

    @property
    def clips(self) -> list[Clip]:
        return [part for part in self.parts if isinstance(part, Clip)]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is drawn. Temperature 0 always takes the likeliest."""

    max_tokens: int = 512
    temperature: float = 0.7
    top_p: float = 0.5  # smallest set of likeliest tokens with this share of probability
    top_k: int = 0  # only this many of the likeliest; 0 means all
    repetition_penalty: float = 1.0  # tokens already in the answer; 1 means none
    seed: int | None = None  # the same seed and prompt draw the same answer

    def __post_init__(self):
        if self.max_tokens < 1:
            raise ValueError(f"max_tokens is a count of at least 1; got {self.max_tokens}")
        if not 0 <= self.temperature <= 5:
            raise ValueError(f"temperature lies between 0 and 5; got {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is a share of probability, 0 < p <= 1; got {self.top_p}")
        if self.top_k < 0:
            raise ValueError(f"top_k is a count, 0 for all; got {self.top_k}")
        if not 0 < self.repetition_penalty <= 5:
            raise ValueError(
                "repetition_penalty lies between 0 and 5, 1 for none; "
                f"got {self.repetition_penalty}"
            )


@dataclass(frozen=True)
class Piece:
    """One step of a streamed answer. An empty text is a heartbeat: the model is still reading."""

    text: str  # whole characters only
    token_ids: tuple[int, ...] = ()
    n_prompt: int = 0  # positions of the whole prompt
    n_reused: int = 0  # how many of them were remembered from an earlier turn
    # on the last piece: "stop" (said all), "length" (max_tokens), "circles" (model/circles.py)
    finish: str | None = None
