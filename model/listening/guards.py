"""Whether what a reader wrote was said: Whisper writes words over silence, noise and music too, and
may say the same over and over. Pure rules on what is known of a stretch; nothing here listens.

Measured on recordings to learn from (150 clips of speech, all kept): the least mean log-probability
was -1.0, the highest no-speech 0.26, the highest compression 1.5.
"""

from collections.abc import Sequence

import numpy as np

from model.listening.notes import LOOP, NO_SPEECH, NO_VOICE, UNSURE, Label
from model.listening.speech_reader import Reading

NOBODY = (NO_VOICE, NO_SPEECH)  # reasons why no other reading is worth a try
SILENT = -75.0  # dBFS, root mean square: below, nothing that a 16-bit recording holds is heard
VOICE = 0.3  # least probability, of the best 32 ms, that someone speaks
_NO_SPEECH = 0.6  # probability of the token; with it, text must be likelier than …
_LIKELY = -0.5  # … this mean log-probability of its tokens
_DOUBTFUL, _DOUBTFUL_LANGUAGE = -0.6, 0.5  # as found on recordings to learn from
_UNLIKELY = -1.3  # mean log-probability below which nothing is taken
_COMPRESSED = 2.4  # times; as Whisper has it
_SPEED = 30.0  # letters a second: more than anyone speaks
_TIMES, _LEAST = 6, 12  # a phrase said so often, that takes so many tokens in all, is a loop
_SURE_KIND = 0.9  # confidence of another finding of what kind of sound it is
SPEECH = ("speech", "Speech.")


def level(samples: np.ndarray) -> float:
    """Samples (n,) -> their root mean square in dBFS, -120 at the least."""
    power = float(np.square(samples, dtype=np.float64).mean()) if len(samples) else 0.0
    return 10 * np.log10(max(power, 1e-12))


def is_silent(dbfs: float) -> bool:
    """Whether a stretch of this level needs no reader."""
    return dbfs < SILENT


def why_withheld(
    reading: Reading, *, seconds: float, voice: float | None = None, kind: Label | None = None
) -> str:
    """Why the words of a reading are not taken; "" where they are.

    `voice` is the highest probability of speech that a detector found in the stretch, `kind` what
    a classifier takes the sound for; None where nobody asked them.
    """
    if not reading.text:
        return ""
    if voice is not None and voice < VOICE:
        return NO_VOICE
    loops = is_loop(reading)
    if reading.no_speech > _NO_SPEECH and (loops or reading.log_probability < _LIKELY):
        return NO_SPEECH
    if loops:
        return LOOP
    other = kind is not None and kind.is_sure and kind.name not in SPEECH
    if other and kind.confidence >= _SURE_KIND and reading.log_probability < _LIKELY:
        return NO_SPEECH
    if reading.log_probability < _UNLIKELY or len(reading.text) > _SPEED * max(1.0, seconds):
        return UNSURE
    return ""


def is_doubtful(reading: Reading) -> bool:
    """Whether another look at the sound may be worth its time."""
    return reading.log_probability < _DOUBTFUL or reading.language_probability < _DOUBTFUL_LANGUAGE


def is_loop(reading: Reading) -> bool:
    """Whether a text says the same over and over."""
    return (
        reading.is_circle
        or reading.compression > _COMPRESSED
        or len(once(reading.tokens)) < len(reading.tokens)
    )


def once(tokens: Sequence[int]) -> tuple[int, ...]:
    """Token ids with the phrase that they end with said once, where it is said over and over; it
    may break off in the middle."""
    tokens = tuple(tokens)
    for phrase in range(1, len(tokens) // _TIMES + 1):
        n = len(tokens)
        same = next(
            (i for i in range(n - phrase) if tokens[n - 1 - i] != tokens[n - 1 - i - phrase]),
            n - phrase,
        )  # tokens at the end that are as those one phrase earlier
        if same + phrase >= max(_TIMES * phrase, _LEAST):
            return tokens[: n - same]
    return tokens
