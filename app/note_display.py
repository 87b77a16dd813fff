"""Notes as people read them: folded below a clip as HTML, or as lines of Markdown. Takes none."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from app.i18n import Language
from model.listening.languages import language_name
from model.listening.notes import (
    FAMILY,
    KIND,
    LANGUAGE,
    VOICE,
    WITHHELD,
    Label,
    Note,
    Word,
    from_json,
)
from model.listening.notes_as_text import clock
from sessions.records import WindowNotes

MOST_WORDS = 1000  # of a clip that play one by one; of a longer one sentences do
LINE = 16  # words of a line at most: each line has a time that plays
UNSURE = 0.5  # confidence below which a pitch is not sure
_SENTENCE_END = re.compile(r"""[.!?。！？]["'”’»)\]]*$""")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~])")

Spelled = list[tuple[str, Word]]  # what stands before a word, and the word


def folded(windows: Sequence[WindowNotes], language: Language, *, plays: bool = True) -> str:
    """What was heard of a clip, closed until somebody opens it; "" where there are no notes. Of a
    clip that cannot be played, no time `plays`."""
    notes = _notes(windows)
    if not notes:
        return ""
    how = _Section(
        language,
        is_titled=len(notes) > 1,
        plays=plays,
        words_play=plays and sum(len(note.words) for note in notes) <= MOST_WORDS,
    )
    sections = "".join(map(how.html, notes))
    n = sum(word.is_doubtful for note in notes for word in note.words)
    legend = f'<div class="legend">{language.say("heard.doubtful", n=n)}</div>' if n else ""
    return (
        f'<details class="heard"><summary>{language.say("heard.title")}</summary>{legend}'
        f'{sections}<div class="reader">{escape(_readers(notes, language))}</div></details>'
    )


def as_markdown(windows: Sequence[WindowNotes], language: Language) -> str:
    """The same as a quotation; a doubtful word is followed by (?)."""
    notes = _notes(windows)
    if not notes:
        return ""
    lines = [f"**{language.say('heard.title')}** ({_plain(_readers(notes, language))})"]
    for note in notes:
        for start, _, spelled in _lines(note):
            said = "".join(_escaped(before) + _marked(word) for before, word in spelled)
            lines.append(f"{clock(start)} {said}")
        facts = [
            f"{title}: {_plain(_doubted(value, is_unsure, language))}"
            for title, value, is_unsure, _ in _facts(note, language)
        ]
        about = [_plain(_without_words(note, language)), " · ".join(facts)]
        stretch = f"{clock(note.start)}–{clock(note.end)} " if len(notes) > 1 else ""
        lines += [stretch + " ".join(filter(None, about))] if any(about) else []
    return "\n".join(f"> {line}  " for line in lines).rstrip()


def _notes(windows: Iterable[WindowNotes]) -> list[Note]:
    return [note for window in windows for note in from_json(window.data)]


def _readers(notes: Iterable[Note], language: Language) -> str:
    names = dict.fromkeys(note.reader for note in notes)
    return language.say("heard.by", name=language.say("and").join(names))


@dataclass(frozen=True)
class _Section:
    """How a note is written as HTML."""

    language: Language
    is_titled: bool  # with its stretch: one of several
    plays: bool
    words_play: bool

    def html(self, note: Note) -> str:
        title = f"<h4>{clock(note.start)}–{clock(note.end)}</h4>" if self.is_titled else ""
        tongue = f' lang="{escape(note.language)}"' if note.language else ""
        lines = "".join(self._line(*line, tongue) for line in _lines(note))
        missing = escape(_without_words(note, self.language))
        kind = "withheld" if note.withheld else "none"
        lines += f'<div class="{kind}">{missing}</div>' if missing else ""
        facts = "".join(self._fact(*fact) for fact in _facts(note, self.language))
        return f"<section>{title}{lines}{f'<dl>{facts}</dl>' if facts else ''}</section>"

    def _fact(self, title: str, value: str, is_unsure: bool, code: str) -> str:
        told = _doubted(_value(value, code), is_unsure, self.language)
        about = ' class="unsure"' if is_unsure else ""
        return f"<div><dt>{escape(title)}</dt><dd{about}>{told}</dd></div>"

    def _line(self, start: float, end: float, spelled: Spelled, tongue: str) -> str:
        at = clock(start)
        if self.plays:
            label = escape(self.language.say("heard.play", start=at, end=clock(end)))
            at = (
                f'<button type="button" class="at" data-start="{start:.2f}" data-end="{end:.2f}" '
                f'aria-label="{label}" title="{label}">{at}</button>'
            )
        words = "".join(escape(before) + self._word(word) for before, word in spelled)
        return f'<div class="line">{at} <span dir="auto"{tongue}>{words}</span></div>'

    def _word(self, word: Word) -> str:
        about = ""
        if word.is_doubtful:
            doubt = escape(self.language.say("heard.doubtful.word"))
            about = f' class="doubtful" title="{doubt}"'
        if self.words_play:
            about += f' data-start="{word.start:.2f}" data-end="{word.end:.2f}"'
        return f"<span{about}>{escape(word.text)}</span>" if about else escape(word.text)


