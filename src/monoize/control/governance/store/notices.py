"""SQL of notices: who has to be told of what, and whether they were. Bookkeeping, not changes of anybody."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, Table, select, update

from monoize.base.ids import new_id
from monoize.contract.policies.notification import Event
from monoize.control.governance.model.ladder import Channel, Notice
from monoize.control.governance.tables import alert_notices, approval_notices, escalation_notices
from monoize.infra.bulk import insert_many
from monoize.infra.db import Tx

NOW: Final[Mapping[Channel, dt.datetime]] = {}


class Notices:
    """Of one kind of things; `about` is the column that names the thing."""

    def __init__(self, table: Table, about: str) -> None:
        self._table = table
        self._columns = table.c
        self._about = about

    async def add(
        self,
        tx: Tx,
        about_id: str,
        event: Event,
        told: Sequence[tuple[Channel, str]],
        now: dt.datetime,
        *,
        at: Mapping[Channel, dt.datetime] = NOW,
    ) -> None:
        """Those who were told already are not told again. `at`: when, if not at once."""
        wanted = self._columns[self._about] == about_id, self._columns.event == event
        known = {(row.channel, row.recipient) for row in await tx.execute(select(self._table).where(*wanted))}
        rows = [
            {
                "id": new_id(),
                self._about: about_id,
                "event": event,
                "channel": channel,
                "recipient": recipient,
                "next_at": at.get(channel, now),
                "created_at": now,
            }
            for channel, recipient in told
            if (channel, recipient) not in known
        ]
        await insert_many(tx, self._table, rows)

    async def due(self, tx: Tx, now: dt.datetime, most: int) -> Sequence[Notice]:
        is_due = self._columns.status == "waiting", self._columns.next_at <= now
        query = select(self._table).where(*is_due).order_by(self._columns.next_at).limit(most)
        return [self._notice(row) for row in await tx.execute(query)]

    async def claim(self, tx: Tx, notice: Notice, *, until: dt.datetime) -> bool:
        """Whether this process is the one that delivers it. Should it die, another tries after `until`."""
        columns = self._columns
        still = columns.id == notice.id, columns.status == "waiting", columns.attempts == notice.attempts
        claimed = update(self._table).where(*still).values(attempts=notice.attempts + 1, next_at=until)
        return (await tx.execute(claimed)).rowcount == 1

    async def finish(self, tx: Tx, id: str, *, sent: bool) -> None:
        ended = update(self._table).where(self._columns.id == id)
        await tx.execute(ended.values(status="sent" if sent else "failed"))

    async def put_off(self, tx: Tx, id: str, until: dt.datetime) -> None:
        await tx.execute(update(self._table).where(self._columns.id == id).values(next_at=until))

    def _notice(self, row: Row[Any]) -> Notice:
        return Notice(row.id, row._mapping[self._about], row.event, row.channel, row.recipient, row.attempts)


of_alerts: Final = Notices(alert_notices, "alert_id")
of_approvals: Final = Notices(approval_notices, "approval_id")
of_escalations: Final = Notices(escalation_notices, "escalation_id")
