"""Conversations as one document of plain values, and back: the heart of every export.

A document names a turn by its place in the list, a clip by its digest. Reading one believes
nothing: every value is checked for its kind and size, and new ids are made when it is stored.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, replace
from typing import Any

from sessions import notes, records
from sessions.clips import DIGEST
from sessions.errors import BadBundle
from sessions.listing import TAG_LENGTH
from sessions.records import (
    DAMAGED,
    GONE,
    NO_ROOM,
    ONE_CLIP,
    ClipRef,
    Conversation,
    Heard,
    Part,
    Turn,
    Unheard,
    Whole,
    WindowNotes,
)

KIND, VERSION = "earshot-conversations", 1
LARGEST = 96 * 10**6  # bytes of a document
MOST_ITEMS = 10_000_000  # values in it: some bytes of text can be a hundred in memory
MOST_BRACKETS = 4_000_000
MOST_CLIPS = 20_000
MOST_HEARD = 1000  # windows that an answer rests on
LONGEST_CLIP = 10**6  # seconds
LONGEST_NAME = 300  # characters of a model's, or a task's
LATEST = 4_102_444_800  # the year 2100, in seconds since 1970
ROLES = ("user", "assistant")
ENDINGS = (
    *(records.DONE, records.STOPPED, records.LENGTH),
    *(records.CIRCLES, records.FAILED, records.INTERRUPTED),
)
LANGUAGE = re.compile(r"[A-Za-z0-9_-]{0,35}")


# Writing


def document(wholes: Iterable[Whole]) -> dict:
    wholes = tuple(wholes)
    clips = {c.digest: c.seconds for one in wholes for t in one.turns for c in t.clips}
    heard = dict.fromkeys(note for one in wholes for note in one.notes)
    told = [_notes(window) for window in heard if _listed(window.data) is not None]
    return {
        "kind": KIND,
        "version": VERSION,
        "conversations": [_conversation(whole) for whole in wholes],
        "clips": clips,
    } | ({"notes": told} if told else {})


def written(wholes: Iterable[Whole]) -> str:
    """Refuses what nobody could read back."""
    text = json.dumps(document(wholes), ensure_ascii=False, allow_nan=False)
    if len(text.encode()) > LARGEST:
        raise BadBundle(
            f"These conversations take more than {LARGEST // 10**6} MB without their sound: export "
            "them in parts, by a tag or a search."
        )
    return text


def _conversation(whole: Whole) -> dict:
    about = whole.conversation
    place = {turn.id: i for i, turn in enumerate(whole.turns)}
    names = ("title", "named", *records.SETTINGS, "pinned", "created", "updated")
    return {name: getattr(about, name) for name in names} | {
        "tags": list(about.tags),
        "leaf": place.get(about.leaf),
        "turns": [_turn(turn, place) for turn in whole.turns],
    }


def _turn(turn: Turn, place: Mapping[int, int]) -> dict:
    names = ("role", "sentence", "system", "sampling", "model", "good", "note")
    writing = turn.status == records.WRITING  # it goes on elsewhere
    return {name: getattr(turn, name) for name in names} | {
        "status": records.INTERRUPTED if writing else turn.status,
        "parent": None if turn.parent is None else place[turn.parent],
        "unheard": [[u.digest, u.start, u.end] for u in turn.unheard],
        **_rests_on(turn),
        "parts": [_part(part) for part in turn.parts],
        "created": turn.created,
        "updated": turn.updated,
    }


def _rests_on(turn: Turn) -> dict:
    """What earlier versions of Earshot do not know, where there is something to say."""
    told = {
        "unheard_why": [u.why for u in turn.unheard if any(u.why != NO_ROOM for u in turn.unheard)],
        "task": turn.task,
        "left_out": turn.left_out,
        "heard": [list(astuple(window)) for window in turn.heard],
    }
    return {name: value for name, value in told.items() if value}


def _notes(window: WindowNotes) -> dict:
    told = {"clip": window.digest, "start": window.start, "end": window.end, "model": window.model}
    return told | {"notes": _listed(window.data)}


def _listed(data: str) -> list | None:
    """What was stored of a window; None where it is damaged."""
    try:
        found = json.loads(data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _part(part: Part) -> dict:
    return {"text": part} if isinstance(part, str) else {"clip": part.digest, "name": part.name}


# Reading


def read(text: str | bytes) -> tuple[list[Whole], dict[str, float]]:
    """The conversations of a document, and the seconds of each clip in it."""
    given = _parsed(text)
    if _get(given, "kind", str) != KIND:
        raise BadBundle("This file holds no conversations of Earshot.")
    version = _get(given, "version", int)
    if version != VERSION:
        raise BadBundle(
            f"This file is of version {version}, and this Earshot reads version {VERSION}: "
            "update Earshot, or export it again with the older one."
        )
    clips = _clips(_get(given, "clips", dict))
    wholes = [_read_conversation(one, clips) for one in _get(given, "conversations", list)]
    heard = _read_notes(given, clips)
    return [replace(one, notes=notes.among(heard, _digests(one))) for one in wholes], clips


def _digests(whole: Whole) -> set[str]:
    return {clip.digest for turn in whole.turns for clip in turn.clips}


def _read_notes(given: dict, clips: Mapping[str, float]) -> list[WindowNotes]:
    """Of clips in the document. What is no note is left out: it can be heard again."""
    found, told = [], given.get("notes")
    for one in told if isinstance(told, list) else ():
        try:
            digest, model = _get(one, "clip", str), _get(one, "model", str)
            start, end = (_number(one, edge, LONGEST_CLIP) for edge in ("start", "end"))
            heard = _get(one, "notes", list)
        except BadBundle:
            continue
        if digest in clips and start < end and len(model) <= LONGEST_NAME:
            data = json.dumps(heard, ensure_ascii=False)
            found.append(WindowNotes(digest, start, end, model, data))
    return found


def _parsed(text: str | bytes) -> dict:
    if len(text) > LARGEST:
        raise BadBundle(f"The conversations in this file take more than {LARGEST // 10**6} MB.")
    try:
        text = text.decode() if isinstance(text, bytes) else text
        items = text.count(",") + text.count("[") + text.count("{")
        if items > MOST_ITEMS or text.count("[") + text.count("{") > MOST_BRACKETS:
            raise BadBundle("This file lists more things than any conversation has.")
        given = json.loads(text, parse_constant=_no_number)
        json.dumps(given, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise BadBundle("This file is damaged: what it says cannot be read as JSON.") from error
    if not isinstance(given, dict):
        raise BadBundle("This file holds no conversations of Earshot.")
    return given


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _clips(given: dict) -> dict[str, float]:
    if len(given) > MOST_CLIPS:
        raise BadBundle(f"This file has more than {MOST_CLIPS:,} recordings.")
    for digest in given:
        if not DIGEST.fullmatch(digest):
            raise _wrong("clips")
    return {digest: _number(given, digest, LONGEST_CLIP) for digest in given}


def _read_conversation(given: Any, clips: Mapping[str, float]) -> Whole:
    turns: list[Turn] = []
    for one in _get(given, "turns", list):
        turns.append(_read_turn(one, len(turns), clips))
    leaf = _get(given, "leaf", int, None)
    if leaf is not None and not 0 <= leaf < len(turns):
        raise _wrong("leaf")
    settings = {name: _get(given, name, str) for name in records.SETTINGS}
    for name in ("language", "answer_language"):
        if not LANGUAGE.fullmatch(settings[name]):
            raise _wrong(name)
    _check_sampling(settings["sampling"])
    tags = _get(given, "tags", list)
    if not all(isinstance(tag, str) and len(tag) <= TAG_LENGTH for tag in tags):
        raise _wrong("tags")
    about = Conversation(
        id="",
        title=_get(given, "title", str)[:1000],
        named=_get(given, "named", bool),
        pinned=_get(given, "pinned", bool),
        tags=tuple(tags),
        leaf=leaf,
        **settings,
        **_times(given),
    )
    return Whole(about, tuple(turns))


def _read_turn(given: Any, place: int, clips: Mapping[str, float]) -> Turn:
    parent = _get(given, "parent", int, None)
    if parent is not None and not 0 <= parent < place:
        raise _wrong("parent")
    texts = {name: _get(given, name, str) for name in ("sentence", "system", "sampling", "model")}
    texts["task"] = _get({"task": ""} | given, "task", str)[:LONGEST_NAME]
    _check_sampling(texts["sampling"])
    return Turn(
        id=place,
        conversation="",
        parent=parent,
        role=_one_of(given, "role", ROLES),
        status=_one_of(given, "status", ENDINGS),
        parts=tuple(_read_part(part, clips) for part in _get(given, "parts", list)),
        unheard=_read_unheard(given),
        left_out=_left_out(given, place),
        heard=tuple(map(_read_heard, _heard(given))),
        good=_get(given, "good", bool, None),
        note=_get(given, "note", str),
        **texts,
        **_times(given),
    )


def _read_part(given: Any, clips: Mapping[str, float]) -> Part:
    if isinstance(given, dict) and "text" in given:
        return _get(given, "text", str)
    digest = _get(given, "clip", str)
    if digest not in clips:
        raise _wrong("clip")
    return ClipRef(digest, _get(given, "name", str)[:1000], clips[digest])


def _read_unheard(given: Any) -> tuple[Unheard, ...]:
    stretches = _get(given, "unheard", list)
    reasons = _get({"unheard_why": [NO_ROOM] * len(stretches)} | given, "unheard_why", list)
    if len(reasons) != len(stretches) or not {*map(str, reasons)} <= {
        NO_ROOM,
        ONE_CLIP,
        GONE,
        DAMAGED,
    }:
        raise _wrong("unheard_why")
    return tuple(
        Unheard(*_stretch(one, "unheard"), str(why))
        for one, why in zip(stretches, reasons, strict=True)
    )


def _heard(given: Any) -> list:
    windows = _get({"heard": []} | given, "heard", list)
    if len(windows) > MOST_HEARD:
        raise _wrong("heard")
    return windows


def _read_heard(given: Any) -> Heard:
    if not isinstance(given, list) or len(given) != 5:
        raise _wrong("heard")
    message, number = (_count({"heard": one}, "heard", MOST_HEARD) for one in given[:2])
    if not number:
        raise _wrong("heard")
    return Heard(message, number, *_stretch(given[2:], "heard"))


def _stretch(given: Any, name: str) -> tuple[str, float, float]:
    """A clip's digest, and two times in it."""
    if not isinstance(given, list) or len(given) != 3:
        raise _wrong(name)
    named = dict(zip(("digest", "start", "end"), given, strict=True))
    digest = _get(named, "digest", str)
    if not DIGEST.fullmatch(digest):
        raise _wrong(name)
    start, end = (_number(named, edge, LONGEST_CLIP) for edge in ("start", "end"))
    return digest, start, end


