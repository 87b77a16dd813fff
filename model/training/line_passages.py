"""Passages of plain lines, as a corpus has them: what people wrote or said in words of their own,
with questions that patterns can ask. Beside the made passages, so that a model does not learn that
unusual words have no answers."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from model.listening.notes_as_text import clock
from model.training.passage_questions import NO_ANSWER, as_answer, typed, words
from model.training.passage_tellings import Passage, Recording, Sentence, Turn

RECORDINGS = (1, 1, 1, 1, 2, 2, 3)
LINES = (2, 3, 4, 4, 5, 6)  # of a recording
LETTERS = (12, 140)  # of a line
FEWEST = 20
ASKED = 0.7  # share of lines in which a pattern finds something
_END = r"(?=[.;:!?]|$)"
_THING = r"((?:an?|the|my|your|our|his|her|some|no|this|that|more|any) [\w' -]{3,40})"
_DAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_NUMBER = (
    r"(\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|"
    r"sixty|a hundred|a thousand|dozens of|hundreds of)"
)
_NOT_NAMES = (
    "Not Very So The Sorry Going Sure Afraid Just Only Glad Happy Looking Trying Mr God Jesus"
).split()


@dataclass(frozen=True)
class Pattern:
    """Questions on what a pattern finds: its first group is the answer, the second may stand in the
    question as {1}. `near` is a sign that there is an answer in other words."""

    regex: re.Pattern
    wordings: tuple[str, ...]
    near: re.Pattern
    kind: str = "what"


def _pattern(regex: str, wordings: str, near: str, kind: str = "what") -> Pattern:
    return Pattern(re.compile(regex), tuple(wordings.split("|")), re.compile(near, re.I), kind)


_SPEAKER = r"\b(?:I|We|we)"
PATTERNS = (
    _pattern(
        rf"\b(?:looking|searching) for {_THING}{_END}",
        "what is being looked for|what are they looking for|what is the speaker searching for",
        "look|search|seek|find|where",
    ),
    _pattern(
        rf"{_SPEAKER} (?:really |just |only )?need {_THING}{_END}",
        "what does the speaker need|what is needed|what do they need",
        "need|want|must|require",
    ),
    _pattern(
        rf"{_SPEAKER} (?:really |just |only )?want {_THING}{_END}",
        "what does the speaker want|what is wanted",
        "want|wish|need|like|please",
    ),
    _pattern(
        rf"{_SPEAKER}(?:'ve| have)? lost {_THING}{_END}",
        "what did the speaker lose|what is lost|what has been lost",
        "los[te]|miss|gone",
    ),
    _pattern(
        rf"{_SPEAKER}(?:'ve| have)? found {_THING}{_END}",
        "what did the speaker find|what was found",
        "f[io][nu]nd|discover",
    ),
    _pattern(
        rf"{_SPEAKER}(?:'ve| have| have got|'ve got) {_THING}{_END}",
        "what does the speaker have|what has the speaker got",
        "have|has|had|'ve|got|own",
    ),
    _pattern(
        rf"{_SPEAKER} (?:like|love) {_THING}{_END}",
        "what does the speaker like|what is liked",
        "lik|lov|favo",
    ),
    _pattern(
        r"\b(?:my name is|My name is|my name's|My name's) ([A-Z]\w+(?: [A-Z]\w+)?)",
        "what is the speaker's name|who is speaking|what's the name of the speaker",
        "name|I'm|I am|this is|call",
        "who",
    ),
    _pattern(
        r"\bbecause ([\w', -]{6,70})(?=[.;!?]|$)",
        "which reason is given|why is that|for what reason",
        "because|since|so |reason|why|due",
        "why",
    ),
    _pattern(
        rf"\b{_NUMBER} ((?:[a-z]+ )?[a-z]{{3,}}s)\b",
        "how many {1} are mentioned|how many {1}|how many {1} are there",
        r"\d|two|three|four|five|six|seven|eight|nine|ten|many|hundred",
        "many",
    ),
    _pattern(
        rf"\b((?:on |next |last )?(?:{_DAYS})|tomorrow|yesterday|tonight|next week|last week|"
        r"last year|next year|this morning|this evening|in the morning|at noon|at midnight)\b",
        "when|when is it|which day or time is mentioned",
        f"{_DAYS}|morrow|yester|night|day|week|year|morning|evening|noon|o'clock|hour|now|when|"
        "ago|soon|later|never|always|time|\\d",
        "when",
    ),
    _pattern(
        r"^((?:The|A|An|My|His|Her|Our|Their|This|That) [a-z][a-z' -]{2,25}?|[A-Z][a-z]+) "
        r"((?:is|was|were|has|had|can|will|wants|said|says|took|went|came|ran|sat|rode|made|gave|"
        r"lives|knows|likes|works|left|saw|told|fell|kept) [\w', -]{5,70})[.!]$",
        "who or what {1}|what or who {1}|which person or thing {1}",
        ".",
        "who",
    ),
)
_ABOUT = (
    "what is said about {w}|what do they say about {w}|quote the sentence with {w}|"
    "which sentence mentions {w}|what does it say about {w}"
).split("|")
_AFTER = (
    "what comes after '{w}'|which words follow '{w}'|what is said right after '{w}'|"
    "how does it go on after '{w}'"
).split("|")
_ASKED = "which question is asked|what is asked|what does the speaker ask".split("|")
_WHEN = "when is {w} mentioned|at what time in the recording does one hear {w}".split("|")
_WHICH = "which recording mentions {w}|in which recording is {w} mentioned".split("|")
_MENTIONED = "is {w} mentioned|does anyone mention {w}|do they talk about {w}".split("|")


class Lines:
    """The lines that can be spoken sentences, each once; and by pattern those in which it finds
    something. Raises ValueError where they are too few."""

    def __init__(self, lines: Iterable[str]):
        self.all = [line for line in dict.fromkeys(map(str.strip, lines)) if _is_sentence(line)]
        if len(self.all) < FEWEST:
            raise ValueError(f"at least {FEWEST} sentences are wanted; got {len(self.all)}")
        by = [[line for line in self.all if p.regex.search(line)] for p in PATTERNS]
        self.by_pattern = [lines for lines in by if lines] or [self.all]
        self.weights = [len(lines) ** 0.5 for lines in self.by_pattern]  # few are not drawn often

    def draw(self, rng: Random) -> list[str]:
        """Some lines, most of which a question can be asked of."""
        chosen: dict[str, None] = {}
        for _ in range(rng.choice(LINES)):
            found = rng.choices(self.by_pattern, self.weights)[0]
            chosen[rng.choice(found if rng.random() < ASKED else self.all)] = None
        return list(chosen)


def line_passage(rng: Random, lines: Lines) -> Passage:
    """A passage of lines drawn at random, with its questions."""
    recordings = []
    for _ in range(rng.choice(RECORDINGS)):
        spoken = tuple(_timed(rng, lines.draw(rng)))
        recordings.append(Recording(rng.choice(("woman", "man")), spoken))
    asked = list(_Asker(rng, recordings, lines.all).all())
    rng.shuffle(asked)
    return Passage(tuple(recordings), tuple({turns[0].question: turns for turns in asked}.values()))


def _is_sentence(line: str) -> bool:
    low, high = LETTERS
    return low <= len(line) <= high and line[0].isupper() and line[-1] in ".!?" and '"' not in line


def _timed(rng: Random, lines: Sequence[str]) -> Iterator[Sentence]:
    now, rate = rng.uniform(0, 1), rng.uniform(2.0, 3.2)
    for line in lines:
        end = now + len(line.split()) / rate
        yield Sentence(round(now, 2), round(end, 2), line)
        now = end + rng.uniform(0.2, 1.2)


class _Asker:
    def __init__(self, rng: Random, recordings: Sequence[Recording], lines: Sequence[str]):
        self.rng, self.lines = rng, lines
        self.spoken = [
            (r, s) for r, recording in enumerate(recordings) for s in recording.sentences
        ]
        self.several = len(recordings) > 1
        self.text = " ".join(s.text for _, s in self.spoken)
        self.heard = words(self.text)

    def all(self) -> Iterator[tuple[Turn, ...]]:
        """Each a conversation of its own."""
        yield from self.by_patterns()
        for r, sentence in self.rng.sample(self.spoken, min(2, len(self.spoken))):
            if word := self.rare(sentence.text):
                yield self.turn(_ABOUT, sentence.text, "about", word)
                where = f" in recording {r + 1}" if self.several else ""
                if self.rng.random() < 0.3:
                    yield self.turn(_WHEN, f"At {clock(sentence.start)}{where}.", "at", word)
                if self.rng.random() < 0.3:
                    yield self.turn(_MENTIONED, "Yes.", "mention", word)
                if self.several and self.rng.random() < 0.6:
                    yield self.turn(_WHICH, f"Recording {r + 1}.", "which", word)
        if other := self.rare(self.rng.choice(self.lines), there=0):
            if self.rng.random() < 0.3:
                yield self.turn(_ABOUT, NO_ANSWER, "unanswerable", other)
            else:
                yield self.turn(_MENTIONED, "No.", "mention", other)
        yield from self.after()
        questions = [s.text for _, s in self.spoken if s.text.endswith("?")]
        if len(questions) == 1 or not questions and self.rng.random() < 0.1:
            answer = questions[0] if questions else NO_ANSWER
            yield self.turn(_ASKED, answer, "ask" if questions else "unanswerable")

    def by_patterns(self) -> Iterator[tuple[Turn, ...]]:
        """What patterns find once, and as often what none of them could find."""
        found, lacking = [], []
        for pattern in PATTERNS:
            hits = [m for _, s in self.spoken for m in pattern.regex.finditer(s.text)]
            if len(hits) == 1 and (made := self.found(pattern, hits[0])):
                found.append(made)
            elif not hits and not pattern.near.search(self.text):
                asked = self.rng.choice(pattern.wordings)
                if "{" not in asked:
                    lacking.append((self.said(asked, NO_ANSWER, "unanswerable"),))
        yield from found
        yield from self.rng.sample(lacking, min(len(lacking), 1 + len(found) // 2))

    def found(self, pattern: Pattern, hit: re.Match) -> tuple[Turn, ...] | None:
        """A question on what was found."""
        groups = hit.groups()
        answer = groups[0]
        if pattern.kind == "who" and answer.split()[0] in _NOT_NAMES:
            return None
        asked = self.rng.choice(pattern.wordings).format(*groups)
        return (self.said(asked, as_answer(answer), pattern.kind),)

    def after(self) -> Iterator[tuple[Turn, ...]]:
        """The words that come after some."""
        _, sentence = self.rng.choice(self.spoken)
        parts = sentence.text.split()
        if len(parts) < 7 or self.rng.random() < 0.5:
            return
        i = self.rng.randrange(len(parts) - 5)
        start = " ".join(parts[i : i + 3]).strip(".,;:!?")
        if self.text.count(start) == 1:
            rest = " ".join(parts[i + 3 :]).rstrip(".!?,;:")
            yield self.turn(_AFTER, as_answer(rest), "after", start)

    def rare(self, line: str, there: int = 1) -> str | None:
        """A word of the line that is said so often in the passage."""
        kept = [
            word
            for word in re.findall(r"[A-Za-z]{5,}", line)
            if self.heard.count(word.lower()) == there
            and sum(heard.startswith(word.lower()[:4]) for heard in self.heard) == there
        ]
        return self.rng.choice(kept).lower() if kept else None

    def turn(self, wordings: Sequence[str], answer: str, kind: str, word: str = "") -> tuple[Turn]:
        return (self.said(self.rng.choice(wordings).format(w=word), answer, kind),)

    def said(self, question: str, answer: str, kind: str) -> Turn:
        return Turn(typed(self.rng, question), answer, kind)
