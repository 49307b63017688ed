"""Agents are looked after: what is wrong is found, told, and in the end the agent is paused."""

import asyncio
import dataclasses
import datetime as dt
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.smtp import MailSink
from sqlalchemy import func, insert, select, update
from support.answers import granted, refusal
from support.house import Client, RunningHouse, open_house, test_settings
from support.rows import last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.governance.actions.escalations import SOURCES, look_for_failures
from monoize.control.governance.actions.health import Examiner, examine_due
from monoize.control.governance.actions.notifications import Notifier, climb_due, deliver_due
from monoize.control.governance.model.health import EVERY, STALE_AFTER
from monoize.control.governance.tables import agent_ai_executable_limits as limits
from monoize.control.governance.tables import agent_ai_sam as records
from monoize.control.ledger.tables import request_logs
from monoize.control.telemetry.tables import agent_telemetry

CONTACTS = {"user_email": "user@example.com", "backup_user_email": "backup@example.com"}
DEFAULT_MODEL = {"model_policy_json": {"default_model": "m"}}


@dataclasses.dataclass
class Ward:
    house: RunningHouse
    root: Client
    mail: MailSink

    @property
    def examiner(self) -> Examiner:
        found: Examiner = self.house.app.state.governance.examiner
        return found

    async def create(self, name: str = "sam", **fields: Any) -> dict[str, Any]:
        body = {"name": name, "role_name": "helper", **CONTACTS, **fields}
        return granted(await self.root.post("/api/agent-records", json=body))

    async def health(self, record: dict[str, Any]) -> dict[str, Any]:
        return granted(await self.root.get(f"/api/agent-health/{record['id']}"))

    async def status(self, record: dict[str, Any]) -> str:
        return granted(await self.root.get(f"/api/agent-records/{record['id']}"))["status"]

    async def tend(self, now: dt.datetime) -> None:
        notifier: Notifier = self.house.app.state.governance.notifier
        await climb_due(notifier, now)
        await deliver_due(notifier, now)

    async def escalations(self) -> list[dict[str, Any]]:
        return granted(await self.root.get("/api/escalations"))["items"]


@pytest.fixture
async def ward(engine: str, tmp_path: Path) -> AsyncIterator[Ward]:
    async with MailSink() as mail:
        settings = test_settings(engine, tmp_path, smtp_url=mail.url, mail_from="monoize@example.com")
        async with open_house(settings) as house:
            yield Ward(house, await house.make_root(), mail)


async def test_an_agent_that_fails_three_times_is_paused_once_and_people_are_told(ward: Ward):
    record, well, start = await ward.create(policies=DEFAULT_MODEL), await ward.create("well"), utc_now()
    assert "unknown" == (await ward.health(record))["state"]
    before = await last_seq(ward.house.house.database)

    for number in range(3):
        at = start + number * EVERY
        # Of several processes one checks.
        await asyncio.gather(*(examine_due(ward.examiner, at) for _ in range(3)))
        expected = ("degraded", "active") if number < 2 else ("unhealthy", "paused")
        assert expected == ((await ward.health(record))["state"], await ward.status(record))
    await examine_due(ward.examiner, start + 3 * EVERY)

    health = await ward.health(record)
    assert (3, "default_model: no channel offers m") == (health["failures"], health["last_error"])
    assert ("healthy", "active") == ((await ward.health(well))["state"], await ward.status(well))
    (row,) = await logs_after(ward.house.house.database, before)
    assert ("agent_record.pause", "system:monoize", record["id"]) == (row.action, row.actor, row.target_id)
    shown = granted(await ward.root.get(f"/api/agent-records/{record['id']}"))
    assert (True, health["last_error"]) == (shown["last_health_check"] is not None, shown["last_error"])
    assert 2 == len(granted(await ward.root.get("/api/agent-health"))["items"])

    (escalation,) = await ward.escalations()
    assert ("health_failed", "execution_failure") == (escalation["event"], escalation["reason"])
    await ward.tend(start + 3 * EVERY)
    assert ["user@example.com"] == [mail["To"] for mail in ward.mail.mails]
    assert "no channel offers m" in ward.mail.mails[0].get_content()
    async with ward.house.house.database.read() as tx:
        events = await tx.scalar(select(func.count()).where(agent_telemetry.c.metric_type == "health"))
    assert 7 == events


async def test_what_gets_well_again_is_healthy_and_what_nobody_looked_at_unknown(ward: Ward):
    record, start = await ward.create(policies=DEFAULT_MODEL, mode="worker"), utc_now()
    await examine_due(ward.examiner, start - STALE_AFTER - EVERY)
    assert "unknown" == (await ward.health(record))["state"]
    channels = [{"name": "there", "base_url": "http://127.0.0.1:9"}]
    body = {"name": "echo", "type": "echo", "models": [{"name": "m"}], "channels": channels}
    granted(await ward.root.post("/api/providers", json=body))
    await examine_due(ward.examiner, start)
    assert "default_model: nobody knows the price of m" == (await ward.health(record))["last_error"]
    price = {"provider": "echo", "model_key": "m", "input_usd_per_mtok": "1", "output_usd_per_mtok": "1"}
    granted(await ward.root.post("/api/prices", json={**price, "source_url": "https://example.com/prices"}))
    await examine_due(ward.examiner, start + EVERY)

    health = await ward.health(record)
    assert ("healthy", 0, None) == (health["state"], health["failures"], health["last_error"])


