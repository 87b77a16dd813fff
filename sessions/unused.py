"""What may be forgotten: deleted conversations, empty ones, clips nobody uses. Inside a write."""

from collections.abc import Collection

from sqlite_utils import Database

from sessions.clips import Clips


def forget_deleted(db: Database, clips: Clips, before: float) -> None:
    """Conversations that were deleted until then, with the clips that no other turn uses."""
    gone = db.execute(
        "select id, deleted from conversations where deleted is not null and deleted <= ?", [before]
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
