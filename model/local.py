"""The engine that thinks in this process: hears, remembers, answers one after the other."""

import codecs
import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from math import ceil
from pathlib import Path

import torch

from model import batch, checkpoint, cuda, quantize, selection, tokenizer
from model.cache import EncodedSounds, Memories
from model.circles import in_circles
from model.engine import SHORTEST_ANSWER, About, Room
from model.errors import MACHINE_IS_FULL, DoesNotFit, NoRoom, NoWeights, is_out_of_memory
from model.generate import Sampler, decode, embed_rest, prefill
from model.listening import task_answers
from model.listening.listener import Listener
from model.listening.notes import Note
from model.mel import log_mel, n_frames
from model.messages import Clip, Message, Piece, Sampling
from model.placement import Placement, free_bytes, place, share_cores
from model.prompt import Prompt, Renderer
from model.qwen_audio import QwenAudio
from model.selection import LABEL, SOUND_SHARE, Selection
from model.spec import END_OF_TEXT, IM_END, IM_START, SAMPLE_RATE, TAGS, WINDOW
from model.static_decoding import StaticDecoding
from model.tasks import TASKS, Task
from model.tokenizer import Tokenizer
from model.turnstile import Turnstile
from model.windows import Window, split

log = logging.getLogger(__name__)

_HEARTBEAT = 0.25  # seconds between two empty pieces while others are served
_ANSWER = 128  # positions of an answer as most are


