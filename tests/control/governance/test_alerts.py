"""People are told of money, limits and changes once each, when their policy lets them be told."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.smtp import MailSink
from support.agents import AgentRuntime, make_agent_runtime
from support.house import open_house, test_settings

from monoize.base.clock import utc_now
from monoize.contract.gates.windows import lasting, steps_account
from monoize.contract.policies.budgets import Budgets, Step, Window
from monoize.contract.policies.notification import Digest, NotificationPolicy, Quiet
from monoize.control.governance.actions.alerts import tell_of_budgets
from monoize.control.governance.actions.notifications import deliver_due
from monoize.control.governance.model.ladder import moments
from monoize.control.governance.store import records, spending
from monoize.infra.db import Database

DOLLAR = 10**9
BUDGETS = {"steps": [{"every_usd": "1"}], "windows": [{"id": "all", "period": "total", "limit_usd": "8"}]}
POLICIES = {
    "budgets_json": BUDGETS,
    "notification_policy_json": {"events": {"budget_soft": ["user"], "config_changed": ["user"]}},
}


@pytest.fixture
async def runtime(engine: str, tmp_path: Path) -> AsyncIterator[tuple[AgentRuntime, MailSink]]:
    async with MailSink() as mail:
        settings = test_settings(engine, tmp_path, smtp_url=mail.url, mail_from="monoize@example.com")
        async with open_house(settings) as house:
            yield await make_agent_runtime(house, policies=POLICIES, user_email="user@example.com"), mail


async def spend(database: Database, agent_id: str, nano: int) -> None:
    async with database.write() as tx:
        record = await records.get(tx, agent_id)
        budgets = Budgets(steps=(Step(every_usd="1"),), windows=(Window(id="all", period="total", limit_usd="8"),))
        at_s = int(utc_now().timestamp())
        accounts = [steps_account(budgets, record.id, record.tenant_id, at_s)]
        accounts += [account for _, account in lasting(budgets, record.id, record.tenant_id, at_s)]
        await spending.add(tx, {account.name: nano for account in accounts})
    async with database.write() as tx:
        await tell_of_budgets(tx, record, utc_now())


async def told_of(runtime: tuple[AgentRuntime, MailSink], *spent_nano: int) -> list[list[str]]:
    """Which mails come each time that so much more was spent."""
    agents, mail = runtime
    notifier, told = agents.house.app.state.governance.notifier, []
    for nano in spent_nano:
        mail.mails.clear()
        await spend(notifier.database, agents.agent["id"], nano)
        await deliver_due(notifier, utc_now() + dt.timedelta(seconds=1))
        told.append([each["Subject"].split(": ")[-1] for each in mail.mails])
    return told


SPENT = (3_400_000_000, 590_000_000, 10_000_000, 0)


async def test_each_step_and_each_part_of_a_budget_is_told_once(runtime: tuple[AgentRuntime, MailSink]):
    assert [["3 times 1 USD"], [], ["2 messages about an agent"], []] == await told_of(runtime, *SPENT)


@pytest.mark.case(50)
async def test_of_all_steps_that_were_taken_the_last_is_told(runtime: tuple[AgentRuntime, MailSink]):
    only_steps = {
        "budgets_json": {"steps": [{"every_usd": "1.00"}]},
        "notification_policy_json": {"events": {"budget_soft": ["user"]}},
    }
    await runtime[0].change(policies=only_steps)

    assert [["3 times 1.00 USD"], [], ["4 times 1.00 USD"], []] == await told_of(runtime, *SPENT)


async def test_a_changed_record_is_told_to_whom_its_policy_names(runtime: tuple[AgentRuntime, MailSink]):
    agents, mail = runtime
    await agents.change(policies={**POLICIES, "rate_limits_json": {"requests_per_minute": 5}})
    await deliver_due(agents.house.app.state.governance.notifier, utc_now() + dt.timedelta(seconds=1))

    assert ["Record changed: version 2"] == [each["Subject"] for each in mail.mails]


def test_nobody_is_woken_for_little_and_what_can_wait_comes_once_a_day():
    night = dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC)
    morning, nine = dt.datetime(2026, 11, 23, 7, tzinfo=dt.UTC), dt.datetime(2026, 11, 23, 9, tzinfo=dt.UTC)
    policy = NotificationPolicy(quiet=Quiet(exempt="high"), digest=Digest())

    assert {"email": morning, "webhook": morning} == moments(policy, "approval_requested", night, severity="medium")
    assert {"email": night, "webhook": night} == moments(policy, "approval_requested", night, severity="critical")
    assert {"email": nine, "webhook": morning} == moments(policy, "budget_soft", night)
    assert {"email": nine, "webhook": morning} == moments(policy, "limit_hit", morning)
