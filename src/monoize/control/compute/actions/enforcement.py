"""Who may not go on: the monitor stops their machines, and nothing of theirs comes up again."""

import datetime as dt
from collections.abc import Mapping

from monoize.control.compute.actions.standings import standings_of
from monoize.control.compute.model.overage import Standing, month_of
from monoize.control.compute.store import machines
from monoize.infra.db import Tx


async def not_allowed(tx: Tx, now: dt.datetime) -> Mapping[str, Standing]:
    """Of those who have machines that shall run: whoever has used up plan and budget, or has no plan any more."""
    owners = await machines.owners_of_wanted(tx)
    found = await standings_of(tx, owners, month_of(now))
    return {user_id: standing for user_id, standing in found.items() if not standing.allowed}
