"""/agent-limits: how much agents of a role may do in a tenant, and how much of it is used."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import NotFound, Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import STORABLE, Uuid, Window
from monoize.control.governance.actions import limits, operations
from monoize.control.governance.api.here import GovernanceHere
from monoize.control.governance.api.limits import LimitsCreate, LimitsUpdate, OverrideCreate
from monoize.control.governance.model.limits import LIMIT_NAMES, AgentLimits, CounterUse
from monoize.control.governance.services import Governance
from monoize.control.identity.actions import tenants
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.dashboard.amounts import whole
from monoize.dashboard.charts import share
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.format import ago, count
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance import words
from monoize.dashboard.pages.governance.visit import LIMITS, Reader, Writer
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person
from monoize.infra.db import Tx

router = page_router()

Wanted = Annotated[str, STORABLE]
_ALL: Final = Window(200, None)
_EMPTY: Final = Form()
_LISTS: Final = ("allowed_operations", "blocked_operations")
_HOURS: Final = (("1", "An hour"), ("8", "Eight hours"), ("24", "A day"), ("168", "A week"))
_NUMBER: Final = "Use a whole number; leave it empty for no limit."
_EXPECTED: Final[Mapping[str, str]] = {
    "agent_role_id": "Use letters, digits, dots, dashes and underscores, 64 at most.",
    "cost_tier": "Choose one of these.",
    "tenant_id": "Choose one of these.",
    "allowed_operations": "Use names such as r2_get, or beginnings with a star, one on each line.",
    "blocked_operations": "Use names such as r2_put, or beginnings with a star, one on each line.",
    "allowed_tools": "Use names of tools, or beginnings with a star, one on each line.",
    "notes": "Use 4000 characters at most.",
    "limit_name": "Choose one of these.",
    "reason": "Say why, in 500 characters at most.",
    **dict.fromkeys((*LIMIT_NAMES, "value"), _NUMBER),
}


@router.get(LIMITS)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await limits.list_limits(tx, window)
        of_tenant = await _tenant_names(tx)
    return render(
        request,
        "governance/limits.html",
        limits=page.items,
        tenants=of_tenant,
        words=words,
        next_address=next_address(request, LIMITS, page),
    )


@router.get("/agent-limits/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    return await _new(request, house, Form({"cost_tier": "standard"}))


@router.post(LIMITS)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        names = ("agent_role_id", "cost_tier", "tenant_id")
        body = checked(LimitsCreate, _EXPECTED, **{name: form.text(name) for name in names})
        tenant_id = body.tenant_id or person.call.principal.tenant_id or DEFAULT_TENANT_ID
        async with house.audit_log.change(person.call) as change:
            made = await limits.create_limits(change, tenant_id, body.agent_role_id, body.cost_tier, {})
    except Refusal as refusal:
        return await _new(request, house, form.refused(refusal))
    return see_other(f"{LIMITS}/{made.id}?done=limits_created")


@router.get("/agent-limits/{limits_id}")
async def show_one(
    limits_id: Uuid, request: Request, house: HouseHere, governance: GovernanceHere, person: Reader
) -> Response:
    return await _show(request, house, governance, person, limits_id)


@router.post("/agent-limits/{limits_id}")
async def update(
    limits_id: Uuid, request: Request, house: HouseHere, governance: GovernanceHere, person: Writer
) -> Response:
    form = await read_form(request)
    try:
        body = checked(LimitsUpdate, _EXPECTED, **entered(form), version=whole(form, "version"))
        given = body.model_dump(exclude_unset=True, exclude={"version"})
        async with house.audit_log.change(person.call) as change:
            await limits.update_limits(change, limits_id, given, version=body.version)
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, governance, person, limits_id, form=form.refused(refusal))
    return see_other(f"{LIMITS}/{limits_id}?done=limits_saved")


@router.post("/agent-limits/{limits_id}/tier")
async def set_tier(limits_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    """It brings all of its values along."""
    form = await read_form(request)
    body = checked(LimitsUpdate, _EXPECTED, cost_tier=form.text("cost_tier"))
    if body.cost_tier is None:
        raise invalid(cost_tier="Choose one of these.")
    async with house.audit_log.change(person.call) as change:
        await limits.update_limits(change, limits_id, {"cost_tier": body.cost_tier})
    return see_other(f"{LIMITS}/{limits_id}?done=limits_saved")


@router.post("/agent-limits/{limits_id}/overrides")
async def override(
    limits_id: Uuid, request: Request, house: HouseHere, governance: GovernanceHere, person: Writer
) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            OverrideCreate,
            _EXPECTED,
            limit_name=form.text("limit_name"),
            value=whole(form, "value", _NUMBER),
            until=_until(form.shown("hours")),
            reason=form.text("reason"),
        )
        async with house.audit_log.change(person.call) as change:
            await limits.override_limit(
                change, limits_id, body.limit_name, body.value, until=body.until, reason=body.reason
            )
    except NotFound:
        raise
    except Refusal as refusal:
        return await _show(request, house, governance, person, limits_id, raising=form.refused(refusal))
    return see_other(f"{LIMITS}/{limits_id}?done=limit_raised")


@router.post("/agent-limits/{limits_id}/overrides/{override_id}/end")
async def end_override(limits_id: Uuid, override_id: Uuid, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await limits.end_override(change, limits_id, override_id)
    return see_other(f"{LIMITS}/{limits_id}?done=override_ended")


@router.get("/agent-limits/{limits_id}/delete")
async def ask_delete(limits_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, limits_id)))


@router.post("/agent-limits/{limits_id}/delete")
async def delete(limits_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, limits_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await limits.delete_limits(change, limits_id)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{LIMITS}?done=limits_deleted")


def entered(form: Form) -> dict[str, Any]:
    """An empty number is no limit, and no tools are named where those are left to the agent's record."""
    return {
        **{name: whole(form, name, _NUMBER) for name in LIMIT_NAMES},
        **{name: form.lines(name) for name in _LISTS},
        "allowed_tools": form.lines("allowed_tools") if form.text("limits_tools") else None,
        "notes": form.text("notes"),
    }


