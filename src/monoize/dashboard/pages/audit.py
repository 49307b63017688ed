"""/audit: what was done, newest first, and whether the record of it is whole."""

import datetime as dt
from typing import Annotated

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.control.audit import actions
from monoize.control.audit.model import LogFilter
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Window
from monoize.dashboard.forms import Form, invalid
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render
from monoize.dashboard.session import Person, permitted

router = page_router()

Wanted = Annotated[str, Query(max_length=191), STORABLE]
Reader = Annotated[Person, permitted("audit.read")]


@router.get("/audit")
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(number_window)],
    action: Wanted = "",
    actor: Wanted = "",
    target: Wanted = "",
    since: Wanted = "",
    until: Wanted = "",
) -> Response:
    kind, _, id = target.strip().partition(" ")
    wanted = LogFilter(
        action=action.strip() or None,
        actor=actor.strip() or None,
        target_type=kind or None,
        target_id=id.strip() or None,
        since=_day("since", since),
        until=_day("until", until, after=dt.timedelta(days=1)),
    )
    async with house.database.read() as tx:
        page = await actions.list_entries(tx, window, wanted)
    return render(
        request,
        "audit/log.html",
        entries=page.items,
        filter=Form({"action": action, "actor": actor, "target": target, "since": since, "until": until}),
        filtered=wanted != LogFilter(),
        next_address=next_address(request, "/audit", page),
    )


@router.get("/audit/verification")
async def verify(
    request: Request, house: HouseHere, person: Reader, after: Annotated[int, Query(ge=0, le=BIG_INTEGER_MOST)] = 0
) -> Response:
    """The next part of the hash chain, which takes as long as it is."""
    verdict = await house.audit_log.verify(after=after)
    return render(request, "audit/verification.html", verdict=verdict)


def _day(name: str, written: str, after: dt.timedelta = dt.timedelta()) -> dt.datetime | None:
    """The beginning of a day of UTC, and `after` later: the last day belongs to what is asked for."""
    if not written.strip():
        return None
    try:
        return dt.datetime.combine(dt.date.fromisoformat(written.strip()), dt.time(), dt.UTC) + after
    except (ValueError, OverflowError):
        raise invalid(**{name: "Use a day such as 2027-01-31."}) from None
