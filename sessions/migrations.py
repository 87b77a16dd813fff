"""The schema, as a list that only grows: change it by adding a migration at the end."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from sessions.search import register

migration = Migrations("sessions")


@migration()
def m001_conversations(db: Database) -> None:
    db["conversations"].create(
        {"id": str, "title": str, "system": str, "created": float, "updated": float},
        pk="id",
        not_null={"title", "system", "created", "updated"},
    )
    db["conversations"].create_index(["updated", "id"])


@migration()
def m002_turns(db: Database) -> None:
    db.execute(
        """
        create table turns (
            id integer primary key autoincrement,
            conversation text not null references conversations(id) on delete cascade,
            parent integer references turns(id) on delete cascade,
            role text not null,
            status text not null,
            sentence text not null default '',
            system text not null default '',
            sampling text not null default '',
            model text not null default '',
            unheard text not null default '[]',
            writer text not null default '',
            created float not null,
            updated float not null
        )
        """
    )
    db["turns"].create_index(["conversation", "id"])
    db["turns"].create_index(["parent"])
    db.execute("create index idx_turns_writing on turns(writer) where status = 'writing'")


@migration()
def m003_parts_and_clips(db: Database) -> None:
    db["clips"].create(
        {"digest": str, "seconds": float, "created": float},
        pk="digest",
        not_null={"seconds", "created"},
    )
    db.execute(
        """
        create table parts (
            turn integer not null references turns(id) on delete cascade,
            position integer not null,
            text text,
            clip text references clips(digest),
            name text not null default '',
            primary key (turn, position),
            check ((text is null) <> (clip is null))
        )
        """
    )
    db["parts"].create_index(["clip"])


@migration()
def m004_branches_and_verdicts(db: Database) -> None:
    db.execute(
        "alter table conversations add column leaf integer references turns(id) on delete set null"
    )
    db.execute(
        "update conversations set leaf ="
        " (select max(id) from turns where conversation = conversations.id)"
    )
    db.execute("alter table turns add column good integer")  # 1, 0, or not said
    db.execute("alter table turns add column note text not null default ''")


@migration()
def m005_lists_and_settings(db: Database) -> None:
    texts = ("sampling", "model", "language", "answer_language")
    for column in texts:
        db.execute(f"alter table conversations add column {column} text not null default ''")
    db.execute("alter table conversations add column named integer not null default 0")
    db.execute("alter table conversations add column pinned integer not null default 0")
    db.execute("alter table conversations add column deleted float")  # when; purged later
    # a number for the index of titles: rowids may change when the file is vacuumed
    db.execute("alter table conversations add column number integer")
    db.execute("update conversations set number = rowid")
    db.execute("create unique index idx_conversations_number on conversations(number)")
    db.execute(
        "create index idx_conversations_listed on conversations(pinned, updated, id)"
        " where deleted is null"
    )
    db.execute(
        "create index idx_conversations_deleted on conversations(deleted) where deleted is not null"
    )
    db.execute(
        """
        create table tags (
            conversation text not null references conversations(id) on delete cascade,
            tag text not null,
            primary key (conversation, tag)
        ) without rowid
        """
    )
    db["tags"].create_index(["tag", "conversation"])


@migration()
def m006_search(db: Database) -> None:
    """Full text over turns and titles, kept in step by triggers. Each index holds its own words:
    to take a row out, it need not be told what was in it. `ascii` splits at spaces alone, which
    is where `earshot_words` puts them."""
    register(db.conn)
    how = "tokenize = 'ascii', prefix = '1 2 3'"
    db.execute(f"create virtual table words using fts5(text, names, ends, {how})")
    db.execute(f"create virtual table titles using fts5(text, ends, {how})")
    _keep_turns_indexed(db)
    _keep_titles_indexed(db)
    # rows from before: an update that changes nothing has them indexed
    db.execute("update turns set status = status where status <> 'writing'")
    db.execute("update conversations set title = title")
    db.execute("insert into words(words) values ('optimize')")


@migration()
def m007_settings(db: Database) -> None:
    """What was chosen for all conversations of this folder."""
    db.execute("create table settings (name text primary key, value text not null) without rowid")


@migration()
def m008_shares(db: Database) -> None:
    """Links to a conversation as far as one of its turns. `hash` is of the secret in the link,
    `seed` what the secret is made from, with a key that is not in the database (shares.py)."""
    db.execute(
        """
        create table shares (
            id integer primary key autoincrement,
            conversation text not null references conversations(id) on delete cascade,
            turn integer not null references turns(id) on delete cascade,
            title text not null,
            seed text not null,
            hash text not null unique,
            alone integer not null,
            may_continue integer not null,
            created float not null,
            expires float,
            revoked float,
            visits integer not null default 0,
            visited float
        )
        """
    )
    db["shares"].create_index(["conversation"])
    db["shares"].create_index(["turn"])


@migration()
def m009_what_an_answer_rests_on(db: Database) -> None:
    """Turns that were not read for an answer, and windows of sound that were."""
    db.execute("alter table turns add column left_out integer not null default 0")
    db.execute("alter table turns add column heard text not null default '[]'")


@migration()
def m010_tasks(db: Database) -> None:
    """Questions that are a row of model/tasks.py."""
    db.execute("alter table turns add column task text not null default ''")


@migration()
def m011_notes(db: Database) -> None:
    """What models heard in the windows of clips. An id says which model came last."""
    db.execute(
        """
        create table notes (
            id integer primary key autoincrement,
            clip text not null references clips(digest) on delete cascade,
            starts real not null,
            ends real not null,
            model text not null,
            data text not null,
            created float not null,
            unique (clip, model, starts, ends)
        )
        """
    )


def _keep_turns_indexed(db: Database) -> None:
    is_said = "(select status from turns where id = {}) <> 'writing'"
    for event, row in (("insert", "new"), ("update", "new"), ("delete", "old")):
        db.execute(
            f"create trigger words_after_part_{event} after {event} on parts"
            f" when {is_said.format(f'{row}.turn')} begin {_indexing(f'{row}.turn')} end"
        )
    db.execute(  # an answer is found once it is said: it grows several times a second
        "create trigger words_after_status after update of status on turns"
        f" when new.status <> 'writing' begin {_indexing('new.id')} end"
    )
    db.execute(
        "create trigger words_after_turn_delete after delete on turns"
        " begin delete from words where rowid = old.id; end"
    )


def _indexing(turn: str) -> str:
    text = f"select text from parts where turn = {turn} and text is not null order by position"
    name = f"select name from parts where turn = {turn} and clip is not null order by position"
    return f"""
        delete from words where rowid = {turn};
        insert into words(rowid, text, names, ends)
        select {turn}, earshot_words(text), earshot_words(names),
            earshot_ends(coalesce(text, '') || char(10) || coalesce(names, ''))
        from (select (select group_concat(text, char(10)) from ({text})) as text,
            (select group_concat(name, char(10)) from ({name})) as names);
    """


def _keep_titles_indexed(db: Database) -> None:
    remove = "delete from titles where rowid = old.number;"
    insert = (
        "insert into titles(rowid, text, ends) values"
        " (new.number, earshot_words(new.title), earshot_ends(new.title));"
    )
    for event, does in (
        ("insert", insert),
        ("update of title", remove + insert),
        ("delete", remove),
    ):
        db.execute(
            f"create trigger titles_after_{event.split()[0]} after {event} on conversations"
            f" begin {does} end"
        )
