"""One turn of conversation. Knows the engine and the store; never heard of Gradio or of torch."""

import json
import os
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial

from app import note_taking
from model import audio
from model.engine import About, Engine
from model.errors import MACHINE_IS_FULL, EarshotError, Unplayable, is_out_of_memory
from model.fitting import Fitted, fitted
from model.messages import Clip, Message, Missing, Sampling
from model.tasks import TASKS
from sessions.errors import StoreError, as_sentences
from sessions.lines import LEAF
from sessions.records import (
    CIRCLES,
    DAMAGED,
    DONE,
    FAILED,
    GONE,
    LENGTH,
    NO_ROOM,
    ONE_CLIP,
    STOPPED,
    ClipRef,
    Conversation,
    Heard,
    Part,
    Turn,
    Unheard,
)
from sessions.store import Store

FLUSH_SECONDS = 0.3  # at most so much of what was said is lost when the machine stops
REMEMBERED_SECONDS = 20 * 60  # of sound kept as samples: 77 MB
FINISHES = {"length": LENGTH, "circles": CIRCLES}  # of an engine, where they are not DONE
# before the first word
DECODING, LISTENING, NOTING, THINKING = "decoding", "listening", "noting", "thinking"
UNREADABLE = (
    "How words are chosen in this conversation cannot be read: choose it anew in its settings."
)
ALONE_LOST = "The recording of this question is gone or damaged: attach it again."
NOTHING_LEFT = "The recordings of this question are gone or damaged: attach them again."
OURS = "Something went wrong inside Earshot; its log says what. Nothing you sent is lost."
ANSWERS_IN = {  # languages one can ask for, as a model knows them
    "ar": "Arabic",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
}


class Refused(EarshotError):
    """What was asked for cannot be done, or not now."""


class Lost(Refused):
    """A stored recording cannot be read any more: it is GONE or DAMAGED."""

    def __init__(self, sentence: str, why: str):
        super().__init__(sentence)
        self.why = why


class Recall:
    """Stored clips as samples. The latest stay in memory, since every question reads them all."""

    def __init__(self, store: Store, seconds: float = REMEMBERED_SECONDS):
        self._store = store
        self._seconds = seconds
        self._clips: OrderedDict[str, Clip] = OrderedDict()
        self._lock = threading.Lock()

    def clip(self, ref: ClipRef) -> Clip:
        """Raises Lost where its file is gone or damaged."""
        with self._lock:
            clip = self._clips.get(ref.digest)
        if clip is None:
            clip = self._read(ref)
        self.know(clip)
        return clip

    def part(self, ref: ClipRef) -> Clip | Missing:
        """The clip, or what stands in its place."""
        try:
            return self.clip(ref)
        except Lost as error:
            return Missing(ref.digest, error.why)

    def _read(self, ref: ClipRef) -> Clip:
        path, name = self._store.clips.path(ref.digest), ref.name or ref.digest
        if not path.exists():
            raise Lost(f"The recording {name} is no longer stored: attach it again.", GONE)
        try:
            clip = audio.decode(path, name=name)
        except (Unplayable, OSError):
            clip = None
        if clip is None or clip.digest != ref.digest:
            raise Lost(f"The file of the recording {name} is damaged: attach it again.", DAMAGED)
        return clip

    def know(self, clip: Clip) -> None:
        """Remember a clip that was just read."""
        with self._lock:
            self._clips[clip.digest] = clip
            self._clips.move_to_end(clip.digest)
            while len(self._clips) > 1 and self._held() > self._seconds:
                self._clips.popitem(last=False)

    def _held(self) -> float:
        return sum(clip.seconds for clip in self._clips.values())


def take_in(
    store: Store,
    source: str | os.PathLike | bytes,
    name: str,
    recall: Recall | None = None,
    progress: Callable[[float], object] = lambda seconds: None,
    limits: audio.Limits | None = None,
    track: int | None = None,
) -> ClipRef:
    """Store any recording, as the model will hear it. `progress` is told the seconds read, `track`
    chooses among several sound tracks."""
    clip = audio.decode(source, name=name, progress=progress, limits=limits, track=track)
    return keep(store, clip, name, recall)


