"""The schema, as a list that only grows: change it by adding a migration at the end."""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

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
