"""SQL of notices: who has to hear of their plan or budget, and whether they did. Bookkeeping, nobody's change."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, select, update

from monoize.base.ids import new_id
from monoize.control.compute.model.notices import Channel, Notice
from monoize.control.compute.model.overage import Subject
from monoize.control.compute.tables import usage_notices as notices
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx

_columns = notices.c


def _notice(row: Row[Any]) -> Notice:
    return Notice(
        row.id, row.user_id, row.period_start, row.subject, row.percent, row.channel, row.recipient, row.attempts
    )


async def add(
    tx: Tx, user_id: str, month: dt.date, reached: Sequence[tuple[Subject, int]], now: dt.datetime
) -> None:
    """For the log. The user has to be locked. What was written down already is not written again."""
    wanted = _columns.user_id == user_id, _columns.period_start == month, _columns.channel == "log"
    rows = await tx.execute(select(_columns.subject, _columns.percent).where(*wanted))
    known = {(row.subject, row.percent) for row in rows}
    new = [each for each in reached if each not in known]
    await insert_many(tx, notices, [_row(user_id, month, each, "log", "", now) for each in new])


async def forget(tx: Tx, user_id: str, month: dt.date, subject: Subject) -> None:
    """What was said of it does not hold any more, so it may be said again. The user has to be locked."""
    said = _columns.user_id == user_id, _columns.period_start == month, _columns.subject == subject
    await tx.execute(delete(notices).where(*said))


async def derive(tx: Tx, from_log: Notice, told: Sequence[tuple[Channel, str]], now: dt.datetime) -> None:
    """The same to people. The notice of the log has to be claimed."""
    said = from_log.subject, from_log.percent
    rows = [_row(from_log.user_id, from_log.month, said, channel, to, now) for channel, to in told]
    await insert_many(tx, notices, rows)


def _row(
    user_id: str, month: dt.date, said: tuple[Subject, int], channel: Channel, recipient: str, now: dt.datetime
) -> dict[str, Any]:
    subject, percent = said
    return {
        "id": new_id(),
        "user_id": user_id,
        "period_start": month,
        "subject": subject,
        "percent": percent,
        "channel": channel,
        "recipient": recipient,
        "next_at": now,
        "created_at": now,
    }


async def due(tx: Tx, now: dt.datetime, most: int) -> Sequence[Notice]:
    is_due = _columns.status == "waiting", _columns.next_at <= now
    query = select(notices).where(*is_due).order_by(_columns.next_at).limit(most)
    return [_notice(row) for row in await tx.execute(query)]


async def claim(tx: Tx, notice: Notice, *, until: dt.datetime) -> bool:
    """Whether this process is the one that delivers it. Should it die, another tries after `until`."""
    still = _columns.id == notice.id, _columns.status == "waiting", _columns.attempts == notice.attempts
    claimed = update(notices).where(*still).values(attempts=notice.attempts + 1, next_at=until)
    return (await tx.execute(claimed)).rowcount == 1


async def finish(tx: Tx, id: str, *, sent: bool) -> bool:
    """Whether it was waiting still."""
    waiting = _columns.id == id, _columns.status == "waiting"
    ended = update(notices).where(*waiting).values(status="sent" if sent else "failed")
    return (await tx.execute(ended)).rowcount == 1


async def put_off(tx: Tx, id: str, until: dt.datetime) -> None:
    await tx.execute(update(notices).where(_columns.id == id).values(next_at=until))
