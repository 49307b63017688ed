"""SQL of what names of models mean. Whoever writes it takes the lock of routing first."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from monoize.control.catalog.model.names import Suffix
from monoize.control.catalog.tables import model_redirects, reasoning_suffixes
from monoize.control.edge.redirects import ModelRedirect
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx


async def redirects(tx: Tx) -> Sequence[ModelRedirect]:
    """The first that matches counts."""
    query = select(model_redirects).order_by(model_redirects.c.place)
    return [ModelRedirect(row.pattern, row.model) for row in await tx.execute(query)]


async def put_redirects(tx: Tx, rules: Sequence[ModelRedirect]) -> None:
    """In place of those that were there."""
    await tx.execute(delete(model_redirects))
    rows = [
        {"place": place, "pattern": rule.pattern, "model": rule.replace}
        for place, rule in enumerate(rules, start=1)
    ]
    await insert_many(tx, model_redirects, rows)


async def suffixes(tx: Tx) -> Sequence[Suffix]:
    query = select(reasoning_suffixes).order_by(reasoning_suffixes.c.suffix)
    return [Suffix(row.suffix, row.effort) for row in await tx.execute(query)]


async def put_suffixes(tx: Tx, wanted: Sequence[Suffix]) -> None:
    """In place of those that were there."""
    await tx.execute(delete(reasoning_suffixes))
    await insert_many(tx, reasoning_suffixes, [{"suffix": each.suffix, "effort": each.effort} for each in wanted])
