"""SQL of nginx's generations: what was served, what was refused, and which one is in force."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update

from monoize.control.projects.model.generations import Generation
from monoize.control.projects.tables import proxy_generations
from monoize.infra.db import Tx

KEPT: Final = 20

_columns = proxy_generations.c


def _generation(row: Row[Any]) -> Generation:
    return Generation(
        id=row.id,
        generation=row.generation,
        status=row.status,
        active=row.active == 1,
        routes=row.routes,
        error=row.error,
        created_at=row.created_at,
    )


async def active(tx: Tx) -> Generation | None:
    row = (await tx.execute(select(proxy_generations).where(_columns.active == 1))).one_or_none()
    return _generation(row) if row else None


async def served(tx: Tx, generation: str, routes: int) -> Generation:
    """Note that it is in force from now on; noting it twice changes nothing."""
    present = await active(tx)
    if present is not None and present.generation == generation:
        return present
    await tx.execute(update(proxy_generations).where(_columns.active == 1).values(active=None))
    values = {"generation": generation, "status": "served", "active": 1, "routes": routes}
    await tx.execute(insert(proxy_generations).values(**values))
    found = await active(tx)
    assert found is not None
    return found


async def failed(tx: Tx, generation: str, routes: int, error: str) -> None:
    """Note why it never was; a failure that repeats itself is noted once."""
    last = (await tx.execute(select(proxy_generations).order_by(_columns.id.desc()).limit(1))).one_or_none()
    if last is not None and (last.generation, last.status, last.error) == (generation, "failed", error):
        return
    values = {"generation": generation, "status": "failed", "routes": routes, "error": error}
    await tx.execute(insert(proxy_generations).values(**values))


async def prune(tx: Tx) -> Sequence[str]:
    """Forget all but the newest; returns the names of those that stay."""
    query = select(_columns.id, _columns.generation).order_by(_columns.id.desc()).limit(KEPT)
    kept = (await tx.execute(query)).all()
    if len(kept) == KEPT:
        await tx.execute(delete(proxy_generations).where(_columns.id < kept[-1].id, _columns.active.is_(None)))
    return [row.generation for row in kept]


async def newest(tx: Tx) -> Sequence[Generation]:
    query = select(proxy_generations).order_by(_columns.id.desc()).limit(KEPT)
    return [_generation(row) for row in await tx.execute(query)]
