"""SQL of events that cost nothing: what only calls of models have stays unknown, whatever the table would claim."""

import msgspec
from sqlalchemy import insert

from monoize.control.telemetry.model.events import Event
from monoize.control.telemetry.store.observations import UNKNOWN
from monoize.control.telemetry.tables import agent_telemetry
from monoize.infra.db import Tx


async def add(tx: Tx, event: Event) -> None:
    await tx.execute(
        insert(agent_telemetry).values(
            id=event.id,
            tenant_id=event.tenant_id,
            config_id=event.config_id,
            role_name=event.role_name,
            metric_type=event.metric_type,
            metric_name=event.metric_name,
            metric_value=event.metric_value,
            unit=event.unit,
            severity=event.severity,
            timestamp=event.at_ms,
            metadata_json=msgspec.json.encode(event.metadata).decode(),
            **UNKNOWN,
        )
    )
