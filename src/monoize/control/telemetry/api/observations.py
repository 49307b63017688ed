"""/api/telemetry: agents report what they did and measured, with their own token, an API key or a named token."""

import dataclasses
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import Request
from pydantic import AfterValidator, Field

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.contract.events import ToolChoice
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE, Instant, Wire
from monoize.control.telemetry.actions import observations
from monoize.control.telemetry.actions.observations import Taken
from monoize.control.telemetry.model.calls import INTEGER_MOST, MODEL_CHARS_MOST, PROVIDER_CHARS_MOST
from monoize.control.telemetry.model.observations import (
    BATCH_MOST,
    KEY_CHARS_MOST,
    METADATA_BYTES_MOST,
    Observation,
)
from monoize.control.telemetry.services import telemetry_of

router: Final = Router(prefix="/telemetry", tags=["telemetry"])

Severity = Literal["debug", "info", "warning", "error", "critical"]
Word = Annotated[str, Field(min_length=1, max_length=64), STORABLE]
Name = Annotated[str, Field(min_length=1, max_length=191), STORABLE]
Tokens = Annotated[int, Field(ge=0, le=INTEGER_MOST)]


def _bounded(metadata: dict[str, Any]) -> dict[str, Any]:
    try:
        encoded = msgspec.json.encode(metadata)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("must be JSON") from None
    if len(encoded) > METADATA_BYTES_MOST:
        raise ValueError(f"has at most {METADATA_BYTES_MOST} bytes")
    return metadata


class ReportedEvent(Wire):
    """`agent_id` is for programs that report for an agent; an agent's own token says which one it is."""

    metric_type: Word
    metric_name: Annotated[str, Field(min_length=1, max_length=128), STORABLE]
    metric_value: Annotated[float, Field(allow_inf_nan=False)]
    timestamp: Annotated[Instant, Field(strict=False)] | None = None
    idempotency_key: Annotated[str, Field(min_length=1, max_length=KEY_CHARS_MOST), STORABLE] | None = None
    unit: Annotated[str, Field(min_length=1, max_length=32), STORABLE] | None = None
    severity: Severity = "info"
    agent_id: Word | None = None
    session_id: Name | None = None
    command_id: Word | None = None
    workspace_id: Word | None = None
    service_name: Name | None = None
    instance_id: Name | None = None
    location: Word | None = None
    trace_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    span_id: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] | None = None
    provider: Annotated[str, Field(min_length=1, max_length=PROVIDER_CHARS_MOST), STORABLE] | None = None
    model_used: Annotated[str, Field(min_length=1, max_length=MODEL_CHARS_MOST), STORABLE] | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    tool_choice: ToolChoice | None = None
    metadata: Annotated[dict[str, Any], AfterValidator(_bounded)] = Field(default_factory=dict)


class TelemetryReport(Wire):
    events: Annotated[list[ReportedEvent], Field(min_length=1, max_length=BATCH_MOST)]


@router.post("")
async def report(
    body: TelemetryReport,
    request: Request,
    house: HouseHere,
    call: Annotated[Call, requires("telemetry.write")],
) -> Taken:
    """Each event once: what has an `idempotency_key` that was reported before is only counted as known."""
    caller, now = call.principal, utc_now()
    await observations.check_pace(house.counters, caller)
    async with house.database.write() as tx:
        telemetry = telemetry_of(request)
        itself = await telemetry.agent_of(tx, caller)
        found = []
        for event in body.events:
            values = event.model_dump()
            at = values.pop("timestamp") or now
            told = Observation(**values, at=at)
            found.append(dataclasses.replace(told, agent_id=itself) if itself else told)
        named = {observation.agent_id for observation in found}
        policies = {agent_id: await telemetry.policy_of(tx, caller, agent_id) for agent_id in named}
        return await observations.report(tx, caller, found, policies, now)
