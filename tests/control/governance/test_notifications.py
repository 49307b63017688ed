"""People hear of approvals: by mail and by webhook, one after the other where nobody votes, and never twice."""

import asyncio
import dataclasses
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from fakes.smtp import MailSink
from sqlalchemy import select
from support.agents import AgentRuntime, make_agent_runtime
from support.answers import granted
from support.house import open_house, test_settings
from support.rows import last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.governance.actions.notifications import Notifier, climb_due, deliver_due, expire_due
from monoize.control.governance.drivers.webhooks import NotDelivered
from monoize.control.governance.tables import approval_notices

HOOK = "https://hooks.example.com/approvals"


class Hook:
    """A webhook of somebody's, in our place: what it was told, and how it answers."""

    def __init__(self) -> None:
        self.told: list[tuple[Mapping[str, str], bytes]] = []
        self.status: int | None = 204

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert HOOK == url
        if self.status is None:
            raise NotDelivered("nobody is there")
        self.told.append((headers, body))
        return self.status


@dataclasses.dataclass
class Office:
    runtime: AgentRuntime
    mail: MailSink
    hook: Hook
    notifier: Notifier

    async def tend(self, now: dt.datetime) -> None:
        await expire_due(self.notifier, now)
        await climb_due(self.notifier, now)
        await deliver_due(self.notifier, now)

    def recipients(self) -> list[str]:
        return [mail["To"] for mail in self.mail.mails]


CONTACTS = {
    "user_email": "user@example.com",
    "additional_alert_emails": ["more@example.com"],
    "backup_user_email": "backup@example.com",
    "alert_escalation_email": "boss@example.com",
}
POLICY = {"notification_policy_json": {"channels": {"webhook": HOOK}, "escalate_after": 60}}


@pytest.fixture
async def office(engine: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with MailSink() as mail:
        settings = test_settings(engine, tmp_path, smtp_url=mail.url, mail_from="monoize@example.com")
        async with open_house(settings) as house:
            runtime = await make_agent_runtime(house, policies=POLICY, **CONTACTS)
            hook = Hook()
            notifier = dataclasses.replace(house.app.state.governance.notifier, webhooks=hook)
            yield Office(runtime, mail, hook, notifier)


async def test_the_ladder_is_climbed_until_somebody_votes(office: Office):
    start = utc_now()
    made = granted(await office.runtime.propose())

    await office.tend(start + dt.timedelta(seconds=5))
    await office.tend(start + dt.timedelta(seconds=6))
    assert ["more@example.com", "user@example.com"] == sorted(office.recipients())
    await office.tend(start + dt.timedelta(seconds=70))
    assert "backup@example.com" == office.recipients()[-1]
    assert 3 == len(office.recipients())
    await office.tend(start + dt.timedelta(seconds=130))
    await office.tend(start + dt.timedelta(seconds=300))
    assert ["backup@example.com", "boss@example.com"] == office.recipients()[2:]
    text = office.mail.mails[0].get_content()
    assert "Approval needed: d1_execute" == office.mail.mails[0]["Subject"]
    assert f"monoize approvals show {made['id']}" in text


async def test_a_vote_stops_it(office: Office):
    start = utc_now()
    made = granted(await office.runtime.propose(needed=2))
    await office.tend(start + dt.timedelta(seconds=5))
    granted(await office.runtime.root.post(f"/api/approvals/{made['id']}/approve", json={}))

    await office.tend(start + dt.timedelta(seconds=200))

    assert 2 == len(office.recipients())


async def test_what_is_over_ends_once_with_one_audit_row_and_people_are_told(office: Office):
    start = utc_now()
    made = granted(await office.runtime.propose(ttl_s=60))
    database = office.runtime.house.house.database
    before = await last_seq(database)

    later = start + dt.timedelta(seconds=61)
    await asyncio.gather(*(expire_due(office.notifier, later) for _ in range(3)))
    await office.tend(later)

    rows = await logs_after(database, before)
    assert [("approval.expire", "system:monoize", made["id"])] == [(r.action, r.actor, r.target_id) for r in rows]
    path = f"/api/approvals/{made['id']}"
    assert "expired" == granted(await office.runtime.root.get(path))["status"]
    assert "Expired: d1_execute" in [mail["Subject"] for mail in office.mail.mails]


async def test_a_webhook_knows_by_the_signature_that_it_is_told_by_us(office: Office):
    made = granted(await office.runtime.propose(arguments={"customer": "ACME"}))
    await office.tend(utc_now() + dt.timedelta(seconds=1))
    path = f"/api/agents/{office.runtime.agent['id']}/webhook-key"
    key = granted(await office.runtime.root.get(path))["key"]

    ((headers, body),) = office.hook.told

    moment, _, signed = headers["monoize-signature"].partition(",")
    seconds = moment.removeprefix("t=")
    expected = hmac.new(key.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert f"v1={expected}" == signed
    assert abs(int(seconds) - utc_now().timestamp()) < 60
    event = json.loads(body)
    assert ("approval_requested", made["id"], "high") == (event["event"], event["approval_id"], event["risk"])
    assert "ACME" not in body.decode()


async def test_what_cannot_be_delivered_three_times_is_told_to_those_above(office: Office):
    start, office.hook.status = utc_now(), None
    granted(await office.runtime.propose(needed=2))
    for seconds in (1, 20, 32, 160):
        await deliver_due(office.notifier, start + dt.timedelta(seconds=seconds))
    await deliver_due(office.notifier, start + dt.timedelta(seconds=161))

    async with office.runtime.house.house.database.read() as tx:
        row = (await tx.execute(select(approval_notices).where(approval_notices.c.channel == "webhook"))).one()
    assert ("failed", 3) == (row.status, row.attempts)
    assert "boss@example.com" == office.recipients()[-1]


async def test_an_answer_that_is_no_success_is_tried_again(office: Office):
    start, office.hook.status = utc_now(), 500
    granted(await office.runtime.propose())
    await deliver_due(office.notifier, start + dt.timedelta(seconds=1))
    office.hook.status = 200
    await deliver_due(office.notifier, start + dt.timedelta(seconds=40))
    await deliver_due(office.notifier, start + dt.timedelta(seconds=400))

    assert 2 == len(office.hook.told)
    assert 1 == len({headers["monoize-delivery"] for headers, _ in office.hook.told})


async def test_of_several_processes_one_tells(office: Office):
    granted(await office.runtime.propose())

    await asyncio.gather(*(deliver_due(office.notifier, utc_now() + dt.timedelta(seconds=1)) for _ in range(4)))

    assert ["more@example.com", "user@example.com"] == sorted(office.recipients())
    assert 1 == len(office.hook.told)
