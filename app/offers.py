"""What the composer's menu offers to ask: rows of model/tasks.py, in the person's language."""

from app.i18n import ENGLISH, LANGUAGES, Language
from model.engine import About
from model.tasks import TASKS

# Left out are rows that ask the same of a narrower kind of sound, or for a machine to read.
OFFERED = (
    *("transcribe", "transcribe with times", "translate", "language", "who speaks when"),
    *("emotion", "gender", "age", "entities", "same speaker", "vocal sound"),
    *("caption", "kind of sound", "event", "events with times", "kinds of sound", "scene"),
    *("describe music", "instrument", "instrument family", "note"),
    *("chord", "genre", "mood of the music", "song"),
)


def asked_in(about: About, language: Language) -> Language:
    """The language to put questions in: the person's, or English where the model knows no other."""
    knows = not about.understands or language.code in about.understands
    return language if knows else LANGUAGES[ENGLISH]


def offers(about: About, language: Language) -> list[dict[str, str | bool]]:
    """Those that the engine was taught: the row's name, its domain, title and question, whether it
    is about one recording."""
    return [
        {
            "task": name,
            "alone": not TASKS[name].compares,
            "domain": language.say(f"tasks.{TASKS[name].domain}"),
            "label": language.say(f"task.{_key(name)}"),
            "ask": asked_in(about, language).say(f"task.{_key(name)}.ask"),
        }
        for name in OFFERED
        if name in about.tasks
    ]


def _key(task: str) -> str:
    return task.replace(" ", "_")
