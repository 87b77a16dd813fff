"""Times in an answer (<|2.33|>), each tied to a clip and counted from that clip's start.

The model writes a time as seconds of the window it heard, of at most 30 s. The words around say
which window that is: "Audio 2", "the first recording", "Audio 1 (0:28 to 0:56)". Where neither they
nor what was heard leave one window only, the time is tied to nothing.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sessions.records import ClipRef, Heard, Turn

MARK = re.compile(r"<\|(\d{1,6}\.\d\d)\|>")
ONE_WINDOW = 30.0  # seconds: a clip of no more is heard as a whole


@dataclass(frozen=True)
class Mark:
    """A time, and the stretch that it begins or ends, if it does: in seconds of the clip, or as the
    model wrote them where they are tied to none."""

    at: float
    start: float
    end: float | None  # None: a moment
    clip: ClipRef | None = None
    is_tied: bool = True  # False: it may be about several windows


@dataclass(frozen=True)
class Sounding:
    """A clip as an answer may be about it, with its windows: those that were heard."""

    clip: ClipRef
    windows: tuple[tuple[float, float], ...]  # seconds

    @classmethod
    def whole(cls, clip: ClipRef) -> "Sounding":
        """One of which nobody noted how it was heard."""
        return cls(clip, ((0.0, clip.seconds),) if clip.seconds <= ONE_WINDOW else ())


@dataclass(frozen=True)
class Sources:
    """What the times of an answer may be about: the clips of each message before it, in which they
    are numbered from 1, the newest message last; and the question that was asked."""

    messages: tuple[tuple[Sounding, ...], ...] = ()
    question: str = ""

    @classmethod
    def of(cls, clip: ClipRef | None) -> "Sources":
        return cls(((Sounding.whole(clip),),) if clip else ())

    @property
    def newest(self) -> tuple[Sounding, ...]:
        return self.messages[-1] if self.messages else ()

    @property
    def all(self) -> list[Sounding]:
        return [one for message in self.messages for one in message]

    @property
    def clip(self) -> ClipRef | None:
        """The newest."""
        return self.newest[-1].clip if self.newest else None


NOTHING = Sources()


class Following:
    """The sources of each turn of a line, one after the other. `before` has the clips of the turns
    that stand before it."""

    def __init__(self, before: Iterable[Sequence[ClipRef]] = ()):
        self._messages = [list(clips) for clips in before]
        self._question = ""
        self._is_answered = True

    def of(self, turn: Turn) -> Sources:
        """Those of a turn, which from now on is one before the others."""
        if turn.role == "user":
            self._ask(turn)
            return NOTHING
        found = self._sources(turn)
        self._is_answered = self._is_answered or bool(turn.text)
        return found

    def _ask(self, turn: Turn) -> None:
        """A question without an answer is read together with the next one."""
        if self._is_answered:
            self._question = ""
            self._messages.append([])
        self._question += f"{turn.text}\n"
        self._messages[-1] += turn.clips
        self._is_answered = False

    def _sources(self, turn: Turn) -> Sources:
        if turn.heard:
            known = {clip.digest: clip for clips in self._messages for clip in clips}
            return Sources(_as_heard(turn.heard, known), self._question)
        messages = (tuple(map(Sounding.whole, clips)) for clips in self._messages if clips)
        return Sources(tuple(messages), self._question)


def _as_heard(
    heard: Iterable[Heard], known: Mapping[str, ClipRef]
) -> tuple[tuple[Sounding, ...], ...]:
    """By message and number. A clip that was missing then has no row and keeps its number."""
    rows: dict[int, dict[int, list[Heard]]] = {}
    for window in heard:
        rows.setdefault(window.message, {}).setdefault(window.number, []).append(window)
    messages = []
    for _, clips in sorted(rows.items()):
        message = [_NOBODY] * max(clips)
        for number, windows in clips.items():
            digest = windows[0].digest
            clip = known.get(digest) or ClipRef(digest, "", 0.0)
            edges = tuple((w.start, w.end) for w in windows if w.end > w.start)
            message[number - 1] = Sounding(clip, edges)
        messages.append(tuple(message))
    return tuple(messages)


_NOBODY = Sounding(ClipRef("", "", 0.0), ())


# Reading ------------------------------------------------------------------------------------------


def read(text: str, sources: Sources = NOTHING) -> list[Mark]:
    """The marks of an answer, in their order. Two with words between them hold a stretch, and each
    belongs to one stretch at most."""
    found = list(MARK.finditer(text))
    tied, marks, i = _tied(text, found, sources), [], 0
    while i < len(found):
        start = float(found[i][1])
        end = float(found[i + 1][1]) if i + 1 < len(found) else 0.0
        between = text[found[i].end() : found[i + 1].start()] if i + 1 < len(found) else ""
        if _are_pair(start, between, end) and tied[i] == tied[i + 1]:
            marks += [_mark(at, start, end, tied[i]) for at in (start, end)]
            i += 2
        else:
            marks.append(_mark(start, start, None, tied[i]))
            i += 1
    return marks


def written(text: str, sources: Sources = NOTHING) -> str:
    """A text with its times as people write them."""
    times = iter(read(text, sources))
    return MARK.sub(lambda _: f"[{next(times).at:.2f} s]", text)


def has_loose(text: str, sources: Sources = NOTHING) -> bool:
    """Whether a time in it is tied to nothing."""
    return not all(mark.is_tied for mark in read(text, sources))


def _are_pair(start: float, between: str, end: float) -> bool:
    return end > start and "\n\n" not in between and re.search(r"\w", between) is not None


Tied = tuple[ClipRef | None, float | None]  # the clip, and where its window begins; None: unknown


def _mark(at: float, start: float, end: float | None, tied: Tied) -> Mark:
    clip, offset = tied
    if offset is None:
        return Mark(at, start, end, None, is_tied=False)
    mark = Mark(offset + at, offset + start, None if end is None else offset + end)
    return replace(mark, clip=clip)


def _tied(text: str, marks: Sequence[re.Match], sources: Sources) -> list[Tied]:
    """What each mark is about."""
    if not sources.messages:
        return [(None, 0.0)] * len(marks)
    words = MARK.sub(lambda mark: "\0" * len(mark[0]), text)
    places = [mark.start() for mark in marks]
    clips = _about(words, places, _clips_named(words, sources), _usual_clip(sources))
    asked = _stretches_named(sources.question)
    usual = asked[0][1] if len(asked) == 1 else None
    stretches = _about(words, places, _stretches_named(words), usual)
    return list(map(_window, clips, stretches))


def _window(sounding: Sounding | None, stretch: tuple[int, int] | None) -> Tied:
    """The one window of a clip that a mark can be about."""
    if sounding is None:
        return None, None
    windows = sounding.windows
    if len(windows) > 1:
        windows = tuple(w for w in windows if (int(w[0]), int(w[1])) == stretch)
    return (sounding.clip, windows[0][0]) if len(windows) == 1 else (None, None)


def _usual_clip(sources: Sources) -> Sounding | None:
    """Where an answer names none: the one that the question names, else the only one of the newest
    message with sound."""
    asked = [one for _, one in _clips_named(sources.question, sources)]
    if asked:
        return asked[0] if all(one is asked[0] for one in asked) else None
    return sources.newest[0] if len(sources.newest) == 1 else None


Named = list[tuple[int, Any]]  # where in a text something is named, and what


def _about(words: str, places: Sequence[int], named: Named, usual: Any) -> list[Any]:
    """Of what is named, what stands at each place is about: the last before it; or, in a sentence
    that names nothing before its first place ("at 2 s in Audio 1"), the next one in it."""
    ends = [0, *(match.end() for match in _END.finditer(words)), len(words) + 1]
    names, found = [at for at, _ in named], []
    for place in places:
        sentence = bisect_right(ends, place)
        start, end = ends[sentence - 1], ends[sentence]
        following = bisect_right(names, place)  # the index of the next name
        first = places[bisect_left(places, start)]
        begins_with_name = bisect_left(names, start) < bisect_left(names, first)
        if following < len(names) and names[following] < end and not begins_with_name:
            found.append(named[following][1])
        else:
            found.append(named[following - 1][1] if following else usual)
    return found


# Names --------------------------------------------------------------------------------------------

_END = re.compile(r"[.!?;](?=\s|$)|[。！？；\n]")
_NOUN = (
    r"(?:audios?|recordings?|clips?|tracks?|samples?|files?|(?:ton|audio)?aufnahmen?|(?:audio|ton)?datei"
    r"(?:en)?|enregistrements?|extraits?|pistes?|fichiers?|grabaci(?:ón|ones)|archivos?|pistas?)"
)
_CJK_NOUN = r"(?:录音|音频|音頻|錄音|録音|音声|オーディオ|クリップ|ファイル|片段)"
_ORDINALS = (
    r"first|1st|erste\w?|premi(?:er|ère)|primer[ao]?",
    r"second|2nd|zweite\w?|deuxième|seconde|segund[ao]",
    r"third|3rd|dritte\w?|troisième|tercer[ao]?",
    r"fourth|4th|vierte\w?|quatrième|cuart[ao]",
    r"fifth|5th|fünfte\w?|cinquième|quint[ao]",
)
_LAST = r"last|latest|newest|letzte\w?|neueste\w?|derni(?:er|ère)|últim[ao]"
_WORDS = ("one|eins|un|uno|一", "two|zwei|deux|dos|二", "three|drei|trois|tres|三")
_WORDS += ("four|vier|quatre|cuatro|四", "five|fünf|cinq|cinco|五")
_NUMBER = rf"(?:n[o°º]?\.?\s*|nr\.?\s*|#\s*)?(?P<n>\d+|{'|'.join(_WORDS)})(?![A-Za-zÀ-ÿ\d])"
_NAMES = (
    re.compile(rf"\b(?P<label>audio)\s*{_NUMBER}", re.I),
    re.compile(rf"\b{_NOUN}\s+{_NUMBER}", re.I),
    re.compile(r"(?P<label>音频|音頻|オーディオ)\s*(?P<n>\d+|[一二三四五])"),
    re.compile(rf"{_CJK_NOUN}\s*(?P<n>\d+|[一二三四五])"),
    re.compile(rf"(?<!\d )(?<!\w-)\b(?P<nth>{'|'.join(_ORDINALS)})\s+(?:\w+\s+)?{_NOUN}\b", re.I),
    re.compile(
        rf"第?\s*(?P<n>\d+|[一二三四五])\s*(?:个|個|段|条|つ目の|つめの|番目の|本目の)\s*{_CJK_NOUN}"
    ),
    re.compile(rf"(?P<first>最初の|首[个段])\s*{_CJK_NOUN}"),
    re.compile(rf"\b(?P<last>{_LAST})\s+(?:\w+\s+)?{_NOUN}\b", re.I),
    re.compile(rf"(?P<last>最后[一的]?[个段条]?|最後の)\s*{_CJK_NOUN}"),
)
_CLOCK = r"(\d{1,4}(?::\d\d)?:\d\d)"
_STRETCH = re.compile(
    rf"{_CLOCK}\s*(?:to|until|bis|à|al?|hasta|[-–—~〜～至到]|から)\s*{_CLOCK}", re.I
)


def _clips_named(words: str, sources: Sources) -> Named:
    """The clips that a text names, in their order; None for one that is not there."""
    matches = (match for pattern in _NAMES for match in pattern.finditer(words))
    found, end = [], 0
    for match in sorted(matches, key=lambda match: match.start()):  # of the same start: as above
        if match.start() >= end:
            groups, end = match.groupdict(), match.end()
            clip = _numbered(_number(groups), "label" in groups, sources)
            found.append((match.start(), clip))
    return found


def _number(groups: dict[str, str]) -> int:
    """Which clip is meant, from 1; 0 for the last."""
    if "last" in groups:
        return 0
    if "first" in groups:
        return 1
    words, said = (_ORDINALS, groups["nth"]) if "nth" in groups else (_WORDS, groups["n"])
    if said.isdecimal():
        return int(said[:4])
    return 1 + next(i for i, word in enumerate(words) if re.fullmatch(word, said, re.I))


def _numbered(number: int, is_label: bool, sources: Sources) -> Sounding | None:
    """The clip of a number: in the newest message, which counts from 1 to the model; else in the
    whole conversation, as people count."""
    newest = sources.newest
    if number == 0:
        return newest[-1]
    if number <= len(newest) and (is_label or len(newest) > 1):
        return newest[number - 1]
    every = sources.all
    return every[number - 1] if 0 < number <= len(every) else None


def _stretches_named(words: str) -> Named:
    """The stretches that a text names, in whole seconds, as the prompt writes them."""
    return [
        (match.start(), (_seconds(match[1]), _seconds(match[2])))
        for match in _STRETCH.finditer(words)
    ]


def _seconds(clock: str) -> int:
    seconds = 0
    for part in clock.split(":"):
        seconds = 60 * seconds + int(part)
    return seconds
