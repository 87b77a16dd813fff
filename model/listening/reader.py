"""Notes of a clip by its reader: each window is heard, written down, judged, and its words are
given the times of the clip.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from model.errors import EarshotError
from model.listening import guards
from model.listening.heads import INSTRUMENT, silence
from model.listening.language_changes import Stretch, stretches
from model.listening.notes import KIND, Label, Note, Pitch, Word
from model.listening.pauses import without_quiet
from model.listening.pitch import pitch
from model.listening.speech_reader import PADDED_LONG, Reading, Sound, SpeechReader
from model.messages import Clip
from model.spec import SAMPLE_RATE
from model.speech import Speech
from model.windows import Window, split

Voice = Callable[[np.ndarray], float | None]  # see `voice_detector`
TEMPERATURES = (0.4, 0.8)  # tried in turn where the likeliest tokens are not taken


def read(
    reader: SpeechReader,
    clip: Clip,
    windows: Sequence[Window] | None = None,
    *,
    language: str = "",
    translate: bool = False,
    voice: Voice | None = None,
) -> Iterator[Note]:
    """A note for each window (default: the whole clip, cut at pauses), in order, as it is read.

    `language` is that of all speech, where it is known ("de"); `translate` writes English, and then
    words have no times of their own. `voice` is a `voice_detector` that was made before. Raises
    ValueError for a language that the reader does not know.
    """
    voice = voice or voice_detector()
    for window in split(clip) if windows is None else windows:
        yield _note(reader, window, language, translate, voice)


@dataclass(frozen=True)
class _Taken:
    """A stretch of a window, what is taken of its reading, and why anything is not."""

    part: Stretch
    reading: Reading
    withheld: str


def _note(
    reader: SpeechReader,
    window: Window,
    language: str,
    translate: bool,
    voice: Voice,
) -> Note:
    start, end, samples = window.start / SAMPLE_RATE, window.end / SAMPLE_RATE, window.samples
    note = Note(start=start, end=end, reader=reader.name, level=guards.level(samples))
    if guards.is_silent(note.level):
        return replace(note, labels=silence()) if reader.model.heads else note
    spoken = voice(samples)
    is_voiceless = spoken is not None and spoken < guards.VOICE
    if is_voiceless and reader.model.heads is None:
        return note
    whole = reader.hear(samples)
    labels = reader.findings(whole)
    note = replace(note, labels=labels, pitch=_pitch(labels, samples))
    if is_voiceless:
        return note
    kind = note.label(KIND)
    parts = [Stretch(0, len(samples), language)]
    if not language:
        parts = stretches(reader, whole, samples)
    found = []
    for part in parts:
        heard = samples[part.start : part.end]
        sound = whole if len(parts) == 1 else reader.hear(heard)
        write = partial(reader.write, language=part.language, translate=translate)
        judge = partial(
            guards.why_withheld, seconds=len(heard) / SAMPLE_RATE, voice=spoken, kind=kind
        )
        sound, reading = _written(reader, sound, heard, write)
        reading, why = _judged(reader, sound, reading, write, judge)
        if not translate:
            reading = reader.with_words(reading, sound)
            reading = replace(reading, words=without_quiet(reading.words, heard))
        found.append(_Taken(part, reading, why))
    return _joined(note, found, reader.language_label)


def _written(
    reader: SpeechReader, sound: Sound, samples: np.ndarray, write: Callable[..., Reading]
) -> tuple[Sound, Reading]:
    """The likeliest text; that of the sound padded as Whisper was taught, where it is doubtful."""
    reading = write(sound)
    if guards.is_doubtful(reading) and len(samples) < PADDED_LONG * SAMPLE_RATE:
        sound = reader.hear(samples, PADDED_LONG)
        reading = write(sound)
    return sound, reading


def _judged(
    reader: SpeechReader,
    sound: Sound,
    reading: Reading,
    write: Callable[..., Reading],
    judge: Callable[[Reading], str],
) -> tuple[Reading, str]:
    """What is taken, and why anything is not. Where the likeliest tokens are refused, others are
    tried; where all go round in circles, the text up to there is kept."""
    first = (reading, judge(reading))
    if first[1] in guards.NOBODY:
        return reader.cut(reading, ()), first[1]
    tried = [first]
    for temperature in TEMPERATURES:
        if not tried[-1][1]:
            return tried[-1]
        reading = write(sound, temperature=temperature)
        tried.append((reading, judge(reading)))
    for reading, why in tried:
        if not why:
            return reading, ""
        short = reader.cut(reading, guards.once(reading.tokens))
        if why == guards.LOOP and not judge(short):
            return short, why
    return reader.cut(reading, ()), first[1]


def _pitch(labels: Sequence[Label], samples: np.ndarray) -> Pitch | None:
    """The note that an instrument plays."""
    return pitch(samples) if any(label.name == INSTRUMENT for label in labels) else None


def _joined(note: Note, found: list[_Taken], labelled: Callable[[str, float], Label]) -> Note:
    """The note of a window whose stretches were read."""
    words: list[Word] = []
    seconds: dict[str, float] = {}
    sure: dict[str, float] = {}
    for taken in found:
        part, reading = taken.part, taken.reading
        if not reading.text:
            continue
        language, at = reading.language, note.start + part.start / SAMPLE_RATE
        words += [replace(word, start=at + word.start, end=at + word.end) for word in reading.words]
        probability = part.probability or reading.language_probability
        seconds[language] = seconds.get(language, 0) + part.end - part.start
        sure[language] = max(sure.get(language, 0), probability)
    languages = sorted(seconds, key=seconds.__getitem__, reverse=True)
    return replace(
        note,
        text=" ".join(taken.reading.text for taken in found if taken.reading.text),
        language=languages[0] if languages else "",
        words=tuple(words),
        labels=(*note.labels, *(labelled(x, sure[x]) for x in languages)),
        withheld=next((taken.withheld for taken in found if taken.withheld), ""),
    )


def voice_detector() -> Voice:
    """Samples (n,) -> the highest probability of speech in them; None where it is not installed."""
    try:
        speech = Speech()
    except EarshotError:
        return lambda samples: None

    def highest(samples: np.ndarray) -> float:
        speech.forget()
        return max(speech.hear(np.pad(samples, (0, 512))), default=0.0)

    return highest
