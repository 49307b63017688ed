"""Exactly-once creation: the answer to a POST is kept under its Idempotency-Key, in the same transaction.

Whoever repeats the request gets the first answer again; whoever reuses the key for another request is refused.
The answer may hold a secret that is shown once, so it is sealed.
"""

import dataclasses
import datetime as dt
import hashlib
from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    PrimaryKeyConstraint,
    delete,
    exc,
    insert,
    select,
    update,
)

from monoize.base.clock import utc_now
from monoize.base.errors import Conflict
from monoize.infra.columns import created_at, table, text
from monoize.infra.db import Tx
from monoize.infra.resealing import sealed_in
from monoize.infra.sealed import Seal

KEPT_FOR: Final = dt.timedelta(hours=24)

idempotency_keys = table(
    "idempotency_keys",
    Column("caller", text(191), nullable=False),
    Column("idempotency_key", text(191), nullable=False),
    Column("request_digest", text(64), nullable=False),
    Column("status", Integer),
    Column("answer", text()),
    created_at(),
    PrimaryKeyConstraint("caller", "idempotency_key"),
)


class KeyReused(Conflict):
    """This Idempotency-Key was already used for a different request."""

    code = "idempotency_key_reused"
    hint = "Send a new key with a new request; repeat a key only with the very same request."


class StillRunning(Conflict):
    """The first request with this Idempotency-Key has not ended yet."""

    code = "idempotency_in_progress"
    hint = "Wait a moment and repeat the request with the same key."


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str


@dataclasses.dataclass(frozen=True, slots=True)
class Once:
    """One key of one caller, for one request (method, path and body)."""

    caller: str
    key: str
    digest: str

    @classmethod
    def of(cls, caller: str, key: str, request: bytes) -> "Once":
        return cls(caller, key, hashlib.sha256(request).hexdigest())

    async def claim(self, tx: Tx) -> None:
        """Reserve the key; on another engine than SQLite a concurrent twin waits here for our commit."""
        try:
            await tx.execute(
                insert(idempotency_keys).values(
                    caller=self.caller, idempotency_key=self.key, request_digest=self.digest
                )
            )
        except exc.IntegrityError as problem:
            raise StillRunning from problem

    async def keep(self, tx: Tx, seal: Seal, answer: Answer) -> None:
        sealed = seal.seal(answer.body, *_place(self.caller, self.key))
        await tx.execute(update(idempotency_keys).where(*self._mine()).values(status=answer.status, answer=sealed))

    async def earlier(self, tx: Tx, seal: Seal) -> Answer | None:
        """What the first request with this key was answered, if there was one."""
        row = (await tx.execute(select(idempotency_keys).where(*self._mine()))).one_or_none()
        if row is None:
            return None
        if row.request_digest != self.digest:
            raise KeyReused
        return Answer(row.status, seal.open(row.answer, *_place(self.caller, self.key)))

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        columns = idempotency_keys.c
        return columns.caller == self.caller, columns.idempotency_key == self.key


def _place(caller: str, key: str) -> tuple[str, ...]:
    return "idempotency_keys", caller, key


SEALED: Final = sealed_in(idempotency_keys, "answer", lambda row: _place(row.caller, row.idempotency_key))


async def purge(tx: Tx) -> None:
    await tx.execute(delete(idempotency_keys).where(idempotency_keys.c.created_at < utc_now() - KEPT_FOR))