class LocalEngine:
    """A checkpoint in memory. `budget` bytes hold the memory of conversations; prompts are read
    `chunk` positions at once (default: what suits the device). `listener` takes the notes of a
    model that has a reader."""

    def __init__(
        self,
        model: QwenAudio,
        tokens: Tokenizer,
        about: About,
        budget: int,
        chunk: int | None = None,
        listener: Listener | None = None,
    ):
        self.model, self.tokens, self.about, self.chunk = model, tokens, about, chunk
        self.listener = listener
        self.renderer = Renderer(tokens, model.audio.n_slots_of, model.config.slots)
        self.memories = Memories(budget, model.config.text_config.num_hidden_layers)
        self.sounds = EncodedSounds(budget // 8)
        self.static = StaticDecoding.of(model)
        self._turns = Turnstile()
        self._stop = {tokens.control[name] for name in (END_OF_TEXT, IM_START, IM_END)}
        self._banned = _unspeakable(tokens, model.config.text_config.vocab_size) - self._stop

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        bits: int | None = None,
        device: str = "auto",
        quantise_head: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> "LocalEngine":
        """From a checkpoint folder, official or ours. `bits` None picks what fits and is fastest.

        Raises NoWeights or NoRoom, and then holds no memory.
        """
        config = checkpoint.read_config(folder)
        tokens = tokenizer.load(folder)
        n_tokens, n_rows = max(tokens.control.values()) + 1, config.text_config.vocab_size
        if n_tokens > n_rows:
            raise NoWeights(
                f"{folder} has a tokenizer of {n_tokens} tokens and weights for {n_rows}: they "
                "belong to different models."
            )
        counts = checkpoint.count_weights(config)
        where = place(counts, bits=bits, device=device, quantise_head=quantise_head)
        for sentence in (*cuda.unusable(), *where.remarks):
            log.warning(sentence)
        if where.device.type == "cpu":
            share_cores(counts)
        model = _loaded(folder, where, progress)
        on = where.device.type
        if on == "cuda":
            on = f"cuda: {cuda.name(where.device)}"
        about = About(
            name=config.title or folder.name,
            device=on,
            bits=where.bits,
            memory_bytes=quantize.footprint(model, where.device),
            context=config.context,
            licence=config.licence,
            note=config.note,
            sampling=checkpoint.read_sampling(folder),
            questions=tuple(config.questions),
            chats=config.chats,
            weights=checkpoint.stamp(folder),
            tasks=tuple(config.tasks),
            understands=tuple(config.understands),
            n_weights=counts.all,
            hears=_heard_at_once(model, config.context),
        )
        budget = min(free_bytes(where.device) // 3, 4 << 30)
        return cls(model, tokens, about, budget, where.chunk, Listener.of(model, folder))

    def reply(
        self, messages: Sequence[Message], sampling: Sampling, *, task: str | Task | None = None
    ) -> Iterator[Piece]:
        """See `Engine`. With `task`, the row of model/tasks.py whose tags follow the clip instead
        of a chat, where the model was taught tags. The pretrained Qwen-Audio never chats: without a
        task it answers the question, or writes down what is said. A model with a reader answers
        what its notes say from them, word for word."""
        if name := self._from_notes(messages, task):
            yield from self._told(name, messages, sampling)
            return
        prompt = self._prompt(self._noted(messages), task)
        with self._turns.enter() as gate:
            while not gate.wait(_HEARTBEAT):
                yield Piece("")
            try:
                yield from self._answer_twice(prompt, sampling)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise NoRoom(self._full()) from None
            finally:
                self.memories.settle()

    def reply_all(
        self,
        talks: Sequence[Sequence[Message]],
        max_tokens: int,
        *,
        task: str | Task | None = None,
    ) -> list[str]:
        """The whole answers to several conversations at once, always with the likeliest token.
        Raises DoesNotFit where one of them does not."""
        if self.listener is not None:
            plain = Sampling(max_tokens=max_tokens, temperature=0)
            return ["".join(p.text for p in self.reply(t, plain, task=task)) for t in talks]
        prompts = [self._prompt(talk, task) for talk in talks]
        texts = [""] * len(talks)
        with self._turns.enter() as gate:
            gate.wait()
            for group in batch.groups(prompts, self.model.config.alpha):
                ids = self._side_by_side([prompts[i] for i in group], max_tokens)
                for i, answer in zip(group, ids, strict=True):
                    texts[i] = b"".join(map(self.tokens.bytes_of, answer)).decode(errors="replace")
        return texts

    def notes(self, clip: Clip, windows: Sequence[Window] | None = None) -> Iterator[Note]:
        """See `Engine`. Nothing where the checkpoint has no reader."""
        if self.listener is None:
            return
        for window in split(clip) if windows is None else windows:
            yield self._note(window)

    def room(self, messages: Sequence[Message], *, task: str | Task | None = None) -> Room:
        """How full the context would be, and which stretches of sound would not fit."""
        if self._from_notes(messages, task):
            read = selection.all_of_last(messages)
            used = len(self.renderer.chat(messages, [[] for _ in read.windows]))
        else:
            read = self._select(messages, task)
            used = len(self.renderer.chat(messages, read.windows))
        costs = tuple(sum(map(self.renderer.cost, windows)) for windows in read.windows)
        heard, unheard = tuple(read.heard()), tuple(read.unheard())
        return Room(used, self.about.context, unheard, costs, heard, read.is_cut)

    def close(self) -> None:
        """Lets go of weights and memories, and gives their memory back to the machine."""
        self._forget()
        del self.model, self.static, self.renderer  # the renderer counts with the model's encoder
        _give_back()

    def _from_notes(self, messages: Sequence[Message], task: str | Task | None) -> str:
        """The task that is answered from notes, without the language model; "" where it is."""
        name = task.name if isinstance(task, Task) else task
        return "" if self.listener is None else task_answers.task_of(messages, name)

    def _told(self, task: str, messages: Sequence[Message], sampling: Sampling) -> Iterator[Piece]:
        """The answer to a task of model/listening/task_answers.py about the newest recordings."""
        asked = next(message for message in reversed(messages) if message.clips)
        is_translated = task == task_answers.TRANSLATE
        told: list[Sequence[Note]] = []
        for clip in asked.clips:
            notes = [] if is_translated else list(clip.notes)
            for window in [] if notes else split(clip):
                yield Piece("")
                notes.append(self._note(window, translate=is_translated))
            told.append(notes)
        begun = "".join(messages[-1].parts) if messages[-1].role == "assistant" else ""
        ids = self.tokens.encode(task_answers.answer(task, told).removeprefix(begun))
        text = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for token in ids[: sampling.max_tokens]:
            yield Piece(text.decode(self.tokens.bytes_of(token)), (token,))
        finish = "length" if len(ids) > sampling.max_tokens else "stop"
        yield Piece(text.decode(b"", final=True), finish=finish)

    def _noted(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages, with the notes of their clips; those that were handed over stay."""
        if self.listener is None:
            return messages

        def part(one):
            is_bare = isinstance(one, Clip) and not one.notes
            return replace(one, notes=tuple(self.notes(one))) if is_bare else one

        return [replace(message, parts=tuple(map(part, message.parts))) for message in messages]

    def _note(self, window: Window, *, translate: bool = False) -> Note:
        """What is heard of a window, listened to once. Raises NoRoom."""
        with self._turns.enter() as gate:
            gate.wait()
            for _ in range(2):
                try:
                    return self.listener.note(window, translate=translate)
                except (RuntimeError, MemoryError) as error:
                    if not is_out_of_memory(error):
                        raise
                self._forget()  # not in the clause: there the error holds on to what was read
        raise NoRoom(self._full())

    def _reads_tags(self, messages: Sequence[Message], task: str | Task | None) -> bool:
        """Whether the prompt is one clip and tags. Of several recordings in a question a chat hears
        all."""
        config, row = self.model.config, TASKS[task] if isinstance(task, str) else task
        if not config.chats or row is None or not config.reads_tags:
            return not config.chats
        asked = [message for message in messages if message.role == "user"][-1:]
        return sum(len(question.clips) for question in asked) < 2 and not row.compares

    def _select(self, messages: Sequence[Message], task: str | Task | None = None) -> Selection:
        """The windows of each clip, as far as sound may fill the context, and words let it."""
        if self._reads_tags(messages, task):
            return selection.first_of_last(messages)
        cost = self.renderer.cost
        found = selection.within(messages, int(self.about.context * SOUND_SHARE), cost)
        while any(found.windows):
            used = len(self.renderer.chat(messages, found.windows))
            over = used + SHORTEST_ANSWER - self.about.context
            if over <= 0:
                break
            costs = (cost(window) + LABEL for clip in found.windows for window in clip)
            less = selection.within(messages, sum(costs) - over, cost)
            found = replace(less, is_cut=True)
        return found

    def _side_by_side(self, prompts: list[Prompt], max_tokens: int) -> list[list[int]]:
        """Token ids for each; in two halves, where the GPU cannot hold them all."""
        limits = [min(max_tokens, self.about.context - len(prompt)) for prompt in prompts]
        try:
            return batch.answers(self.model, prompts, self._hear, limits, self._stop, self._banned)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(prompts) == 1:
                raise NoRoom(self._too_small()) from None
        self._forget()  # not in the clause above: there the error still holds on to what was read
        half = len(prompts) // 2
        return [
            *self._side_by_side(prompts[:half], max_tokens),
            *self._side_by_side(prompts[half:], max_tokens),
        ]

    def _prompt(self, messages: Sequence[Message], task: str | Task | None) -> Prompt:
        """Raises DoesNotFit."""
        if not self._reads_tags(messages, task):
            prompt = self._chat(messages)
        elif task is None:
            question = next(m for m in reversed(messages) if m.role == "user")
            name = "question" if question.has_words else "transcribe"
            prompt = self._tagged(messages, TASKS[name])
        else:
            prompt = self._tagged(messages, TASKS[task] if isinstance(task, str) else task, True)
        if len(prompt) + SHORTEST_ANSWER > self.about.context:
            raise DoesNotFit(self._too_long(messages, len(prompt)))
        return prompt

    def _chat(self, messages: Sequence[Message]) -> Prompt:
        return self.renderer.chat(messages, self._select(messages).windows)

    def _too_long(self, messages: Sequence[Message], used: int) -> str:
        """Whose words are too many, and by how much."""
        context, over = self.about.context, used + SHORTEST_ANSWER - self.about.context
        if messages[-1].role == "assistant":
            return (
                f"This answer has filled the {context} positions the model reads at once, and "
                "cannot go on: ask for the rest in another question."
            )
        told = [message for message in messages[:1] if message.role == "system"]
        n_told = len(self.renderer.chat(told, [], answer=False)) if told else 0
        if n_told > context // 2:
            return (
                f"The instructions of this conversation take {n_told} of the {context} positions "
                "the model reads at once, and leave no room for an answer: shorten them in its "
                "settings."
            )
        *before, question = messages
        clips = tuple(part for part in question.parts if not isinstance(part, str))
        bare = [*before, replace(question, parts=clips)]
        frame = len(self.renderer.chat(bare, [[] for m in bare for _ in m.clips]))
        percent = min(100, ceil(100 * over / max(1, used - frame)))
        return (
            f"This question takes {used} of the {context} positions the model reads at once, "
            f"{over} too many, and leaves no room for an answer: shorten it by {percent} %."
        )

    def _tagged(self, messages: Sequence[Message], task: Task, is_whole: bool = False) -> Prompt:
        """The last clip's first window and the task's tags; all of the clip, if it `is_whole`."""
        clips = [clip for message in messages for clip in message.clips][-1:]
        if not clips or (is_whole and clips[0].seconds > WINDOW / SAMPLE_RATE):
            raise DoesNotFit(
                f"The task {task.name!r} is about one recording of at most 30 s: attach one, or "
                "cut it."
            )
        begun = ""
        if messages[-1].role == "assistant":
            *messages, last = messages
            begun = "".join(last.parts)
        words = " ".join(part for part in messages[-1].parts if isinstance(part, str))
        return self.renderer.tagged(split(clips[0])[0], task, words, begun)

    def _answer_twice(self, prompt: Prompt, sampling: Sampling) -> Iterator[Piece]:
        """Where memory runs out, all that is remembered is dropped, and the answer goes on where
        it was; but once only."""
        answer: list[int] = []
        try:
            yield from self._answer(prompt, sampling, answer)
            return
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            log.warning("memory ran out, and what was remembered is dropped: %s", error)
        self._forget()  # not in the clause above: there the error still holds on to what was read
        try:
            yield from self._answer(prompt, sampling, answer)
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                self._forget()
            raise

    def _answer(self, prompt: Prompt, sampling: Sampling, answer: list[int]) -> Iterator[Piece]:
        """What follows the ids (n,) of an answer that was begun, which grow with each piece."""
        alpha = self.model.config.alpha(len(prompt))
        begun = replace(prompt, ids=prompt.ids + answer, keys=prompt.keys + answer)
        memory = self.memories.recall(begun.keys, alpha)
        n_prompt, n_reused = len(prompt), len(memory.past)
        try:
            rest = embed_rest(self.model, begun, n_reused, self._hear)
            memory.past.reserve(len(begun) + self._growing_room(sampling))
            chunks = prefill(self.model, rest, memory.past, alpha, self.chunk)
            for logits in chunks:  # noqa: B007 the last counts
                yield Piece("", (), n_prompt, n_reused)
            limit = min(sampling.max_tokens, self.about.context - n_prompt)
            sampler = Sampler(sampling, logits.device, self._banned, answer)
            text = codecs.getincrementaldecoder("utf-8")(errors="replace")
            text.decode(b"".join(map(self.tokens.bytes_of, answer)))  # was shown already
            first, left = len(answer), limit - len(answer)
            finish = "stop"
            tokens = decode(
                self.model, logits, memory.past, alpha, sampler, self._stop, left, self.static
            )
            with closing(tokens):  # it then gives the memory what it has computed
                for token in tokens:
                    answer.append(token)
                    shown = text.decode(self.tokens.bytes_of(token))
                    yield Piece(shown, (token,), n_prompt, n_reused)
                    if in_circles(answer[first:]):
                        finish = "circles"
                        break
                    finish = "length" if len(answer) == limit else "stop"
            yield Piece(text.decode(b"", final=True), (), n_prompt, n_reused, finish)
        finally:  # whatever stopped it: a memory knows exactly what it holds
            memory.slots = (prompt.keys + answer)[: len(memory.past)]

    def _growing_room(self, sampling: Sampling) -> int:
        """Positions kept free for an answer, so that buffers move once; none where it has others
        while it grows."""
        return 0 if self.static else min(sampling.max_tokens, _ANSWER)

    def _full(self) -> str:
        if self._device.type == "cpu":
            return MACHINE_IS_FULL
        return (
            "The memory of the GPU is full. What was remembered of other conversations "
            "has been dropped: ask again, or remove a recording."
        )

    def _too_small(self) -> str:
        if self._device.type == "cpu":
            return MACHINE_IS_FULL
        return (
            "The memory of the GPU is too small for this recording and its answer. Close "
            "other programs, or use fewer bits: --bits 4."
        )

    @property
    def _device(self) -> torch.device:
        """Where the model computes; its embedding may lie elsewhere."""
        return self.model.head.weight.device

    def _forget(self) -> None:
        """All that can be computed anew."""
        self.memories.clear()
        self.sounds.clear()
        if self.static is not None:
            self.static.clear()
        _give_back()

    @torch.inference_mode()
    def _hear(self, window: Window) -> torch.Tensor:
        """The span of a window, (slots + 2, width), encoded once and alone."""
        span = self.sounds.get(window.key)
        if span is None:
            mel = log_mel(window.samples, self.model.audio.config.num_mel_bins)
            frames = [n_frames(len(window.samples))]
            span = self.model.audio(mel[None].to(self._device), frames)[0]
            self.sounds.put(window.key, span)
        return span


def _loaded(folder: Path, where: Placement, progress: Callable[[int, int], None]) -> QwenAudio:
    """The model; or NoWeights or NoRoom, once what had been read is gone again."""
    try:
        return checkpoint.load(folder, where, progress=progress)
    except NoWeights as error:
        refusal = NoWeights(str(error))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        refusal = NoRoom(
            f"Memory ran out on {where.device} while the weights were read: close other programs, "
            "or use a smaller model."
        )
    _give_back()  # not in a clause above: there the error still holds on to what was read
    raise refusal


def _give_back() -> None:
    gc.collect()
    cuda.give_back_freed_memory()
    checkpoint.give_back_freed_memory()


def _heard_at_once(model: QwenAudio, context: int) -> float:
    """Seconds of sound that fit, window by window; one window, where it reads tags."""
    if not model.config.chats:
        return WINDOW / SAMPLE_RATE
    cost = model.audio.n_slots_of(WINDOW) + 2 + LABEL
    return context * SOUND_SHARE / cost * WINDOW / SAMPLE_RATE


def _unspeakable(tokens: Tokenizer, vocab_size: int) -> set[int]:
    """Ids that no answer may hold: slots of sound, unused control tokens, empty rows."""
    speakable = set(TAGS)
    control = {i for name, i in tokens.control.items() if name not in speakable}
    return {i for i in control if i < vocab_size} | set(
        range(max(tokens.control.values()) + 1, vocab_size)
    )
