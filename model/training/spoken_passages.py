"""Passages as people speak them, with questions and answers: made from the units of `passages/`,
to learn to answer from notes of recordings. What is asked is in `passage_questions.py`.

    python -m model.training.spoken_passages 3

prints three of them.
"""

import argparse
import random
import re
from collections.abc import Iterator
from random import Random

from model.training import passage_questions
from model.training.passage_tellings import Passage, Recording, Sentence, Telling, tell
from model.training.passage_units import RARE_KINDS, Material, Unit, read

RECORDINGS = {1: 70, 2: 15, 3: 9, 4: 4, 5: 2}  # how often so many recordings
RARE = 0.35  # share of recordings that are made to hold a kind of question that few units have
ONE_SUBJECT = 0.6  # share of recordings whose units are all of one domain
TWIN = 0.14  # share of passages that tell one unit twice, of two people or in two recordings
SMALL_TALK = 0.25  # chance of a sentence that says nothing after a unit
HESITATION = 0.15  # share of sentences with an "um" in them
WORDS_PER_SECOND = (2.0, 3.2)
PAUSE = (0.1, 0.9)  # seconds between sentences
_RARE = set(RARE_KINDS)
_HESITATIONS = ("um", "uh", "er", "you know", "I mean", "well", "let me see", "like")
_OPENERS = (  # first words that are small after an "um"
    "The A An It We You They There This That In On At My Our Your And But So If When Please For "
    "From What Who After Because Since She He Has Have"
).split()


def passage(rng: Random, material: Material, held: str | None = None) -> Passage:
    """One passage with its questions; the same for the same state of `rng`.

    held: None for training; "wording" for trained units in held-out wordings; "unit" for units
    that are never trained on."""
    units = [unit for unit in material.units if unit.held_out == (held == "unit")]
    chosen = _choose(rng, units)
    taken: set[str] = set()
    speakers = [rng.choice(("woman", "man")) for _ in chosen]
    tellings = [
        [tell(unit, number, speakers[number], (rng, material, taken)) for unit in group]
        for number, group in enumerate(chosen)
    ]
    recordings, places = [], {}
    for number, group in enumerate(tellings):
        sentences = _spoken(rng, group, material, places)
        recordings.append(Recording(speakers[number], _timed(rng, sentences)))
    heard = passage_questions.Heard(
        tuple(recordings), tuple(t for group in tellings for t in group), places, units
    )
    asked = passage_questions.ask(rng, material, heard, held)
    return Passage(tuple(recordings), asked)


def passages(seed: int, held: str | None = None) -> Iterator[Passage]:
    """Passages without end, from the units that come with Earshot."""
    rng, material = random.Random(seed), read()
    while True:
        yield passage(rng, material, held)


def _choose(rng: Random, units: list[Unit]) -> list[list[Unit]]:
    """The units of each recording."""
    count = rng.choices(list(RECORDINGS), RECORDINGS.values())[0]
    chosen: list[list[Unit]] = []
    for _ in range(count):
        used = {unit.tag for group in chosen for unit in group}
        free = [unit for unit in units if unit.tag not in used]
        if rng.random() < ONE_SUBJECT:
            domain = rng.choice(free).domain
            free = [unit for unit in free if unit.domain == domain]
        length = rng.choice((1, 1, 2)) if count > 1 else rng.choice((1, 2, 2, 3, 3, 4))
        group = rng.sample(free, min(length, len(free)))
        rare = [
            unit for unit in free if unit not in group and _RARE & {q.kind for q in unit.questions}
        ]
        if rare and rng.random() < RARE:
            group[rng.randrange(len(group))] = rng.choice(rare)
        chosen.append(group)
    if rng.random() < TWIN:
        twin = rng.choice(chosen[0])
        chosen[-1].insert(rng.randint(0, len(chosen[-1])), twin)
    return chosen


def _spoken(
    rng: Random, group: list[Telling], material: Material, places: dict[tuple[int, int], int]
) -> list[str]:
    """The sentences of a recording. Notes in `places` where each sentence of a telling stands."""
    spoken = [rng.choice(material.wordings["filler"])] if rng.random() < SMALL_TALK else []
    for telling in group:
        for number, sentence in enumerate(telling.sentences):
            places[id(telling), number] = len(spoken)
            spoken.append(_hesitant(rng, sentence, telling))
        if rng.random() < SMALL_TALK:
            spoken.append(rng.choice(material.wordings["filler"]))
    return spoken


def _hesitant(rng: Random, sentence: str, telling: Telling) -> str:
    """The sentence with an "um" before it or after a comma, sometimes; never in a value."""
    if rng.random() >= HESITATION:
        return sentence
    word = rng.choice(_HESITATIONS)
    first, _, rest = sentence.partition(" ")
    halting = []
    if first in _OPENERS:
        halting = [f"{word[0].upper()}{word[1:]}, {first.lower()} {rest}"]
    halting += [
        f"{sentence[: comma.end()]}{word}, {sentence[comma.end() :]}"
        for comma in re.finditer(r", (?=[a-z])", sentence)
    ]
    values = [value for value in telling.filling.values.values() if value in sentence]
    kept = [way for way in halting if all(value in way for value in values)]
    return rng.choice(kept or [sentence])


def _timed(rng: Random, sentences: list[str]) -> tuple[Sentence, ...]:
    rate, now, timed = rng.uniform(*WORDS_PER_SECOND), rng.uniform(0, 1), []
    for text in sentences:
        end = now + len(text.split()) / rate
        timed.append(Sentence(round(now, 2), round(end, 2), text))
        now = end + rng.uniform(*PAUSE)
    return tuple(timed)


def main(argv: list[str] | None = None) -> None:
    cli = argparse.ArgumentParser(description="Print passages with their questions.")
    cli.add_argument("count", type=int)
    cli.add_argument("--seed", type=int, default=0)
    cli.add_argument("--held", choices=("wording", "unit"))
    args = cli.parse_args(argv)
    made = passages(args.seed, args.held)
    for _ in range(args.count):
        shown = next(made)
        for number, recording in enumerate(shown.recordings, 1):
            print(f"Recording {number} ({recording.speaker})")
            for sentence in recording.sentences:
                print(f"  {passage_questions.clock(sentence.start)} {sentence.text}")
        for turns in shown.conversations:
            print("    " + " | ".join(f"{t.question} -> {t.answer} ({t.kind})" for t in turns))
        print()


if __name__ == "__main__":
    main()
