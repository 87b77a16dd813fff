"""Messages to token ids, the slots that sound takes among them, and slot keys. Runs no model.

ChatML, as Qwen-Audio-Chat and Earshot-mini read it. Clips go in by position, never by a path found
in text; typed text forms no control token (`allowed` below).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from model.listening.notes_as_text import clock, notes_as_text
from model.messages import Clip, Message
from model.spec import (
    AUDIO_END,
    AUDIO_PAD,
    AUDIO_START,
    IM_END,
    IM_START,
    SAMPLE_RATE,
    SYSTEM_PROMPT,
    TAGS,
)
from model.tasks import Task
from model.tokenizer import Tokenizer
from model.windows import Window

UNHEARD = "(not available)"  # what the model reads in place of a clip's sound

SlotKey = int | tuple[str, int, int, int]  # a token id, or (clip digest, start, end, slot)


@dataclass
class Prompt:
    """What the model reads. Every list of positions has the same length."""

    ids: list[int] = field(default_factory=list)
    keys: list[SlotKey] = field(default_factory=list)  # what makes a position the same as another
    windows: list[Window] = field(default_factory=list)  # in reading order
    starts: list[int] = field(default_factory=list)  # where each window's span begins

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Renderer:
    """One way of writing for the chat, the tags and training."""

    tokenizer: Tokenizer
    n_slots: Callable[[int], int]  # slots for this many samples of one window
    has_slots: bool = True  # False: of a window only its notes are read

    def chat(
        self,
        messages: Sequence[Message],
        heard: Sequence[Sequence[Window]],
        *,
        answer: bool = True,
    ) -> Prompt:
        """ChatML for the whole conversation. Each clip stands on a line of its own, numbered from 1
        through its turn, and below it the notes of its window as plain text; `heard` has the
        windows of each, in reading order. Of one without a window
        it is said that it cannot be heard, and of one that is missing. With `answer`, the
        prompt ends where the assistant begins to speak, or goes on: a last message of its own is
        one that it has not finished.

        What the model itself wrote may hold time marks and tags, and is read back as such.
        """
        if not messages or messages[0].role != "system":
            messages = [Message("system", (SYSTEM_PROMPT,)), *messages]
        prompt, each, begun = Prompt(), iter(heard), ""
        if answer and messages[-1].role == "assistant":
            *messages, last = messages
            begun = "".join(last.parts)
        for i, message in enumerate(messages):
            parts, n_clips = [], 0
            for part in message.parts:
                if isinstance(part, str):
                    parts.append(part)
                    continue
                n_clips += 1
                windows = next(each) if isinstance(part, Clip) else ()
                for window in windows:
                    parts += [f"{_label(n_clips, window)}:", window, "\n"]
                    if message.role != "assistant":  # whose words may hold tags
                        parts.append(notes_below(window, n_clips))
                if not windows:
                    parts.append(f"Audio {n_clips}: {UNHEARD}\n")
            allowed = TAGS if message.role == "assistant" else ()
            self.turn(prompt, message.role, parts, allowed, first=i == 0)
        if answer:
            self.begin_answer(prompt)
            self._text(prompt, begun, TAGS)
        return prompt

    def cost(self, window: Window) -> int:
        """Positions of a window's sound, with its two boundaries and its notes."""
        n_slots = self.n_slots(window.end - window.start) + 2 if self.has_slots else 0
        text = notes_below(window, 1)
        return n_slots + (len(self.tokenizer.encode(text)) if text else 0)

    def begin_answer(self, prompt: Prompt) -> None:
        """Appends what stands before the assistant's words."""
        self._text(prompt, "\n")
        self._control(prompt, IM_START)
        self._text(prompt, "assistant")
        self._text(prompt, "\n")

    def tagged(self, window: Window, task: Task, question: str = "", begun: str = "") -> Prompt:
        """One window and the tags of a task: what the pretrained Qwen-Audio reads. `begun` is what
        it has answered so far."""
        prompt = Prompt()
        self._sound(prompt, window)
        for text, is_tags in task.render(question):
            self._text(prompt, text, TAGS if is_tags else ())
        self._text(prompt, begun, TAGS)
        return prompt

    def turn(
        self,
        prompt: Prompt,
        role: str,
        parts: Iterable[str | Window],
        allowed: Collection[str],
        *,
        first: bool,
    ) -> None:
        """Appends one ChatML turn, its parts exactly as given."""
        if not first:
            self._text(prompt, "\n")
        self._control(prompt, IM_START)
        self._text(prompt, role)
        self._text(prompt, "\n")
        self.sequence(prompt, parts, allowed)
        self._control(prompt, IM_END)

    def sequence(
        self, prompt: Prompt, parts: Iterable[str | Window], allowed: Collection[str]
    ) -> None:
        """Appends text and sound as they come: the whole prompt of the pretrained model."""
        text = ""
        for part in parts:
            if isinstance(part, str):
                text += part  # neighbours are one text: it is split into tokens as a whole
                continue
            self._text(prompt, text, allowed)
            self._sound(prompt, part)
            text = ""
        self._text(prompt, text, allowed)

    def _text(self, prompt: Prompt, text: str, allowed: Collection[str] = ()) -> None:
        ids = self.tokenizer.encode(text, allowed) if text else []
        prompt.ids += ids
        prompt.keys += ids

    def _control(self, prompt: Prompt, name: str) -> None:
        token_id = self.tokenizer.control[name]
        prompt.ids.append(token_id)
        prompt.keys.append(token_id)

    def _sound(self, prompt: Prompt, window: Window) -> None:
        if not self.has_slots:
            return
        n = self.n_slots(window.end - window.start)
        prompt.starts.append(len(prompt))
        self._control(prompt, AUDIO_START)
        prompt.ids += [self.tokenizer.control[AUDIO_PAD]] * n
        prompt.keys += [(*window.key, slot) for slot in range(n)]
        self._control(prompt, AUDIO_END)
        prompt.windows.append(window)


def notes_below(window: Window, number: int) -> str:
    """What was heard of a window, in the lines below its sound; "" without notes. A note belongs to
    the window in which it begins. `number` is the clip's in its turn."""
    start, end = window.start / SAMPLE_RATE, window.end / SAMPLE_RATE
    notes = [note for note in window.clip.notes if start <= note.start < end]
    return notes_as_text(notes, number) + "\n" if notes else ""


def _label(number: int, window: Window) -> str:
    """As in training: "Audio 1"; for a part of a longer recording also from when to when."""
    if window.start == 0 and window.end == len(window.clip.samples):
        return f"Audio {number}"
    start, end = (clock(at / SAMPLE_RATE) for at in (window.start, window.end))
    return f"Audio {number} ({start} to {end})"
