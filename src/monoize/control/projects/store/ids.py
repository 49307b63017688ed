"""SQL of ids that rows are given back: the database must not count up to them later."""

from typing import Final

from sqlalchemy import text

from monoize.infra.db import Tx

_COUNTED: Final = ("projects", "services", "releases")


async def move_on(tx: Tx) -> None:
    """PostgreSQL counts by itself, whatever the rows say; the others go on from the largest that is there."""
    if tx.connection.dialect.name != "postgresql":
        return
    for name in _COUNTED:
        counter = f"pg_get_serial_sequence('{name}', 'id')"
        await tx.execute(
            text(f"SELECT setval({counter}, GREATEST((SELECT max(id) FROM {name}), nextval({counter})))")
        )
