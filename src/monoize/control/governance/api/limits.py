"""/api/agent-limits: how much agents of a role may do in a tenant."""

from typing import Annotated, Final

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.contract.limits import PRESETS, CostTier, LimitName
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import STORABLE, Page, Uuid, Window, Wire
from monoize.control.governance.actions import limits
from monoize.control.governance.api.names import OperationGlob, Reason, RoleName, ToolGlob, Until
from monoize.control.governance.model.limits import AgentLimits, LimitOverride, Preset, preset
from monoize.control.identity.model import DEFAULT_TENANT_ID

router = Router(prefix="/agent-limits", tags=["agent limits"])

LIST_MOST: Final = 200
LIMIT_MOST: Final = 2**31 - 1

Limit = Annotated[int, Field(ge=0, le=LIMIT_MOST)]
Operations = Annotated[list[OperationGlob], Field(max_length=LIST_MOST)]
Tools = Annotated[list[ToolGlob], Field(max_length=LIST_MOST)]
Notes = Annotated[str, Field(min_length=1, max_length=4000), STORABLE]


class LimitValues(Wire):
    """0 allows nothing, null is without limit; `allowed_tools` null leaves tools to the agent's own record."""

    max_ai_calls_per_day: Limit | None = None
    max_tokens_per_request: Limit | None = None
    max_d1_queries_per_minute: Limit | None = None
    max_r2_operations_per_day: Limit | None = None
    rate_limit_per_minute: Limit | None = None
    max_concurrent: Limit | None = None
    allowed_operations: Operations | None = None
    blocked_operations: Operations | None = None
    allowed_tools: Tools | None = None
    notes: Notes | None = None


class LimitsCreate(LimitValues):
    """What is not sent has the value of the tier."""

    agent_role_id: RoleName
    cost_tier: CostTier = "free"
    tenant_id: Uuid | None = None


class LimitsUpdate(LimitValues):
    """Only what is sent changes; a `cost_tier` brings its values along. With `version`, only if it still is."""

    cost_tier: CostTier | None = None
    version: Annotated[int, Field(ge=1, le=LIMIT_MOST)] | None = None


class OverrideCreate(Wire):
    """Null lifts the limit."""

    limit_name: LimitName
    value: Limit | None
    until: Until
    reason: Reason


_CLEARABLE: Final = frozenset(LimitValues.model_fields) - {"allowed_operations", "blocked_operations"}


@router.get("")
async def list_limits(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("governance.read")],
    tenant_id: Annotated[Uuid | None, Query(description="Only those of this tenant.")] = None,
    agent_role_id: Annotated[RoleName | None, Query(description="Only those of this role.")] = None,
) -> Page[AgentLimits]:
    async with house.database.read() as tx:
        return await limits.list_limits(tx, window, tenant_id=tenant_id, role=agent_role_id)


@router.get("/presets")
async def list_presets(call: Annotated[Call, requires("governance.read")]) -> Page[Preset]:
    """The values of each tier. A role of which nothing is said has those of `free`."""
    return Page([preset(tier) for tier in PRESETS], None)


@router.post("", status_code=201, response_model=AgentLimits)
async def create_limits(body: LimitsCreate, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    given = body.sent(clearable=_CLEARABLE | {"tenant_id"})
    tenant_id = given.pop("tenant_id", None) or mutation.call.principal.tenant_id or DEFAULT_TENANT_ID
    role, tier = given.pop("agent_role_id"), given.pop("cost_tier", body.cost_tier)
    return await mutation.run(lambda change: limits.create_limits(change, tenant_id, role, tier, given), status=201)


@router.get("/{limits_id}")
async def get_limits(
    limits_id: Uuid, house: HouseHere, call: Annotated[Call, requires("governance.read")]
) -> AgentLimits:
    async with house.database.read() as tx:
        return await limits.get_limits(tx, limits_id)


@router.patch("/{limits_id}", response_model=AgentLimits)
async def update_limits(
    limits_id: Uuid, body: LimitsUpdate, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    given = body.sent(clearable=_CLEARABLE)
    version = given.pop("version", None)
    return await mutation.run(lambda change: limits.update_limits(change, limits_id, given, version=version))


@router.delete("/{limits_id}", status_code=204)
async def delete_limits(limits_id: Uuid, mutation: Annotated[Mutation, mutates("governance.write")]) -> Response:
    return await mutation.run(lambda change: limits.delete_limits(change, limits_id))


@router.get("/{limits_id}/overrides")
async def list_overrides(
    limits_id: Uuid, house: HouseHere, call: Annotated[Call, requires("governance.read")]
) -> Page[LimitOverride]:
    """Those that hold now."""
    async with house.database.read() as tx:
        return Page(await limits.list_overrides(tx, limits_id), None)


@router.post("/{limits_id}/overrides", status_code=201, response_model=LimitOverride)
async def override_limit(
    limits_id: Uuid, body: OverrideCreate, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    return await mutation.run(
        lambda change: limits.override_limit(
            change, limits_id, body.limit_name, body.value, until=body.until, reason=body.reason
        ),
        status=201,
    )


@router.delete("/{limits_id}/overrides/{override_id}", status_code=204)
async def end_override(
    limits_id: Uuid, override_id: Uuid, mutation: Annotated[Mutation, mutates("governance.write")]
) -> Response:
    return await mutation.run(lambda change: limits.end_override(change, limits_id, override_id))
