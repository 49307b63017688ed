"""SQL of the rules for all requests. Whoever writes them takes the lock of routing first."""

from collections.abc import Sequence

from sqlalchemy import select, update

from monoize.control.catalog.tables import routing
from monoize.control.edge.transforms import TransformRule, read, stored
from monoize.infra.db import Tx


async def rules(tx: Tx) -> Sequence[TransformRule]:
    return read(await tx.scalar(select(routing.c.transforms)))


async def put_rules(tx: Tx, wanted: Sequence[TransformRule]) -> None:
    """In place of those that were there."""
    await tx.execute(update(routing).values(transforms=[stored(rule) for rule in wanted]))
