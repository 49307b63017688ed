"""What is done with the sub-accounts of keys, by their owners and by administrators.

What is on a sub-account never disappears: turning it off, or deleting its key, settles it with the owner, whether
something is left or owed. Money that moves between the two leaves a row on each account, which name each other.
"""

from typing import Any

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.identity.actions import balances, keys
from monoize.control.identity.errors import NoSuchKey
from monoize.control.identity.model import SubAccount
from monoize.control.ledger.actions.book import Book, opened
from monoize.control.ledger.errors import InsufficientBalance, SubAccountOff
from monoize.control.ledger.model.entries import Entry, SubAccountMove
from monoize.control.ledger.model.kinds import KindName
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def get(tx: Tx, caller: Principal, key_id: str) -> SubAccount:
    return await balances.get_sub_account(tx, caller, key_id, "ledger.read")


async def set_enabled(change: Change, seal: Seal, key_id: str, *, enabled: bool) -> SubAccountMove:
    """Turn a sub-account on, with nothing on it, or off, which settles it with its owner."""
    owner_id = await _owner(change, key_id)
    posted: list[Entry] = []
    async with opened(change.tx, seal, poster="person", user_ids=[owner_id], key_ids=[key_id]) as book:
        _sub_account(book, key_id)
        if not enabled:
            kind: KindName = "sub_account_refund" if book.balance(key_id) > 0 else "sub_account_debt_transfer"
            posted = _settle(book, kind, key_id, change)
    await balances.set_sub_account_enabled(change.tx, key_id, enabled)
    change.record("key.set_sub_account", "key", key_id, user_id=owner_id, enabled=enabled, **_facts(posted))
    return await _moved(change, key_id, posted)


async def transfer(change: Change, seal: Seal, key_id: str, amount: int) -> SubAccountMove:
    """From the owner to the sub-account. The owner has to have it, unless they are unlimited."""
    owner_id = await _owner(change, key_id)
    async with opened(change.tx, seal, poster="person", user_ids=[owner_id], key_ids=[key_id]) as book:
        _check_enabled(book, key_id)
        if book.balance(owner_id) < amount and not book.users[owner_id].unlimited:
            raise InsufficientBalance
        posted = _pair(book, ("sub_account_transfer_out", "sub_account_transfer_in"), key_id, amount, change)
    change.record("key.transfer", "key", key_id, user_id=owner_id, **_facts(posted))
    return await _moved(change, key_id, posted)


async def set_balance(change: Change, seal: Seal, key_id: str, balance: int, *, reason: str) -> SubAccountMove:
    """More is a gift of the house; less goes back to the owner."""
    owner_id = await _owner(change, key_id)
    posted: list[Entry] = []
    async with opened(change.tx, seal, poster="person", user_ids=[owner_id], key_ids=[key_id]) as book:
        _check_enabled(book, key_id)
        more = balance - book.balance(key_id)
        if more > 0:
            meta = {"reason": reason, "actor": change.call.principal.label}
            kind: KindName = "admin_sub_account_adjustment"
            posted = [book.post(kind, more, user_id=owner_id, key_id=key_id, on_key=True, meta=meta)]
        elif more < 0:
            posted = _pair(book, ("sub_account_refund", "sub_account_refund"), key_id, more, change, reason=reason)
    change.record("key.set_balance", "key", key_id, user_id=owner_id, reason=reason, **_facts(posted))
    return await _moved(change, key_id, posted)


async def delete_key(change: Change, seal: Seal, key_id: str) -> None:
    """Delete a key after settling its sub-account, if it has one, with its owner."""
    key = await keys.get_key(change.tx, change.call.principal, key_id)
    async with opened(change.tx, seal, poster="person", user_ids=[key.user_id], key_ids=[key_id]) as book:
        _sub_account(book, key_id)
        _settle(book, "sub_account_delete_settlement", key_id, change)
    await balances.set_sub_account_enabled(change.tx, key_id, False)
    await keys.delete_key(change, key_id)


async def _owner(change: Change, key_id: str) -> str:
    """Whose key it is, if the caller may move its money. Owners never change, so they can be locked first."""
    found = await balances.get_sub_account(change.tx, change.call.principal, key_id, "ledger.write")
    return found.user_id


def _sub_account(book: Book, key_id: str) -> SubAccount:
    """As it is now that it is locked: the key may be gone since we looked."""
    if key_id not in book.sub_accounts:
        raise NoSuchKey
    return book.sub_accounts[key_id]


def _check_enabled(book: Book, key_id: str) -> None:
    if not _sub_account(book, key_id).enabled:
        raise SubAccountOff


def _settle(book: Book, kind: KindName, key_id: str, change: Change) -> list[Entry]:
    """Give the owner all that is on the sub-account, be it owed."""
    left = book.balance(key_id)
    return _pair(book, (kind, kind), key_id, -left, change) if left else []


def _pair(
    book: Book, kinds: tuple[KindName, KindName], key_id: str, to_key: int, change: Change, **facts: str
) -> list[Entry]:
    """Two rows, on the owner's account and on the key's, for money that moves from the one to the other."""
    owner_id = book.sub_accounts[key_id].user_id
    meta = {"transfer_id": new_id(), "actor": change.call.principal.label, **facts}
    return [
        book.post(kinds[0], -to_key, user_id=owner_id, key_id=key_id, meta=meta),
        book.post(kinds[1], to_key, user_id=owner_id, key_id=key_id, on_key=True, meta=meta),
    ]


def _facts(posted: list[Entry]) -> dict[str, Any]:
    return {"entries": [{"id": entry.id, "delta_nano_usd": str(entry.delta_nano_usd)} for entry in posted]}


async def _moved(change: Change, key_id: str, posted: list[Entry]) -> SubAccountMove:
    sub_account = await balances.get_sub_account(change.tx, change.call.principal, key_id, "ledger.write")
    return SubAccountMove(sub_account, posted)
