"""People's speech out of the manifests: one part a language, with what can be asked of each clip.

English is written down; of any language it is asked which one it is, and of any voice that is
known, whether a man or a woman speaks. Synthesised speech is model/training/synthesis.py's.
"""

import logging
import random
from collections import Counter
from pathlib import Path

from model.errors import Unplayable
from model.spec import SAMPLE_RATE
from model.training.packing import Pack
from model.training.sources import LICENCES, held_out, pcm
from model.training.texts import sentence, words

ENGLISH = "en"
LANGUAGES = {  # ISO 639-1 codes, as they are answered
    "ca": "Catalan",
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "lt": "Lithuanian",
    "nl": "Dutch",
    "ru": "Russian",
    "uk": "Ukrainian",
}
SOURCES, ENOUGH = 2, 20  # packages with that many clips each, for a language to be asked about
MOST = 1200  # training clips of a language other than English, which is written down too
TOLD = 0.5  # seconds a clip must last for its language or voice to be asked
NAMELESS = {"letter", "syllable"}  # tasks of manifests: too little to tell a language by
# Their texts are the names of the files, which tell what a line is for and not its words: "Boring!"
# is spoken "This is frightfully dull". Neither to be learned nor to be tested with.
UNWRITTEN = {"hedgewars-data"}
log = logging.getLogger(__name__)
_SECONDS = 0.2, 15  # shortest and longest clip


def language_of(row: dict) -> str:
    """en for en_GB; empty where it is no speech."""
    return (row.get("language") or "").split("_")[0]


def known_languages(rows: list[dict]) -> set[str]:
    """Those with recordings to learn from of two sources or more: with one alone, a language could
    not be told from a voice or a microphone."""
    count = Counter(
        (language_of(row), row["package"])
        for row in rows
        if row["duration"] >= TOLD and not held_out(row)
    )
    sources = Counter(language for (language, _), n in count.items() if n >= ENOUGH)
    return {language for language in LANGUAGES if sources[language] >= SOURCES}


def chosen(rows: list[dict], language: str, most: int | None = MOST) -> list[dict]:
    """The recordings of one language worth packing: all that is held out, and at most `most` to
    learn from, drawn evenly; all of it where `most` is None."""
    fit = [
        row
        for row in rows
        if language_of(row) == language and _SECONDS[0] <= row["duration"] <= _SECONDS[1]
    ]
    if language == ENGLISH:
        return fit
    fit = [row for row in fit if row["duration"] >= TOLD]
    learned = [row for row in fit if not held_out(row) and row["task"] not in NAMELESS]
    random.Random(f"recordings {language}").shuffle(learned)
    return [row for row in fit if held_out(row)] + learned[:most]


def answers(row: dict, language: str) -> dict[str, str]:
    """What is true of a recording of speech, for each task that can be asked of it."""
    known = {}
    if language == ENGLISH and row["package"] not in UNWRITTEN and words(row["text"]):
        known["transcribe"] = sentence(row["text"])
    if row["duration"] >= TOLD:
        if row["task"] not in NAMELESS:
            known["language"] = f"{LANGUAGES[language]}."
            known["kind of sound"] = "Speech."
        if gender := row.get("gender"):
            known["gender"] = {"m": "A man.", "f": "A woman."}[gender]
    return known


def part_of(language: str) -> str:
    """The name of the part that holds a language."""
    return f"speech-{language}"


def pack(job: tuple[str, list[dict]], sources: Path, out: Path) -> None:
    """One part: (language, its recordings)."""
    language, rows = job
    with Pack(out, part_of(language)) as part:
        for row in rows:
            known = answers(row, language)
            try:
                heard = pcm(sources / row["audio"])
            except Unplayable as error:
                log.info("Left out: %s", error)
                continue
            if not known or not _SECONDS[0] <= len(heard) / SAMPLE_RATE <= _SECONDS[1]:
                continue
            part.add(heard, known, **_facts(row, language))


def _facts(row: dict, language: str) -> dict:
    """What stands on the line beside the answers."""
    known = {name: row.get(name) for name in ("speaker", "gender", "split")}
    known |= {"language": language, "kind": "speech", "said": row["task"]}
    return known | {"source": row["package"], "licence": LICENCES[row["package"]]}
