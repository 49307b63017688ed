"""/api/fleet/usage: what hosts report that their tools used, and what it would have cost."""

import datetime as dt
from typing import Annotated

from fastapi import Depends, Query

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Page, Window
from monoize.control.fleet.actions import usage_overview
from monoize.control.fleet.model.hosts import FQDN_MOST
from monoize.control.fleet.model.usage import Ingest
from monoize.control.fleet.model.usage_overview import Overview, UsageDays, Whose

router = Router(prefix="/usage", tags=["fleet"])

_DAY = dt.timedelta(days=1)
_NAME = r"^[A-Za-z0-9._-]+$"


def _whose(
    host: Annotated[
        str | None, Query(min_length=1, max_length=FQDN_MOST, pattern=_NAME, description="One host, by name or id.")
    ] = None,
    pool: Annotated[
        str | None, Query(min_length=1, max_length=64, pattern=_NAME, description="The hosts of one pool.")
    ] = None,
) -> Whose:
    return Whose(host, pool)


WhoseHere = Annotated[Whose, Depends(_whose)]
Reader = Annotated[Call, requires("fleet.read")]


@router.get("")
async def list_usage(
    house: HouseHere, window: Annotated[Window, Depends(number_window)], whose: WhoseHere, call: Reader
) -> Page[Ingest]:
    """What came in together, newest first."""
    async with house.database.read() as tx:
        return await usage_overview.list_ingests(tx, window, whose)


@router.get("/overview")
async def show_overview(house: HouseHere, whose: WhoseHere, call: Reader) -> Overview:
    """Today, this week, this month and all time, with the hosts that used most this month."""
    async with house.database.read() as tx:
        return await usage_overview.overview(tx, whose, utc_now())


@router.get("/days")
async def list_days(
    house: HouseHere,
    whose: WhoseHere,
    call: Reader,
    since: Annotated[
        dt.date | None, Query(description="The first day, in UTC; 30 days before `until` when not given.")
    ] = None,
    until: Annotated[
        dt.date | None, Query(description="The day after the last, at most 400 later; tomorrow when not given.")
    ] = None,
) -> UsageDays:
    """Day by day, from the first on which anything was used."""
    async with house.database.read() as tx:
        return await usage_overview.days(tx, whose, since, until or utc_now().date() + _DAY)