async def test_everything_that_keeps_an_agent_from_running_is_found(house: RunningHouse, root: Client):
    ward = Ward(house, root, MailSink())
    nameless = granted(await root.post("/api/agent-records", json={"name": "n", "role_name": "n"}))
    broken, forged = await ward.create("broken", role_name="broken"), await ward.create("forged", role_name="other")
    async with house.house.database.write() as tx:
        row = {"id": new_id(), "tenant_id": broken["tenant_id"], "agent_role_id": "broken", "cost_tier": "free"}
        await tx.execute(insert(limits).values(**row, allowed_operations="no JSON"))
        await tx.execute(update(records).where(records.c.id == forged["id"]).values(safety_level="permissive"))

    await examine_due(ward.examiner, utc_now())

    assert "degraded" == (await ward.health(nameless))["state"]
    assert (await ward.health(nameless))["last_error"] is None
    assert "limits: " in (await ward.health(broken))["last_error"]
    assert "record: What the database holds is not what was written" in (await ward.health(forged))["last_error"]


async def test_a_house_that_does_not_pause_agents_only_tells(house: RunningHouse, root: Client):
    ward = Ward(house, root, MailSink())
    record, start = await ward.create(policies=DEFAULT_MODEL), utc_now()

    for number in range(5):
        await examine_due(dataclasses.replace(ward.examiner, pauses=False), start + number * EVERY)

    assert ("unhealthy", "active") == ((await ward.health(record))["state"], await ward.status(record))
    assert 1 == len(await ward.escalations())


async def failed(ward: Ward, record: dict[str, Any], code: str, count: int, **values: Any) -> None:
    now = utc_now()
    at_ms = int(now.timestamp() * 1000)
    row = {"user_id": ward.root.user["id"], "model": "m", "status": "error", "error_code": code, **values}
    async with ward.house.house.database.write() as tx:
        for _ in range(count):
            own = {"id": new_id(), "created_at": now, "created_at_unix_ms": at_ms, "agent_record_id": record["id"]}
            await tx.execute(insert(request_logs).values(**{**own, **row}))


async def test_the_same_failure_again_and_again_calls_people_once_until_somebody_looks_after_it(ward: Ward):
    record, other, now = await ward.create(), await ward.create("other"), utc_now()
    denied = json.dumps([{"gate": "model", "verdict": "deny"}], separators=(",", ":"))
    await failed(ward, record, "upstream_timeout", 5, model="slow")
    await failed(ward, other, "upstream_timeout", 4)
    await failed(ward, other, "model_not_allowed", 9, decisions_json=denied)
    await failed(ward, other, "late", 9, created_at_unix_ms=int((now.timestamp() - 3700) * 1000))
    database = ward.house.house.database

    await asyncio.gather(*(look_for_failures(database, SOURCES, utc_now()) for _ in range(3)))

    assert {
        (record["id"], "run_failed", "timeout", "error upstream_timeout"),
        (record["id"], "run_failed", "execution_failure", "model slow"),
    } == {(each["agent_id"], each["event"], each["reason"], each["subject"]) for each in await ward.escalations()}
    assert 2 == len(await ward.escalations())
    await ward.tend(now + dt.timedelta(seconds=5))
    assert ["user@example.com"] * 2 == [mail["To"] for mail in ward.mail.mails]

    first = (await ward.escalations())[0]
    path = f"/api/escalations/{first['id']}/acknowledge"
    assert "user:root" == granted(await ward.root.post(path))["acknowledged_by"]
    assert (409, "already_acknowledged") == refusal(await ward.root.post(path))
    assert 1 == len(granted(await ward.root.get("/api/escalations?is_open=true"))["items"])
    await ward.tend(now + dt.timedelta(minutes=16))
    assert ["backup@example.com"] == [mail["To"] for mail in ward.mail.mails[2:]]


async def test_tools_that_were_approved_and_failed_three_times_call_people(house: RunningHouse, root: Client):
    ward = Ward(house, root, MailSink())
    record = await ward.create(required_roles=[])
    program = await house.make_token(root, "program", role="deployer")
    for _ in range(3):
        body = {"agent_id": record["id"], "kind": "tool", "subject": "d1_execute", "arguments": "{}"}
        path = f"/api/approvals/{granted(await program.post('/api/approvals', json=body))['id']}"
        granted(await root.post(f"{path}/approve", json={}))
        granted(await program.post(f"{path}/consume", json={"arguments": "{}"}))
        granted(await program.post(f"{path}/outcome", json={"outcome": "failed"}))

    await look_for_failures(house.house.database, SOURCES, utc_now())

    assert ["tool d1_execute"] == [each["subject"] for each in await ward.escalations()]
