"""What agents have spent of budgets of theirs: added up as charges are booked, for gateways to hold against."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.contract.budgets import agent_account
from monoize.contract.events import Charged
from monoize.contract.gates.windows import lasting
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.model.records import AgentRecord
from monoize.control.governance.model.windows import WindowUse
from monoize.control.governance.store import spending
from monoize.infra.db import Database, Tx

# A month, and what may still be under way at its end.
KEPT: Final = dt.timedelta(days=40)


async def add_up(tx: Tx, events: Sequence[Charged]) -> None:
    """Of charges that nobody has added up before. Two budgets may have one account, which is charged once."""
    spent: dict[str, int] = {}
    for event in events:
        accounts = {agent_account(budget): amount for budget, amount in event.budgets.items()}
        for account, amount in accounts.items():
            if account is not None and amount:
                spent[account] = spent.get(account, 0) + amount
    if spent:
        await spending.add(tx, spent)


async def windows_of(tx: Tx, record: AgentRecord, now: dt.datetime) -> Sequence[WindowUse]:
    """How much is spent of what the record and its baselines let its tenant spend, as it stands now."""
    budgets = (await effective(tx, record.id)).in_force("budgets_json")
    if budgets is None:
        return ()
    found = lasting(budgets, record.id, record.tenant_id, int(now.timestamp()))
    return [
        WindowUse(
            id=window.id,
            period=window.period,
            action=window.action,
            limit_nano_usd=account.limit_nano,
            spent_nano_usd=await spending.of(tx, account.name),
            resets_at=None
            if account.resets_at_s is None
            else dt.datetime.fromtimestamp(account.resets_at_s, dt.UTC),
        )
        for window, account in found
    ]


async def spent_of(tx: Tx, account: str) -> int:
    return await spending.of(tx, account)


async def forget_over(database: Database, now: dt.datetime) -> None:
    async with database.write() as tx:
        await spending.forget(tx, unchanged_since=now - KEPT)
