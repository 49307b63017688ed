"""SQL of prices that wait for a second person."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, delete, insert, select

from monoize.control.catalog.errors import NoSuchPendingPrice
from monoize.control.catalog.model.records import ModelKey, PendingPrice, Proposal, RateChange
from monoize.control.catalog.tables import pending_prices
from monoize.control.edge.wire import Window
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_columns = pending_prices.c


def _pending(row: Row[Any]) -> PendingPrice:
    return PendingPrice(
        id=row.id,
        proposal=Proposal.of_json(row.proposal_json),
        changes=tuple(RateChange(*change) for change in json.loads(row.changes_json)),
        proposed_by=row.proposed_by,
        proposer_id=row.proposer_id,
        created_at=row.created_at,
    )


async def put(tx: Tx, pending: Sequence[PendingPrice]) -> None:
    """In place of older proposals for the same prices, so that nobody confirms what they have not seen."""
    if not pending:
        return
    rows = []
    for each in pending:
        key = each.proposal.key._asdict()
        await tx.execute(delete(pending_prices).where(*(_columns[name] == value for name, value in key.items())))
        rows.append(
            {
                **key,
                "id": each.id,
                "proposal_json": each.proposal.as_json(),
                "changes_json": json.dumps([(change.rate, change.before, change.after) for change in each.changes]),
                "proposed_by": each.proposed_by,
                "proposer_id": each.proposer_id,
                "created_at": each.created_at,
            }
        )
    await tx.execute(insert(pending_prices), rows)


async def get(tx: Tx, id: str) -> PendingPrice:
    row = (await tx.execute(select(pending_prices).where(_columns.id == id))).one_or_none()
    if row is None:
        raise NoSuchPendingPrice
    return _pending(row)


async def of_models(tx: Tx, models: Collection[ModelKey]) -> Sequence[PendingPrice]:
    if not models:
        return []
    query = select(pending_prices).where(
        _columns.provider.in_(sorted({model.provider for model in models})),
        is_one_of(tx, _columns.model_key, sorted({model.model_key for model in models})),
    )
    found = [_pending(row) for row in await tx.execute(query)]
    return [each for each in found if each.proposal.key.model in models]


async def page(tx: Tx, window: Window) -> Sequence[PendingPrice]:
    query = select(pending_prices).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    return [_pending(row) for row in await tx.execute(query)]


async def remove(tx: Tx, id: str) -> None:
    """Of two who decide at once, one is told that there is nothing left to decide."""
    if (await tx.execute(delete(pending_prices).where(_columns.id == id))).rowcount == 0:
        raise NoSuchPendingPrice
