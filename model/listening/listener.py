"""All that takes the notes of a checkpoint. Each window is listened to once."""

from collections import OrderedDict
from functools import cached_property
from pathlib import Path

from model.listening.notes import Note
from model.listening.reader import Voice, read, voice_detector
from model.listening.speech_reader import SpeechReader
from model.qwen_audio import QwenAudio
from model.windows import Window

_KEPT = 1000  # notes: of eight hours


class Listener:
    """Takes the notes of a model that has a reader."""

    def __init__(self, reader: SpeechReader):
        self.reader = reader
        self._kept: OrderedDict[tuple, Note] = OrderedDict()

    @classmethod
    def of(cls, model: QwenAudio, folder: Path) -> "Listener | None":
        """That of a model loaded from `folder`; None where it has no reader. Raises NoWeights."""
        reader = SpeechReader.of(model, folder)
        return None if reader is None else cls(reader)

    def note(self, window: Window, *, translate: bool = False) -> Note:
        """What is heard of a window; with `translate`, what is said, in English."""
        key = (*window.key, translate)
        if key not in self._kept:
            self._kept[key] = self._taken(window, translate)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]

    def _taken(self, window: Window, translate: bool) -> Note:
        (note,) = read(self.reader, window.clip, [window], translate=translate, voice=self._voice)
        return note

    @cached_property
    def _voice(self) -> Voice:
        """Made at the first window: it reads a network from disk."""
        return voice_detector()
