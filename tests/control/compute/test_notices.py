"""People hear once of four fifths and of all of their plan and budget: in the audit log, by mail, by webhook."""

import dataclasses
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from control.compute.bench import ComputeBench
from control.compute.plans import NOW
from fakes.smtp import MailSink
from sqlalchemy import select, update
from support.answers import granted
from support.house import RunningHouse, open_house, test_settings
from support.rows import last_seq, logs_after

from monoize.control.compute.actions.notices import deliver_due
from monoize.control.compute.model.notices import ATTEMPTS_MOST, FORGOTTEN_IN
from monoize.control.compute.tables import agents, usage_notices
from monoize.control.governance.actions.notifications import Notifier
from monoize.control.governance.drivers.webhooks import SIGNATURE, NotDelivered
from monoize.control.identity.tables import users

HOOK = "https://hooks.example.com/usage"
POLICY = {"notification_policy_json": {"channels": {"webhook": HOOK}}}
GB = 2**30


class Hook:
    def __init__(self) -> None:
        self.told: list[tuple[Mapping[str, str], bytes]] = []
        self.is_there = True

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert HOOK == url
        if not self.is_there:
            raise NotDelivered("nobody is there")
        self.told.append((headers, body))
        return 204


@dataclasses.dataclass
class Office:
    house: RunningHouse
    books: ComputeBench
    mail: MailSink
    hook: Hook
    notifier: Notifier
    ada: str
    agent: str
    machine: str

    async def uses(self, bytes: int, sequence: int) -> None:
        await self.books.flush((self.agent, self.machine, bytes), sequence=sequence)
        await self.tend()

    async def tend(self, times: int = 2) -> None:
        for _ in range(times):
            await deliver_due(self.notifier, NOW)


@pytest.fixture
async def office(sqlite: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with MailSink() as mail:
        settings = test_settings(sqlite, tmp_path, smtp_url=mail.url, mail_from="monoize@example.com")
        async with open_house(settings) as house:
            root = await house.make_root()
            record = {"name": "sam", "role_name": "helper", "policies": POLICY}
            record_id = granted(await root.post("/api/agent-records", json=record))["id"]
            books = ComputeBench(house.house.database)
            books.seal, books.audit_log = house.house.seal, house.house.audit_log
            ada = await books.person()
            machine = await books.machine(ada)
            agent = (await books.agent(ada, machine)).agent.id
            async with house.house.database.write() as tx:
                await tx.execute(update(users).where(users.c.id == ada).values(email="ada@example.com"))
                await tx.execute(update(agents).values(config_id=record_id))
            hook = Hook()
            notifier = dataclasses.replace(house.app.state.governance.notifier, webhooks=hook)
            yield Office(house, books, mail, hook, notifier, ada, agent, machine)


async def test_each_step_is_told_once_and_is_in_the_audit_log_first(office: Office):
    before = await last_seq(office.books.database)

    await office.uses(GB * 9 // 10, 1)
    first = [mail["Subject"] for mail in office.mail.mails]
    await office.uses(GB // 20, 2)
    again = len(office.mail.mails)
    await office.uses(GB, 3)

    assert ["80 % of your plan's bandwidth is used"] == first
    assert 1 == again
    later = sorted(mail["Subject"] for mail in office.mail.mails[1:])
    assert [
        "100 % of your budget for overage is used",
        "100 % of your plan's bandwidth is used",
    ] == later
    assert {"ada@example.com"} == {mail["To"] for mail in office.mail.mails}
    rows = [row for row in await logs_after(office.books.database, before) if row.action == "usage.notice"]
    told = [(json.loads(row.details)["subject"], json.loads(row.details)["percent"]) for row in rows]
    assert [("bandwidth", 80), ("bandwidth", 100), ("budget", 100)] == [told[0], *sorted(told[1:])]
    assert {office.ada} == {row.target_id for row in rows}


async def test_a_webhook_that_a_record_names_is_told_with_a_signature(office: Office):
    await office.uses(2 * GB, 1)

    told = [(headers[SIGNATURE], json.loads(body)) for headers, body in office.hook.told]
    assert ["budget_block", "limit_hit"] == sorted(event["event"] for _, event in told)
    assert all(signature.startswith("t=") for signature, _ in told)
    assert {(10, 0, False)} == {(e["overage_cents"], e["budget_cents"], e["allowed"]) for _, e in told}


async def test_what_cannot_be_delivered_is_tried_again_and_given_up_in_the_end(office: Office):
    office.hook.is_there = False
    await office.books.flush((office.agent, office.machine, GB * 9 // 10))

    for attempt in range(ATTEMPTS_MOST + 2):
        await deliver_due(office.notifier, NOW + attempt * 2 * FORGOTTEN_IN)

    query = select(usage_notices.c.channel, usage_notices.c.status, usage_notices.c.attempts)
    async with office.books.database.read() as tx:
        rows = sorted(tuple(row) for row in await tx.execute(query))
    assert [("email", "sent", 1), ("log", "sent", 0), ("webhook", "failed", ATTEMPTS_MOST)] == rows