def _left_out(given: Any, place: int) -> int:
    return _count({"left_out": 0} | given, "left_out", place)


def _count(given: Any, name: str, most: int) -> int:
    value = _get(given, name, int)
    if not 0 <= value <= most:
        raise _wrong(name)
    return value


def _times(given: dict) -> dict[str, float]:
    return {name: _number(given, name, LATEST) for name in ("created", "updated")}


def _check_sampling(given: str) -> None:
    """It is JSON of names and numbers; what they may be is the engine's to say."""
    try:
        plain = json.loads(given, parse_constant=_no_number) if given else {}
        scalars = isinstance(plain, dict) and len(plain) <= 32
        if not scalars or any(isinstance(v, dict | list) for v in plain.values()):
            raise _wrong("sampling")
    except (ValueError, RecursionError):
        raise _wrong("sampling") from None


def _get(given: Any, name: str, *kinds: type | None) -> Any:
    value = given.get(name, _wrong) if isinstance(given, dict) else _wrong
    if value is None and None in kinds:
        return None
    if type(value) not in kinds:
        raise _wrong(name)
    return value


def _number(given: dict, name: str, largest: float) -> float:
    value = _get(given, name, int, float)
    if not 0 <= value <= largest or not math.isfinite(value):
        raise _wrong(name)
    return float(value)


def _one_of(given: dict, name: str, allowed: Iterable[str]) -> str:
    value = _get(given, name, str)
    if value not in allowed:
        raise _wrong(name)
    return value


def _wrong(name: str) -> BadBundle:
    return BadBundle(
        f"This file is damaged, or was changed: its “{name}” is not what it should be."
    )