def keep(store: Store, clip: Clip, name: str, recall: Recall | None = None) -> ClipRef:
    """Store a sound for 30 days, or for as long as turns use it."""
    if recall is not None:
        recall.know(clip)
    try:
        with as_sentences(), tempfile.TemporaryFile() as file:
            audio.export(clip, file, "flac")  # loses nothing: read again, it has the same digest
            file.seek(0)
            store.keep(clip.digest, clip.seconds, file.read())
    except StoreError as error:  # a full disk, say
        raise Refused(str(error)) from error
    return ClipRef(clip.digest, name, clip.seconds, clip.remarks, clip.track, clip.n_tracks)


def check(sound: bytes) -> tuple[str, float]:
    """What an imported sound really is: its digest and its seconds. What is none is refused."""
    clip = audio.decode(sound)
    return clip.digest, clip.seconds


def question(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts of a question. A recording alone is one; nothing is none."""
    parts = tuple(part for part in parts if not isinstance(part, str) or part.strip())
    if not parts:
        raise Refused("There is nothing to send yet: write something, or attach a recording.")
    return parts


def sampling(conversation: Conversation | None, about: About) -> Sampling:
    """How the next answer's words are chosen: as the person said, else as suits the engine."""
    if conversation is None or not conversation.sampling:
        return about.sampling
    return sampling_from(conversation.sampling)


def sampling_from(stored: str) -> Sampling:
    """As it was stored, which may have been by another version of Earshot."""
    try:
        return Sampling(**json.loads(stored))
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(UNREADABLE) from error


def instructions(conversation: Conversation) -> str:
    """What the model is told before the first turn."""
    language = ANSWERS_IN.get(conversation.answer_language)
    wishes = (conversation.system, f"Answer in {language}." if language else "")
    return "\n\n".join(wish for wish in wishes if wish)


def ask(
    store: Store,
    conversation: str,
    parts: Sequence[Part],
    after: int | None = LEAF,
    task: str = "",
) -> Turn:
    """Store a question. One that is sent again, because its answer could not begin, is the same."""
    last, asked = store.turns(conversation, limit=1), ("user", tuple(parts), task)
    if after == LEAF and last and (last[0].role, last[0].parts, last[0].task) == asked:
        return last[0]
    return store.ask(conversation, parts, after, task)


def begin(engine: Engine, store: Store, question: Turn, sampling: Sampling) -> Turn:
    """Store an answer before its first word. It is to be handed to `answer`, which ends it."""
    told = _told(engine, store, question.conversation, sampling)
    return store.begin(question.conversation, after=question.id, **told)


def resume(engine: Engine, store: Store, answer: Turn, sampling: Sampling) -> Turn:
    """An answer that ended is being given again, from where it ended."""
    return store.resume(answer.id, **_told(engine, store, answer.conversation, sampling))


def _told(engine: Engine, store: Store, conversation: str, sampling: Sampling) -> dict[str, str]:
    return {
        "system": instructions(store.conversation(conversation)),
        "sampling": json.dumps(asdict(sampling)),
        "model": engine.about.name,
    }


def answer(
    engine: Engine,
    store: Store,
    turn: Turn,
    recall: Recall,
    doing: Callable[[str], object] = lambda what: None,
    broken_off: Callable[[], str] = lambda: STOPPED,
) -> Iterator[str]:
    """What has been said so far, again and again, while it is stored. Close it to stop, which ends
    it as `broken_off` says. `doing` is told what happens before the first word."""
    said, status, sentence = turn.text, STOPPED, ""
    try:
        doing(DECODING)
        yield said
        line = store.turns(turn.conversation, turn.parent)
        task = _task(line, engine.about)
        before = messages_before(turn, line, recall)
        before = _about_newest_clips(before) if task and not TASKS[task].compares else before
        clips = [clip for message in before for clip in message.clips]
        doing(does := LISTENING if clips else THINKING)
        for _ in note_taking.take(engine, store, clips):
            doing(does := NOTING)
            yield said
        if does == NOTING:
            doing(LISTENING)
        before = note_taking.noted(store, engine.about, before)
        given = fitted(partial(engine.room, task=task) if task else engine.room, before)
        store.mark_unheard(turn.id, *rests_on(given, task))
        _check_question(given)
        sampling = sampling_from(turn.sampling)
        how = {"task": task} if task else {}
        with closing(engine.reply(given.messages, sampling, **how)) as pieces:
            stored = time.monotonic()
            for piece in pieces:
                said += piece.text
                if piece.finish:
                    status = FINISHES.get(piece.finish, DONE)
                if time.monotonic() - stored >= FLUSH_SECONDS:
                    store.say(turn.id, said)
                    stored = time.monotonic()
                yield said
        status = DONE if status == STOPPED else status
    except GeneratorExit:
        status = broken_off()
        raise
    except (EarshotError, StoreError) as error:
        status, sentence = FAILED, str(error)
    except Exception as error:
        is_full = is_out_of_memory(error)
        status, sentence = FAILED, MACHINE_IS_FULL if is_full else OURS
        if not is_full:
            raise
    finally:  # also when it is closed
        store.finish(turn.id, said, status, sentence)


def _task(line: Sequence[Turn], about: About) -> str:
    """The task that the last question of a line is; empty where it is none, or one that the engine
    was not taught: then its words are asked."""
    asked = line[-1].task if line else ""
    return asked if asked in about.tasks and asked in TASKS else ""


def messages_before(turn: Turn, line: Sequence[Turn], recall: Recall) -> list[Message]:
    """The turns before an answer, as they were put, and what it has said already."""
    said = [(one.role, one.parts) for one in line]
    if turn.text:
        said.append((turn.role, turn.parts))
    return messages(turn.system, said, recall)


def _about_newest_clips(before: Sequence[Message]) -> list[Message]:
    """Of messages before the answer to a task what it is about: its question, and the newest
    recordings, which may be an earlier question's. One that is lost is not replaced by others."""
    users = [i for i, message in enumerate(before) if message.role == "user"]
    at = users[-1]
    asked = [i for i in users if any(not isinstance(part, str) for part in before[i].parts)][-1:]
    kept = {0} if before[0].role == "system" else set()
    kept |= {*asked, *range(at, len(before))}
    return [before[i] for i in sorted(kept)]


def messages(
    system: str, line: Iterable[tuple[str, Sequence[Part]]], recall: Recall
) -> list[Message]:
    """A message for each turn that says something, with its sound."""
    told = [Message("system", (system,))] if system else []
    for role, parts in line:
        parts = tuple(part if isinstance(part, str) else recall.part(part) for part in parts)
        told += [Message(role, parts)] if parts else []
    return told


def rests_on(given: Fitted, task: str = "") -> tuple[list[Unheard], int, list[Heard]]:
    """What an answer does not rest on, and what it does, to be stored with it."""
    room = given.room
    read = {h.digest for h in room.heard if h.end > h.start}
    lost = [
        Unheard(part.digest, 0.0, 0.0, part.why)
        for message in given.messages
        for part in message.parts
        if isinstance(part, Missing)
    ]
    unheard = [
        Unheard(u.digest, u.start, u.end, NO_ROOM if u.digest in read or not task else ONE_CLIP)
        for u in room.unheard
    ]
    heard = [Heard(h.message, h.number, h.digest, h.start, h.end) for h in room.heard]
    return list(dict.fromkeys([*unheard, *lost])), given.left_out, heard


def _check_question(given: Fitted) -> None:
    """Of a question that consists of lost recordings alone there is nothing to answer."""
    question = next(m for m in reversed(given.messages) if m.role == "user")
    if not question.has_words and not question.clips:
        lost = [part for part in question.parts if isinstance(part, Missing)]
        raise Refused(NOTHING_LEFT if len(lost) > 1 else ALONE_LOST)
