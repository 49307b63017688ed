"""Prices that changed steeply: somebody else than who proposed them confirms or rejects them."""

import datetime as dt
from collections.abc import Awaitable, Callable

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.catalog.actions.book import opened
from monoize.control.catalog.errors import SecondPersonNeeded
from monoize.control.catalog.model.records import PendingPrice, PriceRecord, Proposal, RateChange
from monoize.control.catalog.store import pending
from monoize.control.edge.wire import Page, Window
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

CountAdministrators = Callable[[Tx], Awaitable[int]]
"""People who may confirm: who they are is not known in this room."""


def waiting(
    change: Change, proposal: Proposal, changes: tuple[RateChange, ...], now: dt.datetime | None = None
) -> PendingPrice:
    principal = change.call.principal
    return PendingPrice(
        id=new_id(),
        proposal=proposal,
        changes=changes,
        proposed_by=principal.label,
        proposer_id=principal.id,
        created_at=now or utc_now(),
    )


async def list_pending(tx: Tx, window: Window) -> Page[PendingPrice]:
    return window.page(await pending.page(tx, window), lambda proposed: proposed.id)


async def confirm(change: Change, pending_id: str, count_administrators: CountAdministrators) -> PriceRecord:
    """The price is written as it was proposed; one that was to hold at once begins now."""
    proposed = await pending.get(change.tx, pending_id)
    if await count_administrators(change.tx) > 1 and not _is_second_person(change.call.principal, proposed):
        raise SecondPersonNeeded
    async with opened(change.tx, [proposed.proposal.key.model], utc_now()) as book:
        # Behind the lock of the book, as everybody does it who writes both.
        await pending.remove(change.tx, pending_id)
        record = book.accept(proposed.proposal)
    change.record(
        "price.confirm",
        "price",
        record.price.id,
        pending_id=pending_id,
        proposed_by=proposed.proposed_by,
        **record.key._asdict(),
    )
    return record


async def reject(change: Change, pending_id: str) -> None:
    proposed = await pending.get(change.tx, pending_id)
    await pending.remove(change.tx, pending_id)
    change.record(
        "price.reject",
        "pending_price",
        pending_id,
        proposed_by=proposed.proposed_by,
        **proposed.proposal.key._asdict(),
    )


def _is_second_person(principal: Principal, proposed: PendingPrice) -> bool:
    """A token is nobody in particular: whoever proposed the price may hold it."""
    return principal.kind == "user" and principal.via is None and principal.id != proposed.proposer_id
