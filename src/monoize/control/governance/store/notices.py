"""SQL of notices: who has to be told of an approval, and whether they were. Bookkeeping, not changes of anybody."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select, update

from monoize.base.ids import new_id
from monoize.contract.policies.notification import Event
from monoize.control.governance.model.ladder import Channel, Notice
from monoize.control.governance.tables import approval_notices as notices
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx

_columns = notices.c


def _notice(row: Row[Any]) -> Notice:
    return Notice(row.id, row.approval_id, row.event, row.channel, row.recipient, row.attempts)


async def add(
    tx: Tx, approval_id: str, event: Event, told: Sequence[tuple[Channel, str]], now: dt.datetime
) -> None:
    """Those who were told already are not told again."""
    wanted = _columns.approval_id == approval_id, _columns.event == event
    known = {(row.channel, row.recipient) for row in await tx.execute(select(notices).where(*wanted))}
    rows = [
        {
            "id": new_id(),
            "approval_id": approval_id,
            "event": event,
            "channel": channel,
            "recipient": recipient,
            "next_at": now,
            "created_at": now,
        }
        for channel, recipient in told
        if (channel, recipient) not in known
    ]
    await insert_many(tx, notices, rows)


async def due(tx: Tx, now: dt.datetime, most: int) -> Sequence[Notice]:
    is_due = _columns.status == "waiting", _columns.next_at <= now
    return [
        _notice(row)
        for row in await tx.execute(select(notices).where(*is_due).order_by(_columns.next_at).limit(most))
    ]


async def claim(tx: Tx, notice: Notice, *, until: dt.datetime) -> bool:
    """Whether this process is the one that delivers it. Should it die, another tries after `until`."""
    still = _columns.id == notice.id, _columns.status == "waiting", _columns.attempts == notice.attempts
    claimed = update(notices).where(*still).values(attempts=notice.attempts + 1, next_at=until)
    return (await tx.execute(claimed)).rowcount == 1


async def finish(tx: Tx, id: str, *, sent: bool) -> None:
    await tx.execute(update(notices).where(_columns.id == id).values(status="sent" if sent else "failed"))


async def put_off(tx: Tx, id: str, until: dt.datetime) -> None:
    await tx.execute(update(notices).where(_columns.id == id).values(next_at=until))
