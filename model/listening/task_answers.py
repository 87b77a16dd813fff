"""Answers to tasks that need no language model: what was said, in which language, by what voice,
what kind of sound it is, word for word as the notes have it. Listens to nothing.
"""

import re
from collections.abc import Sequence

from model.listening.languages import language_name
from model.listening.notes import FAMILY, KIND, LANGUAGE, VOICE, Label, Note
from model.listening.notes_as_text import clock, sentences
from model.messages import Message

NO_WORDS = "No words were heard."
NOT_TAKEN = "No words could be taken down."
NOT_SURE = "I am not sure."
CANNOT = "I can't hear that in the recording."  # a question that does not fit the sound
KINDS = {
    "speech": "Speech",
    "vocal sound": "A vocal sound",
    "animal": "An animal",
    "instrument": "An instrument",
    "drum": "A drum",
    "event": "An event",
    "silence": "Silence",
}
VOICES = {"female": "A woman", "male": "A man"}
TRANSCRIBE, TIMED, TRANSLATE = "transcribe", "transcribe with times", "translate"
_FINDINGS = {"kind of sound": KIND, "gender": VOICE, "instrument family": FAMILY}
TASKS = (TRANSCRIBE, TIMED, TRANSLATE, "language", "note", *_FINDINGS)
_ASKS_FOR_WORDS = re.compile(
    r"(?:and |so |now |please |can you |could you )*"
    r"(?:transcribe|write down|write out|what (?:exactly )?(?:does|did|do|is|was|were|are)|"
    r"which words|the words)"
    r"(?: (?:exactly|being|is|are|was|were|the|this|that|those|a|it|audio|recording|clip|words?|"
    r"what|said|spoken|person|speaker|they|he|she|somebody|someone|say|saying|in|of|for me|please|"
    r"there))*[?.! ]*",
    re.IGNORECASE,
)
_SAYS = re.compile(r"\b(?:transcribe|say|said|saying|words?|spoken)\b", re.IGNORECASE)


def asks_for_words(question: str) -> bool:
    """Whether a question is one for all that is said, and for nothing else."""
    question = " ".join(question.replace(",", " ").split())
    return bool(_ASKS_FOR_WORDS.fullmatch(question) and _SAYS.search(question))


def task_of(messages: Sequence[Message], task: str | None = None) -> str:
    """Which of TASKS the last question is, about a recording: the one that was chosen, or the one
    that it puts in words; "" where it is none."""
    if not any(message.clips for message in messages):
        return ""
    if task is not None:
        return task if task in TASKS else ""
    asked = [message for message in messages if message.role == "user"][-1:]
    words = " ".join(part for m in asked for part in m.parts if isinstance(part, str))
    return TRANSCRIBE if asks_for_words(words) else ""


def answer(task: str, recordings: Sequence[Sequence[Note]]) -> str:
    """The answer to one of TASKS, from the notes of each recording: a line for each, numbered where
    there are several. For TRANSLATE the notes are those of a translation."""
    told = [_about(task, notes) for notes in recordings]
    if len(told) == 1:
        return told[0]
    return "\n".join(f"Recording {number}: {text}" for number, text in enumerate(told, 1))


def _about(task: str, notes: Sequence[Note]) -> str:
    if task in (TRANSCRIBE, TRANSLATE):
        return _words(notes)
    if task == TIMED:
        lines = [f"{clock(at)} {text}" for note in notes for at, text in sentences(note) if text]
        return "\n".join(lines) or _words(notes)
    if task == "language":
        return " ".join(dict.fromkeys(filter(None, map(_language, notes)))) or _words(notes)
    if task == "note":
        return _joined(
            f"{note.pitch.note}{'.' if note.pitch.is_sure else f', perhaps. {NOT_SURE}'}"
            for note in notes
            if note.pitch
        )
    return _joined(as_sentence(found) for note in notes if (found := note.label(_FINDINGS[task])))


def _joined(findings) -> str:
    return " ".join(dict.fromkeys(findings)) or CANNOT


def _words(notes: Sequence[Note]) -> str:
    """All that was said; or why there is nothing."""
    text = " ".join(note.text.strip() for note in notes if note.text.strip())
    return text or (NOT_TAKEN if any(note.withheld for note in notes) else NO_WORDS)


def _language(note: Note) -> str:
    if label := note.label(LANGUAGE):
        return as_sentence(label)
    return f"{language_name(note.language)}." if note.language and note.text else ""


def as_sentence(label: Label) -> str:
    """A finding, and that it is not sure, where it is not."""
    names = {KIND: KINDS, VOICE: VOICES}.get(label.about, {})
    name = language_name(label.name) if label.about == LANGUAGE else label.name
    name = names.get(name, name[:1].upper() + name[1:])
    if label.is_sure:
        return f"{name}."
    named = name if label.about == LANGUAGE else name[:1].lower() + name[1:]
    return f"Perhaps {named}. {NOT_SURE}"
