"""Conversations as Markdown, and the few words that any transcript adds. For reading: nothing comes
back from it."""

import re
from dataclasses import dataclass
from datetime import datetime

from sessions.records import ClipRef, Turn, Whole

MARK = re.compile(r"<\|(\d+\.\d\d)\|>")


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


def marked(text: str) -> str:
    """Text with its time marks as people write them."""
    return MARK.sub(r"[\1 s]", text)


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
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02}"


def markdown(whole: Whole, labels: Labels = Labels()) -> str:  # noqa: B008 (it is frozen)
    about, blocks = whole.conversation, []
    title = " ".join(about.title.split()) or labels.untitled
    blocks += [f"# {title}", f"*{when(about.created)}*"]
    for turn in line(whole):
        who = labels.you if turn.role == "user" else labels.answer
        blocks.append(f"## {who}" + (f" ({turn.model})" if turn.model else ""))
        number = 0  # in each turn anew, as the model counts
        for part in turn.parts:
            if isinstance(part, ClipRef):
                number += 1
                name = " ".join(part.name.split())
                blocks.append(f"**{labels.clip.format(number)}** {name} ({length(part.seconds)})")
            else:
                blocks.append(marked(part))
        blocks += [f"*{note}*" for note in (turn.sentence, turn.note) if note]
    return "\n\n".join(blocks) + "\n"