def _lines(note: Note) -> Iterator[tuple[float, float, Spelled]]:
    """Sentences, or as many words as fit a line: from when, until when, what is said."""
    line: Spelled = []
    for before, word in _spelled(note):
        line.append((before if line else before.lstrip(), word))
        if len(line) == LINE or _SENTENCE_END.search(word.text):
            yield line[0][1].start, word.end, line
            line = []
    if line:
        yield line[0][1].start, line[-1][1].end, line


def _spelled(note: Note) -> Spelled:
    """The words, with what stands between them in the text: not every script has spaces. Without
    words the text is one."""
    if not note.words:
        text = " ".join(note.text.split())
        return [("", Word(note.start, note.end, text))] if text else []
    found, end = [], 0
    for word in note.words:
        at = note.text.find(word.text, end)
        if at < 0:  # they do not spell the text
            return [(" ", word) for word in note.words]
        found.append((note.text[end:at], word))
        end = at + len(word.text)
    rest = note.text[end:]
    if rest.strip():
        gap = rest[: len(rest) - len(rest.lstrip())]
        found.append((gap, Word(note.words[-1].end, note.end, rest.strip())))
    return found


def _without_words(note: Note, language: Language) -> str:
    """Why there are no words."""
    if note.withheld in WITHHELD:
        return language.say(f"heard.withheld.{note.withheld.replace(' ', '_')}")
    if note.withheld:
        return language.say("heard.withheld.other", why=" ".join(note.withheld.split()))
    return "" if note.text.strip() or note.words else language.say("heard.nobody")


def _facts(note: Note, language: Language) -> Iterator[tuple[str, str, bool, str]]:
    """What else was found: its title, its value, whether it is unsure, the code of a language."""
    for about in (KIND, LANGUAGE, VOICE, FAMILY):
        label = note.label(about)
        if label is None and about == LANGUAGE and note.language:
            label = Label(LANGUAGE, note.language, 1.0)
        if label is not None:
            code = label.name if about == LANGUAGE else ""
            name = language_name(code) if code else _name(label.name, language)
            yield _title(about, language), name, not label.is_sure, code
    if pitch := note.pitch:
        is_unsure = pitch.confidence < UNSURE
        yield _title("pitch", language), f"{pitch.note}, {pitch.hertz:.0f} Hz", is_unsure, ""
    if note.tempo:
        yield _title("tempo", language), language.say("heard.tempo", n=round(note.tempo)), False, ""
    if note.level is not None:
        yield _title("level", language), f"{note.level:.0f} dBFS".replace("-", "−"), False, ""


def _doubted(value: str, is_unsure: bool, language: Language) -> str:
    return language.say("heard.unsure", name=value) if is_unsure else value


def _title(about: str, language: Language) -> str:
    return language.say(f"heard.about.{about.replace(' ', '_')}")


def _name(found: str, language: Language) -> str:
    """What a classifier found, in the person's language where it is known there."""
    key = found.replace(" ", "_")
    is_known = f"heard.name.{key}" in language.strings
    return language.say(f"heard.name.{key}") if is_known else found


def _value(value: str, code: str) -> str:
    """Browsers know what a language is called in the person's own: see heard.js."""
    return f'<span data-language="{escape(code)}">{escape(value)}</span>' if code else escape(value)


def _plain(text: str) -> str:
    """On one line, as Markdown that means nothing but itself."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.splitlines()))


def _marked(word: Word) -> str:
    return _plain(word.text) + (" (?)" if word.is_doubtful else "")
