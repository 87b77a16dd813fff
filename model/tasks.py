"""The hierarchical tags and the tasks of the pretrained Qwen-Audio, as data.

Source: Qwen-Audio, arXiv 2311.07919, section 3.2 (transcription tag, audio language, task, text
language, timestamps, output instruction), and the prompts of its published evaluation.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One row. Languages are tags' names; "unknown" where a sound has none."""

    name: str
    tags: tuple[str, ...]
    asks: bool = False  # a question in words stands between <|question|> and <|answer|>

    def render(self, question: str = "") -> list[tuple[str, bool]]:
        """Pieces of the prompt after the clip: (text, whether it is tags)."""
        tags = "".join(f"<|{tag}|>" for tag in self.tags)
        if not self.asks:
            return [(tags, True)]
        return [(tags, True), (question, False), ("<|answer|>", True)]


def _analysis(name: str, instruction: str, task: str = "keyword", language: str = "unknown"):
    tags = ("startofanalysis", language, task, "en", "notimestamps", instruction)
    return Task(name, tags)


TASKS = {
    task.name: task
    for task in (
        Task(
            "transcribe",
            ("startoftranscript", "en", "transcribe", "en", "notimestamps", "wo_itn"),
        ),
        Task(
            "transcribe with times",
            ("startoftranscript", "en", "transcribe", "en", "timestamps", "0.00"),
        ),
        Task(
            "translate Chinese to English",
            ("startoftranscript", "zh", "translate", "en", "notimestamps", "itn"),
        ),
        _analysis("caption", "caption_clotho", task="caption"),
        _analysis("scene", "scene"),
        _analysis("emotion", "emotion_recognition", language="en"),
        _analysis("vocal sound", "vocal_classification", language="en"),
        _analysis("note", "note_analysis"),
        Task("question", ("startofanalysis", "en", "question"), asks=True),
    )
}
