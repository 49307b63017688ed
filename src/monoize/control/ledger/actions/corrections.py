"""What administrators do to users' balances: top up, adjust, refund, and lift the limit."""

from typing import Any

from monoize.contract.budgets import HoldPolicy
from monoize.control.identity.actions import balances
from monoize.control.identity.errors import NoSuchUser
from monoize.control.identity.model import UserBalance
from monoize.control.ledger.actions.book import Book, opened
from monoize.control.ledger.errors import (
    AlreadyRefunded,
    NoSuchEntry,
    NotRefundable,
    ReferenceReused,
    RefundTooLarge,
)
from monoize.control.ledger.model.entries import Entry
from monoize.control.ledger.model.kinds import KINDS
from monoize.control.ledger.store import entries
from monoize.infra.audit_log import Change
from monoize.infra.sealed import Seal


async def top_up(
    change: Change, seal: Seal, user_id: str, amount: int, *, reference: str | None = None, note: str | None = None
) -> Entry:
    """Money that came in. Repeating the `reference` of a payment, with the same user and amount, adds nothing."""
    async with opened(change.tx, seal, poster="person", user_ids=[user_id]) as book:
        _check_user(book, user_id)
        earlier = await entries.named(change.tx, "top_up", reference) if reference else None
        if earlier and (earlier.user_id, earlier.delta_nano_usd) != (user_id, amount):
            raise ReferenceReused
        posted = earlier or book.post(
            "top_up", amount, user_id=user_id, request_id=reference, meta=_meta(change, note=note)
        )
    _record(change, "balance.top_up", posted, repeated=earlier is not None)
    return posted


async def adjust(change: Change, seal: Seal, user_id: str, delta: int, *, reason: str) -> Entry:
    async with opened(change.tx, seal, poster="person", user_ids=[user_id]) as book:
        _check_user(book, user_id)
        posted = book.post("admin_adjustment", delta, user_id=user_id, meta=_meta(change, reason=reason))
    _record(change, "balance.adjust", posted, reason=reason)
    return posted


async def refund(change: Change, seal: Seal, entry_id: str, *, amount: int | None = None, reason: str) -> Entry:
    """Reverse one charge or top-up, all of it or `amount`, at most once.

    What was taken from a sub-account goes back there while it exists, else to its owner.
    """
    original = await entries.get(change.tx, entry_id)
    if original is None:
        raise NoSuchEntry
    if not any(name == original.kind and kind.refundable for name, kind in KINDS.items()):
        raise NotRefundable
    most = abs(original.delta_nano_usd)
    if amount is not None and amount > most:
        raise RefundTooLarge(most_nano_usd=str(most))
    given_back = most if amount is None else amount
    delta = given_back if original.delta_nano_usd < 0 else -given_back
    # The key whose sub-account paid, if one did.
    payer_id = original.api_key_id if original.account == "sub_account" else None
    key_ids = [payer_id] if payer_id else []
    async with opened(change.tx, seal, poster="person", user_ids=[original.user_id], key_ids=key_ids) as book:
        _check_user(book, original.user_id)
        earlier = await entries.named(change.tx, "refund", original.id)
        if earlier and earlier.delta_nano_usd != delta:
            raise AlreadyRefunded
        payer = book.sub_accounts.get(payer_id) if payer_id else None
        posted = earlier or book.post(
            "refund",
            delta,
            user_id=original.user_id,
            key_id=original.api_key_id,
            on_key=payer is not None and payer.enabled,
            request_id=original.id,
            of_agent=original.of_agent,
            meta=_meta(change, refunded_kind=original.kind, reason=reason),
        )
    _record(change, "balance.refund", posted, refunded=original.id, reason=reason, repeated=earlier is not None)
    return posted


async def set_limit(
    change: Change,
    user_id: str,
    *,
    unlimited: bool | None = None,
    hold_policy: HoldPolicy | None = None,
    overdraft: int = 0,
) -> UserBalance:
    """What a balance refuses; None leaves that as it is. An unlimited one still moves, it just refuses nothing."""
    await balances.lock(change.tx, user_ids=[user_id])
    await balances.get_user_balance(change.tx, user_id)
    told: dict[str, Any] = {}
    if unlimited is not None:
        await balances.set_unlimited(change.tx, user_id, unlimited)
        told["unlimited"] = unlimited
    if hold_policy is not None:
        await balances.set_hold_policy(change.tx, user_id, hold_policy, overdraft)
        told |= {"hold_policy": hold_policy, "overdraft_nano_usd": str(overdraft)}
    change.record("balance.set_limit", "user", user_id, **told)
    return await balances.get_user_balance(change.tx, user_id)


def _check_user(book: Book, user_id: str) -> None:
    if user_id not in book.users:
        raise NoSuchUser


def _meta(change: Change, **facts: str | None) -> dict[str, str]:
    named = {name: fact for name, fact in facts.items() if fact is not None}
    return {"actor": change.call.principal.label, **named}


def _record(change: Change, action: str, posted: Entry, **details: Any) -> None:
    change.record(
        action,
        "user",
        posted.user_id,
        entry_id=posted.id,
        delta_nano_usd=str(posted.delta_nano_usd),
        balance_after_nano_usd=str(posted.balance_after_nano_usd),
        key_id=posted.api_key_id,
        **details,
    )
