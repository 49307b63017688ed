"""/api/plans: what people may have; administrators write them, everybody reads their own. /api/users/…/plan."""

from typing import Annotated

from fastapi import Depends
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.compute.actions import plans, presets
from monoize.control.compute.actions.plans import OnPlan
from monoize.control.compute.api.wire import (
    Amount,
    Count,
    NamedPlan,
    PlanName,
    PlanRef,
    PresetRef,
    RateCents,
    UserRef,
    user_of,
)
from monoize.control.compute.model.plans import Plan, Preset
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Window, Wire

router = Router(prefix="/plans", tags=["plans"])
of_users = Router(prefix="/users", tags=["plans"])


class PlanTerms(Wire):
    """What is not said is 100 GB of traffic, 50 GB of storage for each machine, 100 hours of CPU, free overage."""

    max_bandwidth_bytes: Amount | None = None
    max_storage_bytes: Amount | None = None
    max_cpu_ms: Amount | None = None
    max_memory_mb_seconds: Amount | None = None
    overage_bandwidth_cost_per_gb_cents: RateCents | None = None
    overage_cpu_cost_per_hour_cents: RateCents | None = None
    overage_memory_cost_per_gb_hour_cents: RateCents | None = None


class PlanCreate(PlanTerms):
    name: PlanName
    max_agents: Count
    max_vpses: Count


class PlanUpdate(PlanTerms):
    name: PlanName | None = None
    max_agents: Count | None = None
    max_vpses: Count | None = None


class PlanChoice(Wire):
    """Null takes the user off every plan."""

    plan: NamedPlan | None


@router.get("")
async def list_plans(
    house: HouseHere, window: Annotated[Window, Depends(uuid_window)], call: Annotated[Call, requires("self")]
) -> Page[Plan]:
    """One's own; with `compute.read` all of them."""
    async with house.database.read() as tx:
        return await plans.list_plans(tx, call.principal, window)


@router.post("", status_code=201, response_model=Plan)
async def create_plan(body: PlanCreate, mutation: Annotated[Mutation, mutates("compute.write")]) -> Response:
    values = body.model_dump(exclude_none=True)
    return await mutation.run(lambda change: plans.create_plan(change, values), status=201)


@router.get("/{plan}")
async def get_plan(plan: PlanRef, house: HouseHere, call: Annotated[Call, requires("self")]) -> Plan:
    async with house.database.read() as tx:
        return await plans.get_plan(tx, call.principal, plan)


@router.patch("/{plan}", response_model=Plan)
async def update_plan(
    plan: PlanRef, body: PlanUpdate, mutation: Annotated[Mutation, mutates("compute.write")]
) -> Response:
    values = body.sent()
    return await mutation.run(lambda change: plans.update_plan(change, plan, values))


@router.delete("/{plan}", status_code=204)
async def delete_plan(plan: PlanRef, mutation: Annotated[Mutation, mutates("compute.write")]) -> Response:
    return await mutation.run(lambda change: plans.delete_plan(change, plan))


@router.get("/{plan}/vps-configs")
async def list_plan_presets(
    plan: PlanRef,
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("self")],
) -> Page[Preset]:
    async with house.database.read() as tx:
        return await presets.list_presets(tx, call.principal, window, plan=plan)


@router.put("/{plan}/vps-configs/{preset}", status_code=204)
async def link_preset(
    plan: PlanRef, preset: PresetRef, mutation: Annotated[Mutation, mutates("compute.write")]
) -> Response:
    return await mutation.run(lambda change: presets.link(change, plan, preset))


@router.delete("/{plan}/vps-configs/{preset}", status_code=204)
async def unlink_preset(
    plan: PlanRef, preset: PresetRef, mutation: Annotated[Mutation, mutates("compute.write")]
) -> Response:
    return await mutation.run(lambda change: presets.unlink(change, plan, preset))


@of_users.get("/{user_id}/plan")
async def get_user_plan(user_id: UserRef, house: HouseHere, call: Annotated[Call, requires("self")]) -> OnPlan:
    whose = user_of(call, user_id, "compute.read")
    async with house.database.read() as tx:
        return await plans.plan_of_user(tx, whose)


@of_users.put("/{user_id}/plan", response_model=OnPlan)
async def set_user_plan(
    user_id: UserRef, body: PlanChoice, mutation: Annotated[Mutation, mutates("compute.write")]
) -> Response:
    whose = user_of(mutation.call, user_id, "compute.write")
    return await mutation.run(lambda change: plans.assign(change, whose, body.plan))
