"""SQL of what deployments and builds say while they are under way: their states, and the lines of their tools."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal

from sqlalchemy import delete, func, select

from monoize.base.clock import utc_now
from monoize.control.projects.tables import operation_lines
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx

LineKind = Literal["state", "said"]
Of = Literal["deployment_id", "build_id"]
LINE_CHARS_MOST: Final = 4_000
_columns = operation_lines.c


@dataclasses.dataclass(frozen=True, slots=True)
class OperationLine:
    """`state`: where it has come to; `said`: what a tool wrote meanwhile."""

    id: int
    kind: LineKind
    line: str
    created_at: dt.datetime


async def add(tx: Tx, of: Of, id: int, kind: LineKind, lines: Sequence[str]) -> None:
    now = utc_now()
    other = "build_id" if of == "deployment_id" else "deployment_id"
    rows = [{of: id, other: None, "kind": kind, "line": _bounded(line), "created_at": now} for line in lines]
    await insert_many(tx, operation_lines, rows)


def _bounded(line: str) -> str:
    return line.replace("\x00", "").encode("utf-8", "replace").decode()[:LINE_CHARS_MOST]


async def after(tx: Tx, of: Of, id: int, last_id: int, most: int) -> Sequence[OperationLine]:
    query = (
        select(_columns.id, _columns.kind, _columns.line, _columns.created_at)
        .where(_columns[of] == id, _columns.id > last_id)
        .order_by(_columns.id)
        .limit(most)
    )
    return [OperationLine(row.id, row.kind, row.line, row.created_at) for row in await tx.execute(query)]


async def newest(tx: Tx, of: Of, id: int, most: int) -> Sequence[OperationLine]:
    """The last of them, in the order in which they were said."""
    query = (
        select(_columns.id, _columns.kind, _columns.line, _columns.created_at)
        .where(_columns[of] == id)
        .order_by(_columns.id.desc())
        .limit(most)
    )
    found = [OperationLine(row.id, row.kind, row.line, row.created_at) for row in await tx.execute(query)]
    return found[::-1]


async def count(tx: Tx, of: Of, id: int) -> int:
    return int(await tx.scalar(select(func.count()).where(_columns[of] == id)))


async def forget(tx: Tx, before: dt.datetime) -> None:
    await tx.execute(delete(operation_lines).where(_columns.created_at < before))
