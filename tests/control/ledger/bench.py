"""What ledger tests work with: people and keys, the verbs as one line each, and what the book holds afterwards."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from sqlalchemy import Row, insert, select

from monoize.base.ids import new_id
from monoize.base.principal import Call, Permission, Principal
from monoize.control.identity.actions import balances
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.identity.tables import api_keys, users
from monoize.control.ledger.actions import charges, corrections, sub_accounts, verification
from monoize.control.ledger.model.entries import Charge, Charged, Entry, SubAccountMove
from monoize.control.ledger.store import entries
from monoize.control.ledger.tables import billing_ledger
from monoize.infra.audit_log import AuditLog, Change
from monoize.infra.db import Database
from monoize.infra.sealed import Seal

MOST: Final = 2**127 - 1
EVERYTHING: Final[frozenset[Permission]] = frozenset(
    {"self", "keys.read", "keys.write", "ledger.read", "ledger.write"}
)


def caller(user_id: str | None = None, *, permissions: frozenset[Permission] = EVERYTHING) -> Call:
    who = Principal(
        kind="user",
        id=user_id or "boss",
        name="boss",
        role="admin",
        tenant_id=DEFAULT_TENANT_ID,
        permissions=permissions,
        user_id=user_id,
    )
    return Call(who, "request")


class Bench:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.seal = Seal(bytes(32))
        self.audit_log = AuditLog(database, self.seal)

    async def user(self, *, unlimited: bool = False) -> str:
        id = new_id()
        row = {"id": id, "tenant_id": DEFAULT_TENANT_ID, "username": id, "balance_unlimited": int(unlimited)}
        async with self.database.write() as tx:
            await tx.execute(insert(users).values(**row))
        return id

    async def key(self, user_id: str, *, enabled: bool = False) -> str:
        id = new_id()
        row = {"id": id, "user_id": user_id, "name": "laptop", "key_prefix": "sk-", "key_hash": id}
        async with self.database.write() as tx:
            await tx.execute(insert(api_keys).values(**row, sub_account_enabled=int(enabled)))
        return id

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        async with self.audit_log.change(caller()) as change:
            yield change

    async def charge(self, *wanted: Charge) -> Charged:
        async with self.database.write() as tx:
            return await charges.post_charges(tx, self.seal, wanted)

    async def charged(self, *wanted: Charge) -> list[Entry]:
        """The rows of these charges, in their order."""
        await self.charge(*wanted)
        rows = {row.request_id: row for row in await self.rows()}
        return [entries.entry(rows[one.request_id]._asdict()) for one in wanted]

    async def top_up(self, user_id: str, amount: int, reference: str | None = None) -> Entry:
        async with self.change() as change:
            return await corrections.top_up(change, self.seal, user_id, amount, reference=reference)

    async def adjust(self, user_id: str, delta: int) -> Entry:
        async with self.change() as change:
            return await corrections.adjust(change, self.seal, user_id, delta, reason="counted wrong")

    async def refund(self, entry_id: str, amount: int | None = None) -> Entry:
        async with self.change() as change:
            return await corrections.refund(change, self.seal, entry_id, amount=amount, reason="did not work")

    async def enable(self, key_id: str, enabled: bool = True) -> SubAccountMove:
        async with self.change() as change:
            return await sub_accounts.set_enabled(change, self.seal, key_id, enabled=enabled)

    async def transfer(self, key_id: str, amount: int) -> SubAccountMove:
        async with self.change() as change:
            return await sub_accounts.transfer(change, self.seal, key_id, amount)

    async def set_balance(self, key_id: str, balance: int) -> SubAccountMove:
        async with self.change() as change:
            return await sub_accounts.set_balance(change, self.seal, key_id, balance, reason="a gift")

    async def delete_key(self, key_id: str) -> None:
        async with self.change() as change:
            await sub_accounts.delete_key(change, self.seal, key_id)

    async def balance(self, user_id: str) -> int:
        async with self.database.read() as tx:
            return (await balances.get_user_balance(tx, user_id)).balance_nano_usd

    async def on_key(self, key_id: str) -> int:
        async with self.database.read() as tx:
            found = await balances.find_sub_account(tx, key_id)
        assert found is not None
        return found.balance_nano_usd

    async def rows(self, account_id: str | None = None) -> Sequence[Row[Any]]:
        """The rows of one account in order, or all there are."""
        query = select(billing_ledger).order_by(billing_ledger.c.account_id, billing_ledger.c.account_seq)
        if account_id:
            query = query.where(billing_ledger.c.account_id == account_id)
        async with self.database.read() as tx:
            return (await tx.execute(query)).all()

    async def problems(self, most: int = verification.STEP_MOST) -> list[str]:
        """Everything that verifying finds, in as many steps as it takes."""
        found: list[str] = []
        cursor: str | None = None
        while True:
            async with self.database.read() as tx:
                step = await verification.verify(tx, self.seal, cursor=cursor, most=most)
            found += step.problems
            cursor = step.cursor
            if cursor is None:
                return found


def charge(user_id: str, amount: int, request_id: str | None = None, **fields: Any) -> Charge:
    return Charge(request_id or new_id(), user_id, amount, **fields)


def kinds(rows: Sequence[Row[Any]]) -> list[tuple[str, int, int | None]]:
    return [(row.kind, row.delta_nano_usd, row.balance_after_nano_usd) for row in rows]
