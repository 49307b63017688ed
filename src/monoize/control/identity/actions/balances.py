"""The balances of users and of keys' sub-accounts. Only the ledger writes them, and writes a row with each move.

The order of locks is the same for everybody: users by id, then keys by id.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from monoize.base.principal import Permission, Principal
from monoize.contract.budgets import HoldPolicy
from monoize.control.identity.errors import NoSuchKey, NoSuchUser
from monoize.control.identity.model import KeyLimits, SubAccount, UserBalance
from monoize.control.identity.store import balances
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class Locked:
    """Balances that nobody else can move until this transaction ends; whoever is gone is not among them."""

    users: Mapping[str, UserBalance]
    sub_accounts: Mapping[str, SubAccount]


async def lock(
    tx: Tx, *, user_ids: Collection[str], key_ids: Collection[str] = (), enabled_only: bool = False
) -> Locked:
    """`enabled_only` leaves keys without a sub-account alone, as if they were not there."""
    users = await balances.lock_users(tx, user_ids)
    sub_accounts = await balances.lock_sub_accounts(tx, key_ids, enabled_only=enabled_only)
    return Locked({user.user_id: user for user in users}, {sub.key_id: sub for sub in sub_accounts})


async def write(tx: Tx, *, users: Mapping[str, int], sub_accounts: Mapping[str, int]) -> None:
    """Write down balances that this transaction has locked."""
    await balances.write_users(tx, users)
    await balances.write_sub_accounts(tx, sub_accounts)


async def get_user_balance(tx: Tx, user_id: str) -> UserBalance:
    found = await balances.user_balance(tx, user_id)
    if found is None:
        raise NoSuchUser
    return found


async def get_user_balances(tx: Tx, user_ids: Collection[str]) -> Mapping[str, UserBalance]:
    """Whoever is gone is not among them."""
    return {found.user_id: found for found in await balances.user_balances(tx, user_ids)}


async def find_sub_account(tx: Tx, key_id: str) -> SubAccount | None:
    return await balances.sub_account(tx, key_id)


async def get_key_limits(tx: Tx, key_id: str) -> KeyLimits:
    """What a key may spend; a key that is gone may spend nothing."""
    return await balances.key_limits(tx, key_id) or KeyLimits(0, 0)


async def get_sub_account(tx: Tx, caller: Principal, key_id: str, permission: Permission) -> SubAccount:
    """A key that is not the caller's is not there, unless the caller has the permission for everybody's."""
    found = await find_sub_account(tx, key_id)
    if found is None or (found.user_id != caller.user_id and not caller.may(permission)):
        raise NoSuchKey
    return found


async def set_unlimited(tx: Tx, user_id: str, unlimited: bool) -> None:
    await balances.set_unlimited(tx, user_id, unlimited)


async def set_hold_policy(tx: Tx, user_id: str, policy: HoldPolicy, overdraft_nano: int) -> None:
    await balances.set_hold_policy(tx, user_id, policy, overdraft_nano)


async def set_sub_account_enabled(tx: Tx, key_id: str, enabled: bool) -> None:
    await balances.set_enabled(tx, key_id, enabled)


async def written(tx: Tx, account_id: str) -> str | None:
    """The balance of a user or key as it is written, readable or not; None when there is neither."""
    return await balances.written(tx, account_id)


async def not_zero(tx: Tx, *, after: str | None, limit: int) -> Sequence[str]:
    """Ids, in order, of users and keys that have or owe something."""
    return await balances.not_zero(tx, after=after, limit=limit)
