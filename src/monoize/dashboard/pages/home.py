"""/ : what it costs, how it goes, what runs, and what waits for a human. Figures keep up while somebody looks."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.contract.upstreams import Condition
from monoize.control.catalog.api.upstreams import ConditionsHere
from monoize.control.compute.actions import power
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.services import Compute
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import PAGE_MOST, Page, Window
from monoize.control.fleet.actions import hosts
from monoize.control.fleet.actions.hosts import HostFilter
from monoize.control.identity.actions import keys, users
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.services import public_address
from monoize.control.ledger.actions import requests, statements
from monoize.control.ledger.model.requests import RequestFilter
from monoize.control.projects.actions import services
from monoize.control.telemetry.actions import calls, usage
from monoize.control.telemetry.model.queries import Usage, UsageFilter
from monoize.dashboard import spending
from monoize.dashboard.attention import waiting_for
from monoize.dashboard.budgets import budgets_of
from monoize.dashboard.live import live_part
from monoize.dashboard.page import page_router
from monoize.dashboard.render import part, render
from monoize.dashboard.session import Person, PersonHere
from monoize.dashboard.spending import Spending
from monoize.infra.db import Tx

router = page_router()

_EVERY_S: Final = 5.0
_NEWEST_SHOWN: Final = 8
_ALL: Final = Window(PAGE_MOST, None)
_ONE: Final = Window(1, None)


@dataclasses.dataclass(frozen=True, slots=True)
class Running:
    what: str
    number: str
    href: str


@router.get("/")
async def show(
    request: Request,
    house: HouseHere,
    identity: IdentityHere,
    compute: ComputeHere,
    person: PersonHere,
    conditions: ConditionsHere,
) -> Response:
    async with house.database.read() as tx:
        owned = await keys.list_keys(tx, _ONE, user_id=person.user_id)
        shown = await _figures(tx, house, compute, person, conditions)
    return render(
        request,
        "home/home.html",
        has_keys=bool(owned.items),
        mail_configured=identity.mailer.configured,
        address=public_address(request, house),
        **shown,
    )


@router.get("/home/live")
async def follow(
    request: Request, house: HouseHere, compute: ComputeHere, person: PersonHere, conditions: ConditionsHere
) -> Response:
    async def shown() -> str:
        async with house.database.read() as tx:
            return part("home/figures.html", **await _figures(tx, house, compute, person, conditions))

    return live_part(request, person, shown, every_s=_EVERY_S)


async def _figures(
    tx: Tx, house: House, compute: Compute, person: Person, conditions: Mapping[str, Condition]
) -> dict[str, Any]:
    newest = await requests.list_requests(tx, Window(_NEWEST_SHOWN, None), RequestFilter(user_id=person.whose()))
    return {
        "sees_all": person.whose() is None,
        "user": await users.get_user(tx, person.user_id),
        "spending": await _spending(tx, person),
        "today": await _today(tx, person),
        "running": await _running(tx, person),
        "newest": newest.items,
        "budgets": await budgets_of(tx, person, compute),
        "waiting": await waiting_for(tx, house, person, conditions),
    }


async def _today(tx: Tx, person: Person) -> Usage:
    whose = person.whose()
    wanted: UsageFilter = {} if whose is None else {"user_id": whose}
    return (await usage.summary(tx, wanted, utc_now(), sees_behind=whose is None)).today


async def _spending(tx: Tx, person: Person) -> Spending:
    today = utc_now().date()
    since, until = spending.first_day(today), today + dt.timedelta(days=1)
    if person.whose() is None:
        costs = await calls.costs(tx, since=since, until=until)
        return spending.added_up(spending.cost(costs.items), today, "Cost by provider, 30 days")
    sums = await statements.sums_by_day(tx, person.user_id, since=since, until=until)
    return spending.added_up(spending.charged(sums.items), today, "Charges, 30 days")


async def _running(tx: Tx, person: Person) -> list[Running]:
    machines = await power.list_machines(
        tx, _ALL, user_id=None if person.may("compute.read") else person.user_id, state="running"
    )
    running = [Running("Machines running", _number(machines), "/machines")]
    if person.may("projects.read"):
        found = await services.list_services(
            tx, _ALL, project_id=None, visible=person.call.principal.projects, name=None
        )
        up = Page([one for one in found.items if one.observed_state == "running"], found.next_cursor)
        running.append(Running("Services running", _number(up), "/services"))
    if person.may("fleet.read"):
        active = await hosts.list_hosts(tx, _ALL, HostFilter(status="active"))
        running.append(Running("Hosts", _number(active), "/hosts"))
    return running


def _number(page: Page[Any]) -> str:
    return f"{len(page.items)}{'+' if page.next_cursor else ''}"
