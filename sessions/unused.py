"""What may be forgotten: deleted conversations, empty ones, clips nobody uses. Inside a write."""

from collections.abc import Collection

from sqlite_utils import Database

from sessions.clips import Clips
from sessions.records import Deleted

KEPT_DAYS = 30  # how long a deleted conversation can be found again, unless chosen otherwise
DAY = 24 * 3600  # seconds


def kept_days(db: Database) -> int:
    found = db.execute("select value from settings where name = 'kept_days'").fetchone()
    return int(found[0]) if found else KEPT_DAYS


def keep_days(db: Database, days: int) -> None:
    db["settings"].upsert({"name": "kept_days", "value": str(days)}, pk="name")


def deleted(db: Database, limit: int) -> list[Deleted]:
    """The latest first."""
    found = db.execute(
        "select id, title, deleted from conversations where deleted is not null"
        " and exists (select 1 from turns where conversation = conversations.id)"
        " order by deleted desc limit ?",
        [limit],
    )
    return [Deleted(*row) for row in found]


def forget_deleted(db: Database, clips: Clips, before: float, id: str = "") -> None:
    """Conversations that were deleted until then, all or one of them, with the clips that no other
    turn uses."""
    gone = db.execute(
        "select id, deleted from conversations where deleted <= ? and (id = ? or ? = '')",
        [before, id, id],
    ).fetchall()
    for id, deleted in gone:
        used = "select distinct clip from parts join turns on turns.id = turn"
        digests = {clip for (clip,) in db.execute(used + " where conversation = ?", [id])}
        db.execute("delete from conversations where id = ?", [id])
        forget_clips(db, clips, deleted, digests)  # what was attached anew since then is wanted


def forget_unsaid(db: Database, before: float) -> None:
    """Conversations in which nothing was ever asked."""
    db.execute(
        "delete from conversations where created <= ?"
        " and not exists (select 1 from turns where conversation = conversations.id)",
        [before],
    )


def forget_clips(
    db: Database, clips: Clips, before: float, among: Collection[str] | None = None
) -> None:
    """Clips that no turn uses: those created before a time, among some or all.

    The files go while the write lock is held, so that `keep` cannot bring one back in between.
    A crash here leaves a clip without a turn, or a file without a clip, for the next start.
    """
    unused = (
        "select digest from clips where created <= ?"
        " and not exists (select 1 from parts where clip = digest)"
    )
    digests = {digest for (digest,) in db.execute(unused, [before])}
    if among is None:
        digests |= set(clips.digests()) - {d for (d,) in db.execute("select digest from clips")}
    else:
        digests &= set(among)
    for digest in digests:
        db.execute("delete from clips where digest = ?", [digest])
        clips.remove(digest)