def shown(found: AgentLimits) -> Form:
    numbers = {name: getattr(found, name) for name in LIMIT_NAMES}
    return Form(
        {
            **{name: "" if value is None else str(value) for name, value in numbers.items()},
            **{name: "\n".join(getattr(found, name)) for name in _LISTS},
            "allowed_tools": "\n".join(found.allowed_tools or ()),
            "limits_tools": "" if found.allowed_tools is None else "yes",
            "notes": found.notes or "",
            "version": str(found.version),
            "cost_tier": found.cost_tier,
        }
    )


def meters(used: Sequence[CounterUse], now: dt.datetime) -> list[tuple[str, float, str]]:
    """For `ui.meter`, with when it begins anew: a day at midnight (UTC), a minute all the time."""
    midnight = (now + dt.timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    anew = {"day": f"anew {ago(midnight, now)}", "minute": "of the last 60 s"}
    titles = {str(name): title for name, title in words.LIMITS.items()}
    return [
        (
            titles.get(each.counter, each.counter),
            share(each.used, each.limit),
            f"{count(each.used)} of {count(each.limit)}, {anew.get(each.window, each.window)}",
        )
        for each in used
    ]


async def _show(
    request: Request,
    house: House,
    governance: Governance,
    person: Person,
    limits_id: str,
    *,
    form: Form | None = None,
    raising: Form = _EMPTY,
) -> Response:
    now = utc_now()
    async with house.database.read() as tx:
        found = await limits.get_limits(tx, limits_id)
        in_force = await limits.limits_in_force(tx, found.tenant_id, found.agent_role_id, now)
        overrides = await limits.list_overrides(tx, limits_id)
        of_tenant = await _tenant_names(tx)
    used = await operations.use(governance.quotas, found.tenant_id, found.agent_role_id, in_force)
    form = form or shown(found)
    return render(
        request,
        "governance/limit.html",
        found=found,
        tenant=of_tenant.get(found.tenant_id, found.tenant_id),
        meters=meters(used, now),
        overrides=overrides,
        form=form,
        raising=raising,
        refusal=form.refusal or raising.refusal,
        hours=_HOURS,
        words=words,
    )


async def _new(request: Request, house: House, form: Form) -> Response:
    async with house.database.read() as tx:
        of_tenant = await _tenant_names(tx)
    return render(
        request,
        "governance/limit_new.html",
        form=form,
        refusal=form.refusal,
        tenants=list(of_tenant.items()),
        words=words,
    )


def _until(hours: str) -> str:
    if hours not in dict(_HOURS):
        raise invalid(hours="Choose one of these.")
    return (utc_now() + dt.timedelta(hours=int(hours))).isoformat()


def _doomed(found: AgentLimits) -> Doomed:
    gone = "The role has the tier free from then on, and loses what it was given for a while."
    here = f"{LIMITS}/{found.id}"
    return Doomed("role", found.agent_role_id, gone, f"{here}/delete", here, verb="Delete the limits of")


async def _find(house: House, limits_id: str) -> AgentLimits:
    async with house.database.read() as tx:
        return await limits.get_limits(tx, limits_id)


async def _tenant_names(tx: Tx) -> Mapping[str, str]:
    return {tenant.id: tenant.name for tenant in (await tenants.list_tenants(tx, _ALL)).items}
