"""/pools: which hosts share a credential, on what terms, and how its account's allowance stands."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window, uuid_window
from monoize.control.edge.wire import Window
from monoize.control.fleet.actions import history, pools, quota, renewal, seed_links, validation
from monoize.control.fleet.api.here import FleetHere
from monoize.control.fleet.api.pools import PoolCreate, PoolUpdate
from monoize.control.fleet.api.wire import PoolRef
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, Pool
from monoize.control.fleet.model.quota import PoolQuota
from monoize.dashboard.amounts import whole
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.fleet.quotas import HISTORY_DAYS, history_chart, quota_meters
from monoize.dashboard.pages.fleet.visit import POOLS, Reader, Writer, base_url
from monoize.dashboard.pages.fleet.words import MODES, ORIGINS, REASONS, VALIDATIONS, VERDICTS
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person

router = page_router()

_FIRST: Final = Window(20, None)
_TOOLS: Final = (("codex", "Codex"), ("claude", "Claude Code"), ("gemini", "Gemini CLI"))
_PARTITIONS: Final = (("0", "No"), ("5", "Into five days"), ("7", "Into seven days"))
_NUMBERS: Final = ("payloads_kept", "inactivity_days", "quota_limit_percent", "quota_week_partition")
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use lower-case letters, digits, dots, dashes and underscores, 64 at most.",
    "tool": "Choose one of these.",
    "mode": "Choose one of these.",
    "validation": "Choose one of these.",
    "payloads_kept": "Use a number from 1 to 1000.",
    "inactivity_days": "Use days, 3650 at most; 0 keeps silent hosts.",
    "quota_limit_percent": "Use a number from 50 to 100.",
    "quota_week_partition": "Choose one of these.",
    "client_version": "Use a version such as 0.61.0.",
}


@router.get(POOLS)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await pools.list_pools(tx, window)
        quotas = {each.pool_id: each for each in await quota.all_quotas(tx, utc_now())}
    return render(
        request,
        "fleet/pools.html",
        pools=page.items,
        quotas=quotas,
        verdicts=VERDICTS,
        modes=MODES,
        next_address=next_address(request, POOLS, page),
    )


@router.get("/pools/new")
async def ask(request: Request, person: Writer) -> Response:
    return _new(request, Form({"tool": "codex", "mode": "hub"}))


@router.post(POOLS)
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            PoolCreate, _EXPECTED, name=form.text("name"), tool=form.text("tool"), mode=form.text("mode")
        )
        async with house.audit_log.change(person.call) as change:
            made = await pools.create_pool(change, body.model_dump(exclude_none=True))
    except Refusal as refusal:
        return _new(request, form.refused(refusal))
    return see_other(f"/pools/{made.id}?done=pool_created")


@router.get("/pools/{pool}")
async def show_one(
    pool: PoolRef,
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
) -> Response:
    return await show_pool(request, house, person, pool, window)


@router.post("/pools/{pool}")
async def update(pool: PoolRef, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        entered: dict[str, Any] = {name: whole(form, name, _EXPECTED[name]) for name in _NUMBERS}
        entered |= {name: form.text(name) for name in ("name", "tool", "mode", "validation", "client_version")}
        entered |= {name: bool(form.shown(name)) for name in ("quota_hard_fail", "silent")}
        body = checked(PoolUpdate, _EXPECTED, **entered)
        async with house.audit_log.change(person.call) as change:
            await pools.update_pool(change, pool, body.sent(clearable={"client_version"}))
    except Refusal as refusal:
        return await show_pool(request, house, person, pool, _FIRST, settings=form.refused(refusal))
    return see_other(f"/pools/{pool}?done=pool_saved")


@router.post("/pools/{pool}/seed-link")
async def offer_seed_link(pool: PoolRef, request: Request, house: HouseHere, person: Writer) -> Response:
    """Shown once: whoever runs it gives the pool its login."""
    address = base_url(request, house)
    async with house.audit_log.change(person.call) as change:
        link = await seed_links.offer(change, pool, address)
    found = await _find(house, pool)
    return render(request, "fleet/seed_link.html", status=201, pool=found, link=link)


@router.post("/pools/{pool}/validate")
async def validate(pool: PoolRef, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await validation.ask_for(change, pool)
    return see_other(f"/pools/{pool}?done=validation_asked")


@router.post("/pools/{pool}/renew")
async def renew(pool: PoolRef, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await renewal.ask_for(change, pool)
    return see_other(f"/pools/{pool}?done=renewal_asked")


@router.post("/pools/{pool}/quota")
async def refresh_quota(pool: PoolRef, house: HouseHere, fleet: FleetHere, person: Writer) -> Response:
    """Ask the account now. Whoever asked less than five minutes ago is told what was said then."""
    found, may_ask = await quota.to_ask(house.database, pool, utc_now())
    snapshot = await quota.asked(house, fleet.account_usage, found) if may_ask else None
    async with house.audit_log.change(person.call) as change:
        await quota.keep(change, found, snapshot)
    return see_other(f"/pools/{pool}?done=quota_asked")


@router.get("/pools/{pool}/delete")
async def ask_delete(pool: PoolRef, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, pool)))


@router.post("/pools/{pool}/delete")
async def delete(pool: PoolRef, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, pool))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await pools.delete_pool(change, pool)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{POOLS}?done=pool_deleted")


async def show_pool(
    request: Request,
    house: House,
    person: Person,
    named: str,
    window: Window,
    *,
    settings: Form | None = None,
    upload: Form | None = None,
) -> Response:
    """The page of one pool, with what was refused in one of its forms."""
    async with house.database.read() as tx:
        pool = await pools.get_pool(tx, named)
        standing = await history.standing(tx, house.seal, named)
        page = await history.list_payloads(tx, named, window)
        allowance: PoolQuota = await quota.pool_quota(tx, named, utc_now())
        points = await quota.history(tx, named, utc_now() - dt.timedelta(days=HISTORY_DAYS))
        runner = await validation.state_of(tx, pool)
    return render(
        request,
        "fleet/pool.html",
        pool=pool,
        is_default=pool.id == DEFAULT_POOL_ID,
        standing=standing,
        payloads=page.items,
        origins=ORIGINS,
        allowance=allowance.standing,
        meters=quota_meters(allowance.standing),
        quota_chart=history_chart(points, utc_now().date()) if points else None,
        verdicts=VERDICTS,
        reasons=REASONS,
        runner=runner,
        settings=settings or _kept(pool),
        upload=upload or Form(),
        refusal=next((each.refusal for each in (settings, upload) if each), None),
        **_choices(),
        may_change=person.may("fleet.write"),
        next_address=next_address(request, f"/pools/{named}", page),
    )


def _choices() -> dict[str, Any]:
    return {
        "tools": _TOOLS,
        "modes": tuple(MODES.items()),
        "validations": tuple(VALIDATIONS.items()),
        "partitions": _PARTITIONS,
    }


def _kept(pool: Pool) -> Form:
    switches = {name: "yes" if getattr(pool, name) else "" for name in ("quota_hard_fail", "silent")}
    texts = {name: getattr(pool, name) or "" for name in ("name", "tool", "mode", "validation", "client_version")}
    return Form({**texts, **switches, **{name: str(getattr(pool, name)) for name in _NUMBERS}})


def _doomed(pool: Pool) -> Doomed:
    gone = "Every credential that it ever had is destroyed. A pool that has hosts stays."
    at = f"/pools/{pool.id}"
    return Doomed("pool", pool.name, gone, f"{at}/delete", at)


def _new(request: Request, form: Form) -> Response:
    return render(request, "fleet/pool_new.html", form=form, refusal=form.refusal, **_choices())


async def _find(house: House, named: str) -> Pool:
    async with house.database.read() as tx:
        return await pools.get_pool(tx, named)
