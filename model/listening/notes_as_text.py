"""Notes as the plain quoted text that follows a clip's slots in a prompt. Encodes nothing.

    Heard in recording 1 (0:00 to 0:12). Sound: speech. Language: English. Voice: woman.
    0:00 "Sample PG907 turned green."
    0:05 "I've put it on the top shelf."

    Heard in recording 2 (0:00 to 0:04). No words. Sound: animal, not sure.

What was said stands between quotation marks and has none inside, nor a line break: it cannot end
its own quotation. It is for the tokenizer's plain-text encoding, in which no control token forms.
"""

import re
from collections.abc import Iterator, Sequence

from model.listening.languages import language_name
from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE, Label, Note

NOT_SURE = "not sure"
TITLES = {  # of what a label is about, in their order
    KIND: "Sound",
    LANGUAGE: "Language",
    VOICE: "Voice",
    FAMILY: "Instrument",
}
VOICES = {"female": "woman", "male": "man"}
SPEECH = "speech"  # a name of KIND
_SENTENCE_END = re.compile(r"""[.!?。！？]["'”’»)\]]*$""")
_ABBREVIATIONS = ("Mr.", "Mrs.", "Ms.", "Dr.", "St.", "No.")
_QUOTES = re.compile('["“”„‟«»〝〞〟＂]')


def notes_as_text(notes: Sequence[Note], recording: int | None = None) -> str:
    """What was heard, a paragraph for each note, without a line break at its end; "" without
    notes. `recording` is the number by which the clip is spoken of, from 1."""
    return "\n".join(_paragraph(note, recording) for note in notes)


def clock(seconds: float) -> str:
    """Minutes and seconds, as people write them: 75.2 is 1:15."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


def quoted(text: str) -> str:
    """One line in double quotation marks, without any inside."""
    return f'"{" ".join(_QUOTES.sub(chr(39), text).split())}"'


def sentences(note: Note) -> list[tuple[float, str]]:
    """Each sentence that was said, with the second of the clip at which it begins. Where the words
    do not spell the text, or there are none, all of it begins with the note."""
    found: list[tuple[float, str]] = []
    begun, end, start = 0, 0, note.start  # places in the text, and when the first of them is said
    for word in note.words:
        at = note.text.find(word.text, end)
        if at < 0:
            return [(note.start, note.text)]
        start = word.start if begun == end else start
        end = at + len(word.text)
        if _SENTENCE_END.search(word.text) and word.text not in _ABBREVIATIONS:
            found.append((start, note.text[begun:end].strip()))
            begun = end
    if rest := note.text[begun:].strip():
        found.append((start if begun < end else note.start, rest))
    return found


def _paragraph(note: Note, recording: int | None) -> str:
    where = "" if recording is None else f" in recording {recording}"
    told = [f"Heard{where} ({clock(note.start)} to {clock(note.end)})."]
    if note.withheld:
        told.append(f"No words could be taken down ({' '.join(note.withheld.split())}).")
    elif not note.text.strip():
        told.append("No words.")
    told += _findings(note)
    lines = [" ".join(told)]
    if note.text.strip():
        lines += [f"{clock(start)} {quoted(text)}" for start, text in sentences(note)]
    return "\n".join(lines)


def _findings(note: Note) -> Iterator[str]:
    for about, title in TITLES.items():
        if label := note.label(about):
            yield f"{title}: {_name(label)}."
        elif about == LANGUAGE and note.language and note.text.strip():
            yield f"{title}: {language_name(note.language)}."
    kind = note.label(KIND)
    if note.pitch and not note.text.strip() and not (kind and kind.name == SPEECH):
        yield f"Note: {note.pitch.note}."
    if note.tempo:
        yield f"Tempo: {note.tempo:.0f} beats a minute."


def _name(label: Label) -> str:
    name = " ".join(label.name.split())
    if label.about == LANGUAGE:
        name = language_name(name)
    elif label.about == VOICE:
        name = VOICES.get(name, name)
    return name if label.is_sure else f"{name}, {NOT_SURE}"
