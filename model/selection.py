"""Which windows of which clips a model reads, where there are more than it takes in."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from model.engine import Heard, Unheard
from model.messages import Message, numbered
from model.spec import SAMPLE_RATE
from model.windows import Window, split

LABEL = 22  # positions at most for "Audio 12 (1:23:20 to 1:23:48):" and the line's end
SOUND_SHARE = 0.75  # of the context at most for sound, so that talk about it stays possible


@dataclass(frozen=True)
class Selection:
    """The windows that are read of each clip of some messages, in reading order."""

    messages: Sequence[Message]
    windows: list[list[Window]]
    is_cut: bool = False  # there were more, before the words needed room

    def unheard(self) -> Iterator[Unheard]:
        clips = (clip for message in self.messages for clip in message.clips)
        for clip, windows in zip(clips, self.windows, strict=True):
            end = windows[-1].end if windows else 0
            if end < len(clip.samples):
                yield Unheard(clip.digest, end / SAMPLE_RATE, clip.seconds)

    def heard(self) -> Iterator[Heard]:
        each = iter(self.windows)
        for i, message in enumerate(self.messages):
            for number, clip in numbered(message):
                edges = [(w.start / SAMPLE_RATE, w.end / SAMPLE_RATE) for w in next(each)]
                for start, end in edges or [(0.0, 0.0)]:
                    yield Heard(i, number, clip.digest, start, end)


def within(messages: Sequence[Message], left: int, cost: Callable[[Window], int]) -> Selection:
    """As many windows as `left` positions hold. The newest clips come first: what is being talked
    about stays heard as the conversation grows, and makes room for what is asked about next."""
    of_messages: list[list[list[Window]]] = []
    for message in reversed(messages):
        of_clips: list[list[Window]] = []
        for clip in message.clips:
            taken: list[Window] = []
            for window in split(clip):
                if cost(window) + LABEL > left:
                    break
                left -= cost(window) + LABEL
                taken.append(window)
            of_clips.append(taken)
        of_messages.append(of_clips)
    return Selection(messages, [taken for clips in reversed(of_messages) for taken in clips])


def first_of_last(messages: Sequence[Message]) -> Selection:
    """For a model that reads tags: the first window of the last clip."""
    clips = [clip for message in messages for clip in message.clips]
    return Selection(messages, [*([] for _ in clips[:-1]), *(split(c)[:1] for c in clips[-1:])])


def all_of_last(messages: Sequence[Message]) -> Selection:
    """For what is answered from notes: all of the newest recordings."""
    newest = next((i for i in reversed(range(len(messages))) if messages[i].clips), -1)
    windows = [split(c) if i == newest else [] for i, m in enumerate(messages) for c in m.clips]
    return Selection(messages, windows)
