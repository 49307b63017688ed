"""/api/telemetry/costs: what calls of providers cost us, to be held against their bills."""

import datetime as dt
from typing import Annotated, Final

from fastapi import Query

from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE
from monoize.control.telemetry.actions import calls
from monoize.control.telemetry.model.calls import PROVIDER_CHARS_MOST, Costs, Source

router: Final = Router(prefix="/telemetry", tags=["telemetry"])

Provider = Annotated[str, Query(max_length=PROVIDER_CHARS_MOST), STORABLE]
Measured = Annotated[
    Source, Query(description="`gateway`: what went through here; `reported`: what hosts say they used besides.")
]


@router.get("/costs")
async def list_costs(
    house: HouseHere,
    call: Annotated[Call, requires("ledger.read")],
    since: Annotated[dt.date, Query(description="The first day, in UTC.")],
    until: Annotated[dt.date, Query(description="The day after the last, at most 31 days later.")],
    provider: Provider | None = None,
    source: Measured = "gateway",
) -> Costs:
    """By provider, day and model, of all tenants together. Calls without a price are counted, not guessed at."""
    async with house.database.read() as tx:
        return await calls.costs(tx, since=since, until=until, provider=provider, source=source)
