"""The one audit log: every change writes exactly one row, in its own transaction, into a chain of keyed hashes.

A change is made inside `async with audit_log.change(call) as change:`. Leaving the block without having said
what was done, or saying it twice, is a programming error and rolls everything back: no row, no change.
The row is appended last, so the lock on the end of the chain is held only for the commit and no two changes can
wait for each other in a circle.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Row,
    insert,
    select,
    update,
)

from monoize.base.clock import utc_now
from monoize.base.errors import Unavailable
from monoize.base.principal import Call
from monoize.infra.columns import Id, Timestamp, big_integer_ref, integer_key, table, text
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

GENESIS: Final = "0" * 64
_VERIFY_PAGE: Final = 1000
_SECRET_NAME: Final = re.compile(r"(?i)(password|secret|token|hash|cookie|credential|api_?key)$")

logs = table(
    "logs",
    integer_key(),
    Column("host_id", big_integer_ref(), ForeignKey("hosts.id", ondelete="SET NULL"), index=True),
    Column("action", text(64), nullable=False, index=True),
    Column("details", text()),
    Column("actor", text(191), nullable=False, index=True),
    # The service token that acted in somebody else's name, if one did.
    Column("via", text(191)),
    Column("tenant_id", Id, index=True),
    Column("target_type", text(64)),
    Column("target_id", text(191)),
    Column("request_id", text(64), nullable=False),
    Column("ip", text(64)),
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("prev_hash", text(64), nullable=False),
    Column("row_hash", text(64), nullable=False),
    Column("created_at", Timestamp, nullable=False, index=True),
    Index("ix_logs_target", "target_type", "target_id"),
    append_only=True,
)

audit_head = table(
    "audit_head",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("row_hash", text(64), nullable=False),
    # Of the master key that secrets are sealed with since it was rotated; NULL while it never was.
    Column("key_id", text(8)),
    CheckConstraint("id = 1", name="single_row"),
)


class MasterKeyRotated(Unavailable):
    """The master key was exchanged while this server ran, and it still has the old one."""

    code = "master_key_rotated"
    hint = "An operator restarts it with the new key."


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """What was done to what, as its action says it. `details` holds facts, never secrets."""

    action: str
    target_type: str
    target_id: str
    details: Mapping[str, Any]
    host_id: int | None = None


class Change:
    """One mutation by one caller: its transaction, and the duty to record once what it did."""

    def __init__(self, tx: Tx, call: Call) -> None:
        self.tx = tx
        self.call = call
        self.entry: Entry | None = None

    def record(
        self, action: str, target_type: str, target_id: object, *, host_id: int | None = None, **details: Any
    ) -> None:
        if self.entry is not None:
            raise AssertionError(f"{action}: this change already recorded {self.entry.action}")
        leaking = list(_secret_names(details))
        if leaking:
            raise AssertionError(f"{action}: {leaking} must not enter the audit log")
        self.entry = Entry(action, target_type, str(target_id), details, host_id)


def _secret_names(value: Any) -> Iterator[str]:
    """The names, however deep, that sound as if a secret stood behind them."""
    match value:
        case Mapping():
            yield from (str(name) for name in value if _SECRET_NAME.search(str(name)))
            for inner in value.values():
                yield from _secret_names(inner)
        case list() | tuple():
            for inner in value:
                yield from _secret_names(inner)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """How far the chain was checked, and the first row that is wrong, if one is."""

    checked: int
    last_seq: int
    complete: bool
    problem: str | None = None


class AuditLog:
    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal
        self._observers: list[Callable[[Entry], Awaitable[None]]] = []

    def observe(self, observer: Callable[[Entry], Awaitable[None]]) -> None:
        """Tell `observer` of every change of this process, once it is durable and before its caller is answered.

        Caches drop what it made stale. An observer does not fail: the change is made.
        """
        self._observers.append(observer)

    @contextlib.asynccontextmanager
    async def change(self, call: Call) -> AsyncIterator[Change]:
        async with self._database.write() as tx:
            change = Change(tx, call)
            yield change
            if change.entry is None:
                raise AssertionError("a change ended without an audit row")
            await self._append(tx, call, change.entry)
        for observer in self._observers:
            await observer(change.entry)

    async def _append(self, tx: Tx, call: Call, entry: Entry) -> None:
        end = select(audit_head.c.seq, audit_head.c.row_hash, audit_head.c.key_id).with_for_update()
        head = (await tx.execute(end)).one()
        # What this process has sealed in this change, nobody could open any more.
        if head.key_id not in (None, self._seal.key_id):
            raise MasterKeyRotated
        row = {
            "seq": head.seq + 1,
            "prev_hash": head.row_hash,
            "action": entry.action,
            "details": json.dumps(entry.details, sort_keys=True, default=str),
            "actor": call.principal.label,
            "via": call.principal.via,
            "tenant_id": call.principal.tenant_id,
            "target_type": entry.target_type,
            "target_id": entry.target_id,
            "request_id": call.request_id,
            "ip": call.ip,
            "created_at": utc_now(),
        }
        row_hash = self._hash(row)
        await tx.execute(insert(logs).values(**row, row_hash=row_hash, host_id=entry.host_id))
        await tx.execute(update(audit_head).values(seq=head.seq + 1, row_hash=row_hash))

    def _hash(self, row: Mapping[str, Any]) -> str:
        """Over all of a row but `host_id`, which deleting the host clears (and `target_id` still knows)."""
        created: dt.datetime = row["created_at"]
        parts = {**row, "created_at": created.isoformat(timespec="microseconds")}
        return self._seal.mac("audit", json.dumps(parts, sort_keys=True).encode())

    async def verify(self, *, after: int = 0, most: int = 20_000) -> Verdict:
        """Recompute up to `most` rows after sequence number `after`, and at the end compare with the head."""
        async with self._database.read() as tx:
            head = await _head(tx)
            if head is None:
                return Verdict(0, after, True, "the end of the chain is missing")
            expected: str | None = GENESIS
            if after:
                expected = await tx.scalar(select(logs.c.row_hash).where(logs.c.seq == after))
            if expected is None:
                return Verdict(0, after, True, f"row {after} is missing")
            seq, checked = after, 0
            while checked < most:
                page = select(logs).where(logs.c.seq > seq).order_by(logs.c.seq).limit(_VERIFY_PAGE)
                rows = (await tx.execute(page)).all()
                for row in rows:
                    problem = self._problem(row, seq + 1, expected)
                    if problem:
                        return Verdict(checked, seq, True, problem)
                    seq, expected, checked = row.seq, row.row_hash, checked + 1
                if len(rows) < _VERIFY_PAGE:
                    problem = _tail_problem(seq, expected, head, await _head(tx))
                    return Verdict(checked, seq, True, problem)
            return Verdict(checked, seq, False)

    def _problem(self, row: Row[Any], expected_seq: int, expected_prev: str) -> str | None:
        if row.seq != expected_seq:
            return f"row {expected_seq} is missing"
        if row.prev_hash != expected_prev:
            return f"row {row.seq} does not follow row {row.seq - 1}"
        content = {name: value for name, value in row._mapping.items() if name not in _NOT_HASHED}
        if self._hash(content) != row.row_hash:
            return f"row {row.seq} was changed"
        return None


async def hold_for(tx: Tx, seal: Seal) -> None:
    """From the end of this transaction on only processes with this seal change anything; until then all wait."""
    await tx.execute(select(audit_head.c.seq).with_for_update())
    await tx.execute(update(audit_head).values(key_id=seal.key_id))


_NOT_HASHED: Final = frozenset({"id", "host_id", "row_hash"})


async def _head(tx: Tx) -> Row[Any] | None:
    return (await tx.execute(select(audit_head.c.seq, audit_head.c.row_hash))).one_or_none()


def _tail_problem(seq: int, row_hash: str, before: Row[Any], after: Row[Any] | None) -> str | None:
    """Compare with the end as it was before and after the rows were read: others may be writing meanwhile."""
    if seq < before.seq:
        return f"rows {seq + 1} to {before.seq} are missing at the end"
    if after is None or seq > after.seq:
        return f"row {seq} lies beyond the recorded end"
    if seq == after.seq and row_hash != after.row_hash:
        return f"row {seq} is not the one that was written last"
    return None
