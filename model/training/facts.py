"""What is known of one clip, in the words of its answers, and what does not fit it. Asks nothing.

From the rows of a manifest that share a clip (model/training/data.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from model.tasks import TASKS
from model.training.data import Row
from model.training.recordings import TOLD
from model.training.texts import words

FIELDS = {  # task: the fact that it asks for
    "transcribe": "transcript",
    "language": "language",
    "gender": "gender",
    "kind of sound": "kind",
    "event": "event",
    "instrument": "instrument",
    "instrument family": "family",
    "note": "note",
}
ASKABLE = (*FIELDS.values(), "animal")
TASK_OF = {name: task for task, name in FIELDS.items()}
# kind: the kinds that it surely is not. A drum may pass for an instrument, speech for a vocal sound
NOT = {
    "Speech.": ("An animal.", "An instrument.", "A drum."),
    "A vocal sound.": ("Speech.", "An animal.", "An instrument.", "A drum."),
    "An animal.": ("Speech.", "A vocal sound.", "An instrument.", "A drum."),
    "An instrument.": ("Speech.", "A vocal sound.", "An animal.", "A drum."),
    "A drum.": ("Speech.", "A vocal sound.", "An animal."),
    "An event.": ("Speech.", "A vocal sound.", "An animal."),
}
_SPOKEN = ("transcript", "language", "gender")
_PLAYED = ("instrument", "family", "note")
_MISFITS = {  # kind: what cannot be asked of it
    "Speech.": (*_PLAYED, "animal"),
    "A vocal sound.": ("transcript", "language", *_PLAYED, "animal"),
    "An animal.": (*_SPOKEN, *_PLAYED),
    "An instrument.": (*_SPOKEN, "animal"),
    "A drum.": (*_SPOKEN, "note", "animal"),
    "An event.": (*_SPOKEN, "note", "animal"),
}
GENDERS = {"f": "A woman.", "m": "A man."}


@dataclass(frozen=True)
class Facts:
    """What is known of one clip, each in the words of its answer ("A violin."); "" is not known."""

    transcript: str = ""
    language: str = ""
    gender: str = ""
    kind: str = ""
    event: str = ""
    instrument: str = ""
    family: str = ""
    note: str = ""
    others: tuple[tuple[str, str], ...] = ()  # further questions, and their answers
    samples: int = 0  # as long as the model hears the clip

    @classmethod
    def of(cls, rows: Iterable[Row], samples: int = 0) -> "Facts":
        """From all rows of a manifest about one clip."""
        known, others, gender = {}, [], ""
        for row in rows:
            name = FIELDS.get(row.task)
            if name and not row.question:
                known[name] = row.text
            else:
                others.append((row.question or TASKS[row.task].asks, row.text))
            if row.duration >= TOLD:
                gender = gender or GENDERS.get(row.facts.get("gender"), "")
        if not known.get("kind"):
            known["kind"] = _kind(known)
        if known["kind"] in ("Speech.", "A vocal sound."):
            known.setdefault("gender", gender)
        return cls(**known, others=tuple(others), samples=samples)

    def answer(self, name: str) -> str:
        """The answer to a fact's questions, "" where it is not known. What sounds is the
        instrument of a note, and speech where someone speaks."""
        if name == "animal":
            return self.event if self.kind == "An animal." else ""
        if name != "event":
            return getattr(self, name)
        return self.event or self.instrument or ("Speech." if self.kind == "Speech." else "")

    @property
    def known(self) -> list[str]:
        """The facts that can be asked for."""
        return [name for name in ASKABLE if self.answer(name)]

    @property
    def misfits(self) -> list[str]:
        """What can be asked and has no answer. A shouted word might have been written down."""
        worded = any(verb in self.event for verb in ("saying", "shouting"))
        unfit = [name for name in _MISFITS.get(self.kind, ()) if not self.answer(name)]
        return [name for name in unfit if not (worded and name in _SPOKEN)]

    @property
    def is_english(self) -> bool:
        return bool(words(self.transcript)) and self.language in ("", "English.")

    def described(self) -> str:
        """The answer to an open question; "" where nothing is known to say."""
        if self.kind == "Speech.":
            return self._speech()
        name = bare(self.answer("event"))
        note = f", playing {bare(self.note, 'note')}" if self.note else ""
        if not name or not self.kind:
            return self.answer("event") or self.kind
        return f"{self.kind.rstrip('.')}: {name}{note}."

    def _speech(self) -> str:
        who = self.gender.rstrip(".") or "Someone"
        if self.is_english:
            return f'{who} says: "{self.transcript}"'
        return f"{who} speaks {self.language}" if self.language else f"{who} speaks."

    def shortly(self) -> str:
        """In a word or two: "a dog"; "" where neither name nor kind is known."""
        return bare(self.answer("event") or self.kind)


def _kind(known: dict[str, str]) -> str:
    """The kind of sound, where the other facts tell it."""
    if any(map(known.get, ("transcript", "language"))):
        return "Speech."
    return "An instrument." if any(map(known.get, _PLAYED)) else ""


def bare(answer: str, name: str = "event") -> str:
    """An answer inside a sentence: "A violin." is a violin; a language, a note stays as it is."""
    answer = answer.rstrip(".")
    return answer if name in ("language", "note") else answer[:1].lower() + answer[1:]


def apart(one: str, other: str) -> bool:
    """Whether two answers surely name different things: they share no word, and neither is ""."""
    small = {"a", "an", "the", "of", "on", "in", "and", "with", "sharp"}
    if one == other or not one or not other:
        return False
    if one[1:2].isdigit() or one[2:7] == "sharp" or other[2:7] == "sharp":  # notes
        return True
    split = [{w.rstrip("s") for w in words(text).split()} - small for text in (one, other)]
    return not split[0] & split[1]
