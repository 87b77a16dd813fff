"""Conversations as Markdown, and the few words that any transcript adds. For reading: nothing comes
back from it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sessions import notes
from sessions.records import (
    CIRCLES,
    DAMAGED,
    FAILED,
    GONE,
    INTERRUPTED,
    LENGTH,
    NO_ROOM,
    ONE_CLIP,
    STOPPED,
    ClipRef,
    Turn,
    Unheard,
    Whole,
    WindowNotes,
)
from sessions.timestamps import NOTHING, Following, Sources, has_loose, written


@dataclass(frozen=True)
class Labels:
    """The few words a transcript adds, in the reader's language."""

    language: str = "en"
    you: str = "You"
    answer: str = "Earshot"
    clip: str = "Audio {}"
    play: str = "Play {}"
    position: str = "Position in {}"
    spectrum: str = "Spectrogram of {}"
    seen: str = "Spectrogram"
    missing: str = "This recording is no longer stored."
    again: str = "The player is above."
    others: str = "Other recordings"
    versions: str = "This file holds other versions of some turns too: import it to see them."
    untitled: str = "Untitled"
    and_: str = ", "
    stretch: str = "{start}–{end} of {name}"
    earlier: str = "an earlier recording"
    unheard: str = "Not heard, for lack of room: {stretches}."
    gone: str = "Not heard, since it is no longer stored: {names}."
    one_clip: str = "Not heard, since this task is about one recording: {names}."
    damaged: str = "Not heard, since its file is damaged: {names}."
    damaged_file: str = "The file of this recording is damaged."
    left_out_one: str = "Not read, for lack of room: one earlier turn."
    left_out: str = "Not read, for lack of room: {n} earlier turns."
    loose: str = "It is not known from where some times in this answer count: they do not play."
    endings: Mapping[str, str] = field(default_factory=lambda: ENDINGS)


ENDINGS = {
    STOPPED: "Stopped.",
    LENGTH: "This is as long as one answer may be.",
    CIRCLES: "It said the same over and over, and was ended.",
    INTERRUPTED: "Interrupted: Earshot was closed in the middle of this answer.",
}


# What an answer rests on


def rests_on(
    turn: Turn, names: Mapping[str, str], labels: Labels, sources: Sources = NOTHING
) -> list[str]:
    """A sentence for each thing that was kept from the model, or is not known of its answer.
    `names` are those of clips by their digests."""
    told = []
    if turn.status == FAILED and not turn.text:
        return told  # then its sentence says all
    if stretches := stretches_of(turn.unheard, names, labels):
        told.append(labels.unheard.format(stretches=labels.and_.join(stretches)))
    told += not_read(turn.unheard, turn.left_out, names, labels)
    if turn.role == "assistant" and has_loose(turn.text, sources):
        told.append(labels.loose)
    return told


def not_read(
    unheard: Iterable[Unheard], left_out: int, names: Mapping[str, str], labels: Labels
) -> list[str]:
    """A sentence each for lost recordings, others than a task is about, and turns without room."""
    told, unheard = [], list(unheard)
    reasons = ((GONE, labels.gone), (DAMAGED, labels.damaged), (ONE_CLIP, labels.one_clip))
    for why, sentence in reasons:
        lost = dict.fromkeys(u.digest for u in unheard if u.why == why)
        if called := [names.get(digest) or labels.earlier for digest in lost]:
            told.append(sentence.format(names=labels.and_.join(called)))
    if left_out:
        words = labels.left_out_one if left_out == 1 else labels.left_out
        told.append(words.format(n=left_out))
    return told


def stretches_of(unheard: Iterable[Unheard], names: Mapping[str, str], labels: Labels) -> list[str]:
    """Parts of clips for which there was no room, by the clips' names."""
    return [
        labels.stretch.format(
            start=length(one.start),
            end=length(one.end),
            name=names.get(one.digest) or labels.earlier,
        )
        for one in unheard
        if one.why == NO_ROOM
    ]


def names_of(turns: Iterable[Turn]) -> dict[str, str]:
    """What each clip is called."""
    return {clip.digest: clip.name for turn in turns for clip in turn.clips}


def damaged(turns: Iterable[Turn]) -> set[str]:
    """Digests of clips that could not be read when they were last asked about."""
    found: set[str] = set()
    for turn in turns:
        found -= {heard.digest for heard in turn.heard}
        found |= {u.digest for u in turn.unheard if u.why == DAMAGED}
    return found


def notes_of(
    turn: Turn, names: Mapping[str, str], labels: Labels, sources: Sources
) -> Sequence[str]:
    """What stands below a turn: how it ended, what it does not rest on, and what the person
    noted."""
    ending = turn.sentence or labels.endings.get(turn.status, "")
    return [note for note in (ending, *rests_on(turn, names, labels, sources), turn.note) if note]


def line(whole: Whole) -> list[Turn]:
    """The turns that are shown, the first question first."""
    by_id, found, at = {turn.id: turn for turn in whole.turns}, [], whole.conversation.leaf
    while at is not None:
        found.append(by_id[at])
        at = by_id[at].parent
    return found[::-1]


def when(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M}"


def length(seconds: float) -> str:
    """3 s is 0:03, an hour 1:00:00."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def markdown(
    whole: Whole,
    labels: Labels = Labels(),  # noqa: B008 (it is frozen)
    gone: Iterable[str] = (),
    heard: Callable[[Sequence[WindowNotes]], str] = lambda windows: "",
) -> str:
    """`gone` are the digests of clips without a file; `heard` puts in Markdown what was heard of a
    clip, which stands where the clip comes first."""
    about, blocks, turns = whole.conversation, [], line(whole)
    lost = dict.fromkeys(damaged(turns), labels.damaged_file) | dict.fromkeys(gone, labels.missing)
    names, following, told = names_of(turns), Following(), notes.latest(whole.notes)
    title = " ".join(about.title.split()) or labels.untitled
    blocks += [f"# {title}", f"*{when(about.created)}*"]
    for turn in turns:
        sources = following.of(turn)
        who = labels.you if turn.role == "user" else labels.answer
        blocks.append(f"## {who}" + (f" ({turn.model})" if turn.model else ""))
        number = 0  # in each turn anew, as the model counts
        for part in turn.parts:
            if isinstance(part, ClipRef):
                number += 1
                name = " ".join(part.name.split())
                blocks.append(f"**{labels.clip.format(number)}** {name} ({length(part.seconds)})")
                blocks += [f"*{lost[part.digest]}*"] if part.digest in lost else []
                blocks += filter(None, [heard(told.pop(part.digest, ()))])
            else:
                blocks.append(written(part, sources))
        blocks += [f"*{note}*" for note in notes_of(turn, names, labels, sources)]
    return "\n\n".join(blocks) + "\n"
