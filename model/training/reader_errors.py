"""What a recogniser does to words: notes with its mistakes, each word beside what was written of
it, so that an answer can be quoted as it stands there. Mistakes that were counted
(gather_reader_errors.py) come first; words that were never counted get what sounds like them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from model.training.passage_questions import words

TABLE = Path(__file__).parent / "passages" / "reader_errors.json"
UNSEEN = 4  # sayings of a word that count beside those in the table, with errors as in all words
MOST = 0.7  # chance of an error in a word
LOST, DOUBLED, CONFUSED = 0.12, 0.06, 0.2  # shares of errors in words that the table has not
_SMALL = (
    "the a an and of in to it he they is are were where there for four on at that this as was has"
).split()
_SOUNDS = (  # letters that are heard for each other
    "b p|d t|g k|v f|z s|m n|sh s|th f|th d|ck k|c k|ph f|qu kw|oo u|ee i|ea ee|ai ay|er a|or aw|"
    "ou ow|y i|i e|a e|o u|tion shun|ight ite|ll l|tt t|ss s|nn n|rr r|wh w|kn n|ey y|ie y"
).split("|")


@dataclass(frozen=True)
class Counted:
    """What was read of words: of each, how often it is misread, as a multiple of all words, and
    what was written instead."""

    risks: dict[str, float]
    read: dict[str, tuple[tuple[str, ...], tuple[int, ...]]]  # and how often


@cache
def counted(file: Path = TABLE) -> Counted:
    """The table of a file; an empty one where there is none."""
    told = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    wrong = {word: sum(read.values()) for word, (_, read) in told.items()}
    overall = sum(wrong.values()) / max(1, sum(n for n, _ in told.values()))
    risks = {word: (wrong[word] / overall + UNSEEN) / (n + UNSEEN) for word, (n, _) in told.items()}
    read = {word: (tuple(r), tuple(r.values())) for word, (_, r) in told.items() if r}
    return Counted(risks, read)


def misread(
    rng: Random, text: str, rate: float, table: Counted | None = None
) -> list[tuple[str, str]]:
    """Each word of a sentence with what was written of it: "" where it was lost. `rate` is the
    chance of an error in a word, on average."""
    table, read = table or counted(), []
    for word in text.split():
        risk = rate * table.risks.get(_bare(word), 1.0)
        read.append((word, _misread(rng, word, table) if rng.random() < min(risk, MOST) else word))
    return read


def written(read: Sequence[tuple[str, str]]) -> str:
    """The sentence as it was written."""
    text = " ".join(word for _, word in read if word)
    return text[:1].upper() + text[1:]


def quoted(answer: str, read: Sequence[tuple[str, str]]) -> str | None:
    """The words of an answer as they were written: "" where they were lost, None where they are not
    said in a row."""
    spoken = [(part, i) for i, (word, _) in enumerate(read) for part in words(word)]
    wanted = words(answer)
    for at in range(len(spoken) - len(wanted) + 1):
        if wanted and [part for part, _ in spoken[at : at + len(wanted)]] == wanted:
            first, last = spoken[at][1], spoken[at + len(wanted) - 1][1]
            if all(said == there for said, there in read[first : last + 1]):
                return answer
            text = " ".join(there for _, there in read[first : last + 1] if there)
            return text.strip(" ,.;:!?")
    return None


def _bare(word: str) -> str:
    return word.strip(".,;:!?\"'").lower()


def _misread(rng: Random, word: str, table: Counted) -> str:
    bare = _bare(word)
    if bare in table.read:
        return _dressed(rng.choices(*table.read[bare])[0], word)
    kind = rng.random()
    if kind < LOST:
        return ""
    if kind < LOST + DOUBLED:
        return f"{word} {bare}" if bare.isalpha() else word
    if len(bare) < 4 or kind < LOST + DOUBLED + CONFUSED and bare in _SMALL:
        return _dressed(rng.choice(_SMALL), word) if bare.isalpha() else word
    return _dressed(_like(rng, bare), word)


def _like(rng: Random, bare: str) -> str:
    """A word that sounds like it, or two."""
    ways = []
    for pair in _SOUNDS:
        one, other = pair.split()
        ways += [bare.replace(a, b, 1) for a, b in ((one, other), (other, one)) if a in bare[1:]]
    ways = [way for way in ways if way[0] == bare[0] and way != bare] or [bare[:-1]]
    if len(bare) > 6 and rng.random() < 0.25:
        middle = rng.randint(3, len(bare) - 3)
        return f"{bare[:middle]} {bare[middle:]}"
    return rng.choice(ways)


def _dressed(read: str, word: str) -> str:
    """With the capital and the marks of the word that it stands for."""
    tail = re.search(r"[.,;:!?]*$", word)[0] if read else ""
    return (read[:1].upper() + read[1:] if word[:1].isupper() else read) + tail
