"""Notes: what models heard in the windows of clips, as JSON that is not looked into here. They are
kept with the clip, and go with it.
"""

import time
from collections.abc import Collection, Iterable, Sequence

from sqlite_utils import Database

from sessions import rows
from sessions.database import File
from sessions.records import WindowNotes

_COLUMNS = "clip, starts, ends, model, data"


class Notes:
    """The notes of one database."""

    def __init__(self, file: File):
        self._file = file

    def keep(self, notes: Iterable[WindowNotes]) -> None:
        """Store notes; those of the same window by the same model are replaced. Of a clip that was
        deleted meanwhile nothing is stored."""
        with self._file.writing() as db:
            put(db, notes, replacing=True)

    def of(self, digests: Iterable[str]) -> dict[str, tuple[WindowNotes, ...]]:
        """By clip, of those that have any: in the order of their windows, of every model, the one
        that heard the clip last at the end."""
        with self._file.reading() as db:
            return of(db, digests)

    def by(self, model: str, digest: str) -> dict[tuple[float, float], str]:
        """What a model heard of a clip: JSON, by window (start, end in seconds)."""
        with self._file.reading() as db:
            found = db.execute(
                "select starts, ends, data from notes where clip = ? and model = ?", [digest, model]
            )
            return {(start, end): data for start, end, data in found}


def put(db: Database, notes: Iterable[WindowNotes], *, replacing: bool) -> None:
    """Inside a write. What an import brings replaces nothing."""
    how = "do update set data = excluded.data" if replacing else "do nothing"
    for one in notes:
        db.execute(
            f"insert into notes ({_COLUMNS}, created) select ?, ?, ?, ?, ?, ?"
            " where exists (select 1 from clips where digest = ?)"
            f" on conflict (clip, model, starts, ends) {how}",
            [
                *(one.digest, one.start, one.end, rows.whole(one.model), rows.whole(one.data)),
                *(time.time(), one.digest),
            ],
        )


def of(db: Database, digests: Iterable[str]) -> dict[str, tuple[WindowNotes, ...]]:
    """See `Notes.of`."""
    found: dict[str, list[WindowNotes]] = {}
    for some in rows.batches(list(dict.fromkeys(digests))):
        named = f"clip in ({rows.marks(some)})"
        latest = "max(id) over (partition by clip, model)"
        query = f"select {_COLUMNS}, {latest} as latest from notes where {named}"
        for *columns, _ in db.execute(f"{query} order by clip, latest, starts, ends", some):
            found.setdefault(columns[0], []).append(WindowNotes(*columns))
    return {digest: tuple(notes) for digest, notes in found.items()}


def latest(
    notes: Iterable[WindowNotes], models: Collection[str] = ()
) -> dict[str, tuple[WindowNotes, ...]]:
    """By clip, the notes of one model: of one of `models` where it has any, else of the model that
    heard the clip last. In the order in which they are given."""
    of_clips: dict[str, dict[str, list[WindowNotes]]] = {}
    for one in notes:
        of_clips.setdefault(one.digest, {}).setdefault(one.model, []).append(one)
    chosen = {}
    for digest, by_model in of_clips.items():
        model = next((name for name in models if name in by_model), list(by_model)[-1])
        chosen[digest] = tuple(by_model[model])
    return chosen


def among(notes: Sequence[WindowNotes], digests: Collection[str]) -> tuple[WindowNotes, ...]:
    """Those of some clips."""
    return tuple(one for one in notes if one.digest in digests)
