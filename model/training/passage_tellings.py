"""Units as they are told in recordings: slots filled, sentences timed; and passages with turns."""

import re
from dataclasses import dataclass
from random import Random

from model.training.passage_units import SLOT, Material, Unit, alternatives, slots_of
from model.training.spoken_amounts import AMOUNTS

_BREAK = re.compile(r"(?<=[.!?]) (?=[A-Z{\[])")  # between the sentences of a saying


@dataclass(frozen=True)
class Sentence:
    start: float  # seconds of the recording
    end: float
    text: str


@dataclass(frozen=True)
class Recording:
    speaker: str  # "woman" or "man"
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class Turn:
    question: str
    answer: str
    kind: (
        str  # of the question: see passage_units.KINDS; or "unanswerable", "which", "mention", ...
    )
    quotes: tuple[tuple[int, int], ...] = ()  # (recording, sentence) of a summary


@dataclass(frozen=True)
class Passage:
    recordings: tuple[Recording, ...]
    conversations: tuple[tuple[Turn, ...], ...]  # apart from each other; later turns follow up


class Filling:
    """What stands in the slots of one unit; each is drawn when it is first needed, and differs
    from all that was `taken` in the passage while there is another."""

    def __init__(self, rng: Random, material: Material, taken: set[str], speaker: str):
        self.rng, self.material, self.taken, self.speaker = rng, material, taken, speaker
        self.values: dict[str, str] = {}

    def value(self, name: str) -> str:
        if name not in self.values:
            self.values[name] = self.draw(name)
        return self.values[name]

    def draw(self, name: str) -> str:
        """A value for the slot that is not taken yet."""
        base = name.rstrip("0123456789")
        if base in AMOUNTS:
            drawn = (AMOUNTS[base](self.rng) for _ in range(20))
            value = next((value for value in drawn if value not in self.taken), None)
            value = value or AMOUNTS[base](self.rng)
        else:
            fillers = self.material.slots[base]
            free = [filler for filler in fillers if filler not in self.taken]
            value = self.rng.choice(free or fillers)
        self.taken.add(value)
        return value

    def fill(self, template: str, instead: dict[str, str] | None = None) -> str:
        """The template with its slots filled, with other values for the slots in `instead`."""

        def put(match: re.Match) -> str:
            article, base, number = match.groups()
            if base in ("speaker", "speaker_s"):
                return self._reference(base)
            value = (instead or {}).get(base + number) or self.value(base + number)
            if not article:
                return value
            vowel = value[0].lower() in "aeio" or value.startswith(("um", "u-", "8", "11", "18"))
            return f"{'an' if vowel else 'a'} {value}"

        return SLOT.sub(put, template).replace("..", ".")

    def _reference(self, base: str) -> str:
        pronoun, owner = ("she", "her") if self.speaker == "woman" else ("he", "his")
        name = self.rng.choice(("the speaker", "the speaker", pronoun, f"the {self.speaker}"))
        if base == "speaker":
            return name
        return owner if name == pronoun else f"{name}'s"


@dataclass(frozen=True)
class Telling:
    """A unit as it is told in one recording."""

    unit: Unit
    filling: Filling
    recording: int
    saying: str  # the template, its alternatives chosen
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.sentences)

    @property
    def slots(self) -> list[str]:
        return slots_of(self.saying)


def tell(
    unit: Unit, recording: int, speaker: str, source: tuple[Random, Material, set[str]]
) -> Telling:
    """One of the unit's sayings, filled; `source` is what to draw with, from, and what is taken."""
    rng, material, taken = source
    filling = Filling(rng, material, taken, speaker)
    saying = rng.choice(alternatives(rng.choice(unit.sayings)))
    parts = [filling.fill(part) for part in _BREAK.split(saying)]
    told = [part[0].upper() + part[1:] for part in parts]
    sentences = told if rng.random() < 0.7 else [" ".join(told)]
    return Telling(unit, filling, recording, saying, tuple(sentences))
