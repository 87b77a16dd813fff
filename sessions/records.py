"""What is remembered, as frozen records. Standard library only; knows no database."""

from dataclasses import dataclass, field

WRITING = "writing"  # being answered now
DONE = "done"
STOPPED = "stopped"  # by the person, in mid-answer
LENGTH = "length"  # the answer reached max_tokens
CIRCLES = "circles"  # it said the same over and over
FAILED = "failed"  # with a sentence that says why
INTERRUPTED = "interrupted"  # the program ended in mid-answer

TITLE_LENGTH = 56  # characters that fit one line of the list


@dataclass(frozen=True)
class ClipRef:
    """A sound in a turn: the clip's digest, and what the person calls it."""

    digest: str
    name: str
    seconds: float
    # of one that has just come in, and not stored: sentences on how it was read, and which it is of
    # the file's sound tracks
    remarks: tuple[str, ...] = field(default=(), compare=False)
    track: int = field(default=1, compare=False)
    n_tracks: int = field(default=1, compare=False)


Part = str | ClipRef


NO_ROOM = "room"  # there was more than the model takes in at once
ONE_CLIP = "task"  # the question was a task about one recording, and this is another
GONE = "gone"  # its file is no longer there
DAMAGED = "damaged"  # its file cannot be read any more


@dataclass(frozen=True)
class Unheard:
    """A stretch of a clip, in its own seconds, that the model could not be given."""

    digest: str
    start: float
    end: float
    why: str = NO_ROOM


@dataclass(frozen=True)
class Heard:
    """A window of a clip that the model was given, in seconds of that clip; of no length for a clip
    of which it was given nothing."""

    message: int  # in which of the messages that were read the clip stood …
    number: int  # … and which of its clips it was, from 1: "Audio 1" to the model
    digest: str
    start: float
    end: float


@dataclass(frozen=True)
class WindowNotes:
    """What a model heard in a window of a clip, in seconds of that clip. `data` is JSON: a list of
    notes, as model/listening/notes.py has them."""

    digest: str
    start: float
    end: float
    model: str  # its name, and what tells its weights from others
    data: str


@dataclass(frozen=True, kw_only=True)
class Conversation:
    id: str  # unguessable: whoever knows it may read it
    title: str  # made from the first question; empty before it
    named: bool = False  # the title is the person's own
    system: str = ""  # what its next answers are to be given …
    sampling: str = ""  # … as JSON; empty: as the model's makers meant
    model: str = ""
    language: str = ""  # of the page
    answer_language: str = ""
    pinned: bool = False
    tags: tuple[str, ...] = ()  # or folders
    leaf: int | None = None  # the last turn of the line that is shown
    created: float  # seconds since 1970
    updated: float


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One side's share of an exchange, exactly as the model read or wrote it."""

    id: int
    conversation: str
    parent: int | None  # the turn it follows; two children make a branch
    role: str  # user | assistant
    parts: tuple[Part, ...]
    status: str
    sentence: str = ""  # why it failed, for people
    system: str = ""  # what an answer was given besides the turns before it …
    sampling: str = ""  # … as JSON
    model: str = ""
    task: str = ""  # of a question: a row of model/tasks.py, whose words it has
    unheard: tuple[Unheard, ...] = ()  # what an answer does not rest on …
    left_out: int = 0  # … of the turns before it, so many …
    heard: tuple[Heard, ...] = ()  # … and the sound that it rests on, in reading order
    good: bool | None = None  # the person's verdict …
    note: str = ""  # … and why
    created: float
    updated: float

    @property
    def text(self) -> str:
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def clips(self) -> list[ClipRef]:
        return [part for part in self.parts if isinstance(part, ClipRef)]


@dataclass(frozen=True)
class Versions:
    """Turns that stand at the same place: a question as it was edited, answers given anew."""

    ids: tuple[int, ...]  # in the order in which they were made
    shown: int  # the index of the one asked about: 1 is "2 / 3"


@dataclass(frozen=True)
class Whole:
    """A conversation with every turn of every line, parents before children."""

    conversation: Conversation
    turns: tuple[Turn, ...]
    notes: tuple[WindowNotes, ...] = ()  # of its clips


@dataclass(frozen=True)
class Deleted:
    """A conversation that can still be restored."""

    id: str
    title: str
    at: float  # when it was deleted, in seconds since 1970


SETTINGS = ("system", "sampling", "model", "language", "answer_language")


def title_from(parts: tuple[Part, ...]) -> str:
    """A conversation's name: its first words, else its first clip's name."""
    words = " ".join(" ".join(p for p in parts if isinstance(p, str)).split())
    title = words or next((p.name for p in parts if isinstance(p, ClipRef)), "")
    if len(title) <= TITLE_LENGTH:
        return title
    whole = title[: TITLE_LENGTH - 1].rsplit(" ", 1)[0]  # one long word has no space to end at
    return whole.rstrip(" ,.;:") + "…"
