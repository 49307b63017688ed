"""What wakes a worker of this room: a change in this process that concerns it, somebody who says so, or the clock.

The clock is for what other processes did, and for what was put off; so it may be slow, and an idle server is idle.
"""

import datetime as dt

from monoize.base.clock import utc_now
from monoize.infra.audit_log import Entry
from monoize.infra.background import Bell


class EntryBell(Bell):
    """It rings for changes of these kinds of things, as the audit log calls them."""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self._kinds = frozenset(kinds)

    async def changed(self, entry: Entry) -> None:
        if entry.target_type in self._kinds:
            self.ring()

    async def heard_by(self, until: dt.datetime | None, within_s: float) -> None:
        """Until it rings, or then, or for so long."""
        if until is not None:
            within_s = min(within_s, max(0.0, (until - utc_now()).total_seconds()))
        await self.heard(within_s)
