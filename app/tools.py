"""What can be done to a turn, as a row of buttons below it; what they do: assets/js/turns.js."""

from html import escape

from app.i18n import Language
from sessions.records import FAILED, INTERRUPTED, LENGTH, STOPPED, Turn, Versions

UNFINISHED = (STOPPED, LENGTH, INTERRUPTED, FAILED)


def of_question(
    turn: Turn, versions: Versions | None, language: Language, *, is_last: bool = False
) -> str:
    names = ["again"] if is_last else []  # nobody has answered it
    buttons = "".join(_tool(name, language) for name in (*names, "copy", "edit"))
    return _row(_switch(versions, language) + buttons)


def of_answer(turn: Turn, versions: Versions | None, language: Language, *, is_newest: bool) -> str:
    names = ["copy", "aloud"] if turn.text else []
    names.append("again")
    if is_newest:
        names += ["go_on"] if turn.text and turn.status in UNFINISHED else []
        names.append("undo")
    buttons = "".join(_tool(name, language) for name in names)
    if turn.text:
        buttons += _tool("share", language)
        buttons += _tool("good", language, turn.good is True)
        buttons += _tool("bad", language, turn.good is False)
    return _row(_switch(versions, language) + buttons + _by(turn, language))


def _by(turn: Turn, language: Language) -> str:
    """Which model's answer it is. By style, so that it is not copied with the answer's words."""
    if not turn.model:
        return ""
    name, label = escape(turn.model), escape(language.say("tool.by", name=turn.model))
    return (
        f'<span class="by" role="note" data-by="{name}" aria-label="{label}" '
        f'title="{label}"></span>'
    )


def _row(buttons: str) -> str:
    return f'<div class="tools">{buttons}</div>'


def _tool(name: str, language: Language, pressed: bool | None = None) -> str:
    label = escape(language.say(f"tool.{name}"))
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return (
        f'<button type="button" class="tool {name}"{state} aria-label="{label}" '
        f'title="{label}"></button>'
    )


def _switch(versions: Versions | None, language: Language) -> str:
    """Between the versions of a turn: 2 / 3."""
    if versions is None:
        return ""
    at, n = versions.shown, len(versions.ids)
    before, after = (versions.ids[i] if 0 <= i < n else "" for i in (at - 1, at + 1))
    where = escape(language.say("tool.version", i=at + 1, n=n))
    return (
        f'<span class="versions" role="group" aria-label="{where}">'
        f"{_turn_to('before', before, language)}<span>{at + 1} / {n}</span>"
        f"{_turn_to('after', after, language)}</span>"
    )


def _turn_to(name: str, id: int | str, language: Language) -> str:
    label = escape(language.say(f"tool.{name}"))
    here = f'data-choose="{id}"' if id else "disabled"
    return (
        f'<button type="button" class="tool {name}" {here} aria-label="{label}" '
        f'title="{label}"></button>'
    )
