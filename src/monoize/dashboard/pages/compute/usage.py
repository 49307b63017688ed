"""/plan: what one's month has used beside the plan, and how much more may be spent."""

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.compute.actions import plans, usage
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.usage import BudgetSet
from monoize.control.compute.services import Compute
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.dashboard.amounts import scaled, units
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.gauges import budget_of, cents, cpu_hours, gauges_of, gb_hours
from monoize.dashboard.page import page_router
from monoize.dashboard.render import render, see_other
from monoize.dashboard.session import Person, PersonHere

router = page_router()

_WRONG = "Use an amount in USD such as 25 or 12.50."


@router.get("/plan")
async def show(request: Request, house: HouseHere, compute: ComputeHere, person: PersonHere) -> Response:
    return await _show(request, house, compute, person, None)


@router.post("/plan/budget")
async def set_budget(request: Request, house: HouseHere, compute: ComputeHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            BudgetSet, {"budget_cents": _WRONG}, budget_cents=scaled(form, "budget_cents", 100, _WRONG, exact=True)
        )
        async with house.audit_log.change(person.call) as change:
            await usage.set_budget(change, house.seal, person.user_id, body.budget_cents, utc_now())
    except Refusal as refusal:
        return await _show(request, house, compute, person, form.refused(refusal))
    return see_other("/plan?done=budget_set")


async def _show(request: Request, house: House, compute: Compute, person: Person, form: Form | None) -> Response:
    async with house.database.read() as tx:
        month = await usage.of_user(tx, person.user_id, compute.drivers.metered, utc_now())
        plan = (await plans.plan_of_user(tx, person.user_id)).plan
    return render(
        request,
        "compute/plan.html",
        month=month,
        plan=plan,
        gauges=gauges_of(month),
        budget=budget_of(month),
        cents=cents,
        cpu_hours=cpu_hours,
        gb_hours=gb_hours,
        form=form or Form({"budget_cents": units(month.overage_budget_cents, 100)}),
        refusal=form.refusal if form else None,
    )
