"""A table may be relaxed where it stands: its rows, its count and its references stay as they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import CheckConstraint, Column, Connection, ForeignKey, Index, exc, inspect, text
from support.engines import ENGINES, empty_database

from monoize.infra import dsn
from monoize.infra.columns import big_integer_ref, integer_key, updated_at
from monoize.infra.columns import text as text_of
from monoize.infra.db import open_database
from monoize.infra.triggers import trigger_names
from monoize.migrations.steps import create_table, relax_table


@pytest.fixture(params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with empty_database(request.param, tmp_path) as address:
        yield address


def before() -> None:
    create_table("owners", integer_key())
    create_table(
        "things",
        integer_key(),
        Column("owner_id", big_integer_ref(), ForeignKey("owners.id", ondelete="CASCADE"), nullable=False),
        Column("state", text_of(16), nullable=False, server_default="old"),
        updated_at(),
        Index("ux_things_owner_state", "owner_id", "state", unique=True),
        CheckConstraint("state IN ('old')", name="state"),
    )


def relaxed() -> None:
    relax_table(
        "things",
        integer_key(),
        Column("owner_id", big_integer_ref(), ForeignKey("owners.id", ondelete="CASCADE"), index=True),
        Column("state", text_of(16), nullable=False, server_default="old"),
        Column("note", text_of(64)),
        updated_at(),
        CheckConstraint("state IN ('old', 'new')", name="state"),
        without=("ux_things_owner_state",),
    )


def walk(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        before()
        connection.execute(text("INSERT INTO owners (id) VALUES (1)"))
        for number in (1, 2, 3):
            state = "INSERT INTO things (id, owner_id, state) VALUES (:id, 1, 'old')"
            connection.execute(text("DELETE FROM things"))
            connection.execute(text(state), {"id": number})
        connection.execute(text("DELETE FROM things"))
        connection.execute(text("INSERT INTO things (owner_id) VALUES (1)"))
        last = connection.execute(text("SELECT id FROM things")).scalar_one()
        # Twice: a crash may have come between the step and its being written down.
        relaxed()
        relaxed()

    assert [(last, 1, "old", None)] == connection.execute(
        text("SELECT id, owner_id, state, note FROM things")
    ).all()
    connection.execute(text("INSERT INTO things (owner_id, state) VALUES (NULL, 'new')"))
    assert last < connection.execute(text("SELECT max(id) FROM things")).scalar_one()
    assert [] == [one["name"] for one in inspect(connection).get_indexes("things") if one["unique"]]
    assert "tr_things_touch" in trigger_names(connection)
    connection.execute(text("DELETE FROM owners"))
    assert ["new"] == list(connection.execute(text("SELECT state FROM things")).scalars())
    with pytest.raises(exc.DBAPIError):
        connection.execute(text("INSERT INTO things (state) VALUES ('none of these')"))


async def test_rows_count_references_and_triggers_survive(address: str):
    database = await open_database(dsn.parse(address), pool_size=1)
    async with database.connect() as connection:
        await connection.run_sync(walk)
        await connection.rollback()
    await database.close()
