"""What was used becomes counters, and what is beyond the plan becomes money: both in the transaction at hand.

Everybody locks in one order: machines by id, then users by id. Behind the lock on its user nobody else counts or
charges for them, so after each transaction the ledger holds what the counters come to. It writes no audit rows: the
counters and the ledger are its record.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping

from monoize.control.compute.actions.standings import standings_of
from monoize.control.compute.model.accounting import is_news, last_reading, used_since
from monoize.control.compute.model.machines import Metric, Reading
from monoize.control.compute.model.overage import NANO_PER_CENT, Standing, Usage, month_of, reached
from monoize.control.compute.store import budgets, machines, notices, usage
from monoize.control.identity.actions import balances
from monoize.control.ledger.actions.charges import post_charges
from monoize.control.ledger.model.entries import Charge
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def take_readings(
    tx: Tx,
    seal: Seal,
    readings: Mapping[str, Reading],
    metered: Callable[[str], Collection[Metric]],
    now: dt.datetime,
) -> None:
    """Readings of machines, by id: what they grew by goes to the month in which they were taken.

    `metered` says by name what counts at a provider. The figures themselves go to the machines' rows in the same
    transaction, so that a crash neither loses a difference nor doubles it.
    """
    news: dict[str, Reading] = {}
    used: dict[dt.date, dict[str, Usage]] = {}
    owners: dict[dt.date, set[str]] = {}
    for machine in await machines.lock_many(tx, readings):
        before, reading = last_reading(machine), readings[machine.id]
        if not is_news(before, reading):
            continue
        month = month_of(reading.at)
        used.setdefault(month, {})[machine.id] = used_since(before, reading, metered(machine.provider))
        owners.setdefault(month, set()).add(machine.user_id)
        news[machine.id] = reading
    await machines.write_readings(tx, news)
    for month in sorted(used):
        await usage.add(tx, month, used[month])
    for month in sorted(owners):
        await settle(tx, seal, owners[month], month, now)


async def settle(
    tx: Tx, seal: Seal, user_ids: Collection[str], month: dt.date, now: dt.datetime
) -> Mapping[str, Standing]:
    """Charge what is due of a month and write down whom to tell what; where everybody stands."""
    locked = (await balances.lock(tx, user_ids=user_ids)).users
    before = await standings_of(tx, user_ids, month, locked=locked)
    due = {user_id: standing for user_id, standing in before.items() if standing.due_cents}
    charged = {user_id: standing.charged_cents + standing.due_cents for user_id, standing in due.items()}
    if due:
        await budgets.write_charged(tx, charged, month)
        await post_charges(tx, seal, [_charge(user_id, standing) for user_id, standing in sorted(due.items())])
        left = await balances.get_user_balances(tx, user_ids)
        before = await standings_of(tx, user_ids, month, locked=left)
    for user_id, standing in sorted(before.items()):
        if news := reached(standing):
            await notices.add(tx, user_id, month, news, now)
    return before


def _charge(user_id: str, standing: Standing) -> Charge:
    """Named by how far it takes the month: whoever charges the same step again charges nothing."""
    until = standing.charged_cents + standing.due_cents
    return Charge(
        request_id=f"overage:{user_id}:{standing.month:%Y-%m}:{until}",
        user_id=user_id,
        amount_nano_usd=standing.due_cents * NANO_PER_CENT,
        kind="compute_overage",
        meta={"month": f"{standing.month:%Y-%m}", "overage_cents": standing.overage_cents},
    )
