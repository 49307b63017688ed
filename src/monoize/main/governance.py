"""What governance keeps beside its tables, put together: counters of limits, a second factor, ways to people."""

import contextlib
from collections.abc import AsyncIterator

from monoize.base.ids import new_id
from monoize.control.edge.house import House
from monoize.control.governance.actions.escalations import SOURCES
from monoize.control.governance.actions.health import Examiner
from monoize.control.governance.actions.health_checks import CHECKS
from monoize.control.governance.actions.notifications import Notifier
from monoize.control.governance.actions.syncing import Syncer
from monoize.control.governance.model.health import AgentHealth
from monoize.control.governance.model.records import AgentRecord
from monoize.control.governance.services import Governance
from monoize.control.identity.services import Identity
from monoize.control.telemetry.actions import events
from monoize.control.telemetry.model.events import Event
from monoize.gateway.govern.rehearsal import Rehearsal
from monoize.gateway.upstream.client import Client
from monoize.infra.db import Tx
from monoize.infra.quotas import Quotas
from monoize.main.outside import OutsideWorld
from monoize.main.second_factor import PasswordAgain
from monoize.main.webhooks import PublicWebhooks


@contextlib.asynccontextmanager
async def open_governance(house: House, identity: Identity, quotas: Quotas) -> AsyncIterator[Governance]:
    client = Client()
    notifier = Notifier(
        house.database,
        house.audit_log,
        house.seal,
        identity.mailer,
        PublicWebhooks(client),
        house.settings.public_url,
    )
    outside = OutsideWorld(client)
    syncer = Syncer(house.database, house.seal, outside)
    try:
        yield Governance(
            *(quotas, PasswordAgain(house, identity), notifier, _examiner(house), SOURCES, outside, syncer),
            gates=Rehearsal(),
        )
    finally:
        await syncer.stop()
        await client.close()


def _examiner(house: House) -> Examiner:
    return Examiner(
        house.database,
        house.audit_log,
        house.seal,
        CHECKS,
        _told_to_telemetry,
        pauses=house.settings.pause_unhealthy_agents,
    )


async def _told_to_telemetry(tx: Tx, record: AgentRecord, health: AgentHealth) -> None:
    event = Event(
        id=new_id(),
        tenant_id=record.tenant_id,
        config_id=record.id,
        role_name=record.role_name,
        metric_type="health",
        metric_name="check",
        metric_value=float(health.state == "healthy"),
        unit="healthy",
        severity="error" if health.failures else "info",
        at_ms=int(health.checked_at.timestamp() * 1000),
        metadata={"state": health.state, "failures": health.failures, "last_error": health.last_error},
    )
    await events.record(tx, event)
