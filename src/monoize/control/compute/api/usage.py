"""/api/users/…/usage and …/overage-budget: what a month has used, and what may be spent beyond the plan."""

from typing import Annotated

from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.compute.actions import usage
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.wire import BudgetCents, UserRef, user_of
from monoize.control.compute.model.answers import MonthUsage, OverageBudget
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Wire

router = Router(prefix="/users", tags=["usage"])


class BudgetSet(Wire):
    budget_cents: BudgetCents


@router.get("/{user_id}/usage")
async def get_usage(
    user_id: UserRef, house: HouseHere, compute: ComputeHere, call: Annotated[Call, requires("self")]
) -> MonthUsage:
    """Of the present month (UTC): all machines together, and each by itself."""
    whose = user_of(call, user_id, "compute.read")
    async with house.database.read() as tx:
        return await usage.of_user(tx, whose, compute.drivers.metered, utc_now())


@router.get("/{user_id}/overage-budget")
async def get_overage_budget(
    user_id: UserRef, house: HouseHere, call: Annotated[Call, requires("self")]
) -> OverageBudget:
    whose = user_of(call, user_id, "compute.read")
    async with house.database.read() as tx:
        return await usage.budget_of(tx, whose, utc_now())


@router.put("/{user_id}/overage-budget", response_model=OverageBudget)
async def set_overage_budget(
    user_id: UserRef, body: BudgetSet, mutation: Annotated[Mutation, mutates("self")]
) -> Response:
    """For the present month. What was used beyond the old one is charged now, as far as this one goes."""
    whose, seal = user_of(mutation.call, user_id, "compute.write"), mutation.house.seal
    return await mutation.run(lambda change: usage.set_budget(change, seal, whose, body.budget_cents, utc_now()))
