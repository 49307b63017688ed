"""Telling people of an agent's money, limits and changes: once of each, when it is noticed.

The look after each agent notices how far its budgets are used; what was refused is looked for in the request log.
"""

import datetime as dt
import zoneinfo
from typing import Final

from monoize.base.ids import new_id
from monoize.contract.gates.windows import steps_account
from monoize.control.governance.actions.contacts import whom
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.actions.spending import windows_of
from monoize.control.governance.model.alerts import REFUSALS, Alert, Event, News, of_steps, of_windows
from monoize.control.governance.model.ladder import moments, recipients
from monoize.control.governance.model.records import AgentRecord
from monoize.control.governance.store import alerts, notices, records, spending
from monoize.control.ledger.actions import logs
from monoize.infra.db import Database, Tx

WITHIN: Final = dt.timedelta(hours=1)
REFUSALS_MOST: Final = 1_000
KEPT: Final = dt.timedelta(days=400)
"""As long as a budget of a month, or of good, is not told of twice."""


async def tell(tx: Tx, agent_id: str, event: Event, news: News, now: dt.datetime) -> None:
    """Unless people were told, or the agent is gone. Of changes only those hear whom its policy names for it."""
    # The lock makes looking and adding one step.
    record = await records.find(tx, agent_id, lock=True)
    if record is None or await alerts.is_known(tx, agent_id, event, news.subject):
        return
    policy, contacts = await whom(tx, agent_id, record.tenant_id)
    if event == "config_changed" and event not in policy.events:
        return
    alert = Alert(new_id(), agent_id, record.tenant_id, event, news.subject, news.detail, now)
    await alerts.add(tx, alert)
    told = recipients(policy, contacts, event, 0)
    await notices.of_alerts.add(tx, alert.id, event, told, now, at=moments(policy, event, now))


async def tell_of_budgets(tx: Tx, record: AgentRecord, now: dt.datetime) -> None:
    budgets = (await effective(tx, record.id)).in_force("budgets_json")
    if budgets is None or not (budgets.windows or budgets.steps):
        return
    soft = {window.id: window.soft_pct for window in budgets.windows}
    found = list(of_windows(await windows_of(tx, record, now), soft))
    if budgets.steps:
        account = steps_account(budgets, record.id, record.tenant_id, int(now.timestamp()))
        zone = dt.UTC if budgets.timezone == "UTC" else zoneinfo.ZoneInfo(budgets.timezone)
        found += of_steps(budgets, await spending.of(tx, account.name), f"{now.astimezone(zone):%Y-%m}")
    for news in found:
        await tell(tx, record.id, "budget_soft", news, now)


async def tell_of_refusals(database: Database, now: dt.datetime) -> None:
    """Once a day of each kind."""
    async with database.read() as tx:
        found = await logs.refusals_of_agents(tx, now - WITHIN, tuple(REFUSALS), REFUSALS_MOST)
    for each in found:
        detail = f"{each.count} requests for {each.model} were refused within an hour. See `monoize requests list`."
        news = News(f"{each.error_code} on {now:%Y-%m-%d}", detail)
        async with database.write() as tx:
            await tell(tx, each.agent_record_id, REFUSALS[each.error_code or ""], news, now)


async def forget_over(database: Database, now: dt.datetime) -> None:
    async with database.write() as tx:
        await alerts.forget(tx, before=now - KEPT)
