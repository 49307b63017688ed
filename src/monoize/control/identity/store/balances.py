"""SQL of balances: what users have, and what is on the sub-accounts of keys. To a database they are only texts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, Table, Text, bindparam, select, type_coerce, update

from monoize.contract.budgets import HoldPolicy
from monoize.control.identity.model import KeyLimits, SubAccount, UserBalance
from monoize.control.identity.tables import api_keys, users
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx

_user_columns = select(
    users.c.id,
    users.c.balance_nano_usd,
    users.c.balance_unlimited,
    users.c.hold_policy,
    users.c.overdraft_nano_usd,
)
_key_columns = select(
    api_keys.c.id, api_keys.c.user_id, api_keys.c.sub_account_enabled, api_keys.c.sub_account_balance_nano
)


def _user_balance(row: Row[Any]) -> UserBalance:
    unlimited = bool(row.balance_unlimited)
    return UserBalance(row.id, row.balance_nano_usd, unlimited, row.hold_policy, row.overdraft_nano_usd)


def _sub_account(row: Row[Any]) -> SubAccount:
    return SubAccount(row.id, row.user_id, bool(row.sub_account_enabled), row.sub_account_balance_nano)


async def user_balance(tx: Tx, user_id: str) -> UserBalance | None:
    row = (await tx.execute(_user_columns.where(users.c.id == user_id))).one_or_none()
    return _user_balance(row) if row else None


async def user_balances(tx: Tx, user_ids: Collection[str]) -> Sequence[UserBalance]:
    query = _user_columns.where(is_one_of(tx, users.c.id, user_ids))
    return [_user_balance(row) for row in await tx.execute(query)]


async def sub_account(tx: Tx, key_id: str) -> SubAccount | None:
    row = (await tx.execute(_key_columns.where(api_keys.c.id == key_id))).one_or_none()
    return _sub_account(row) if row else None


async def key_limits(tx: Tx, key_id: str) -> KeyLimits | None:
    columns = api_keys.c.daily_budget_nano_usd, api_keys.c.monthly_budget_nano_usd
    row = (await tx.execute(select(*columns).where(api_keys.c.id == key_id))).one_or_none()
    return KeyLimits(row.daily_budget_nano_usd, row.monthly_budget_nano_usd) if row else None


async def lock_users(tx: Tx, user_ids: Collection[str]) -> Sequence[UserBalance]:
    if not user_ids:
        return []
    return [_user_balance(row) for row in await tx.execute(_locking(_user_columns, users, user_ids))]


async def lock_sub_accounts(tx: Tx, key_ids: Collection[str], *, enabled_only: bool) -> Sequence[SubAccount]:
    if not key_ids:
        return []
    query = _locking(_key_columns, api_keys, key_ids)
    if enabled_only:
        query = query.where(api_keys.c.sub_account_enabled == 1)
    return [_sub_account(row) for row in await tx.execute(query)]


def _locking(query: Select[Any], table: Table, ids: Collection[str]) -> Select[Any]:
    """In the order of the ids, as everybody locks; without shutting out those who only refer to the row."""
    return query.where(table.c.id.in_(sorted(ids))).order_by(table.c.id).with_for_update(key_share=True)


async def write_users(tx: Tx, balances: Mapping[str, int]) -> None:
    await _write(tx, users, users.c.balance_nano_usd, balances)


async def write_sub_accounts(tx: Tx, balances: Mapping[str, int]) -> None:
    await _write(tx, api_keys, api_keys.c.sub_account_balance_nano, balances)


async def _write(tx: Tx, table: Table, column: "Column[int]", balances: Mapping[str, int]) -> None:
    if balances:
        statement = update(table).where(table.c.id == bindparam("of")).values({column: bindparam("balance")})
        await tx.execute(statement, [{"of": id, "balance": balances[id]} for id in sorted(balances)])


async def set_unlimited(tx: Tx, user_id: str, unlimited: bool) -> None:
    await tx.execute(update(users).where(users.c.id == user_id).values(balance_unlimited=int(unlimited)))


async def set_hold_policy(tx: Tx, user_id: str, policy: HoldPolicy, overdraft_nano: int) -> None:
    values = {"hold_policy": policy, "overdraft_nano_usd": overdraft_nano}
    await tx.execute(update(users).where(users.c.id == user_id).values(**values))


async def set_enabled(tx: Tx, key_id: str, enabled: bool) -> None:
    await tx.execute(update(api_keys).where(api_keys.c.id == key_id).values(sub_account_enabled=int(enabled)))


async def written(tx: Tx, account_id: str) -> str | None:
    """The balance as it is written, readable or not; None when neither a user nor a key has this id."""
    for query in _balances_as_written():
        found: str | None = await tx.scalar(query.where(query.selected_columns.id == account_id))
        if found is not None:
            return found
    return None


async def not_zero(tx: Tx, *, after: str | None, limit: int) -> Sequence[str]:
    """Ids of users and keys whose balance is not written as 0, in order."""
    found: list[str] = []
    for query in _balances_as_written():
        id, balance = query.selected_columns.id, query.selected_columns.balance
        wanted: ColumnElement[bool] = balance != "0"
        if after is not None:
            wanted &= id > after
        page = query.with_only_columns(id).where(wanted).order_by(id).limit(limit)
        found += (await tx.execute(page)).scalars()
    return sorted(found)[:limit]


def _balances_as_written() -> tuple[Select[Any], ...]:
    return (
        select(type_coerce(users.c.balance_nano_usd, Text).label("balance"), users.c.id),
        select(type_coerce(api_keys.c.sub_account_balance_nano, Text).label("balance"), api_keys.c.id),
    )
