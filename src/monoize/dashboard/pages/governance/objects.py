"""/objects: what lies in the buckets of one's tenant, as it was when each was last listed."""

from typing import Annotated, Final, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import BadCursor
from monoize.control.edge.wire import STORABLE, Page
from monoize.control.governance.actions import buckets
from monoize.control.governance.api.buckets import CURSOR_CHARS_MOST
from monoize.control.governance.model.inventory import ObjectFilter, Status
from monoize.dashboard.forms import Form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.governance.visit import OBJECTS, inventory_ways
from monoize.dashboard.render import next_address, render
from monoize.dashboard.session import Person, permitted

router = page_router()

_SHOWN: Final = 50
_STATES: Final = (
    ("", "Any"),
    ("active", "There"),
    ("stale", "Vanished"),
    ("orphaned", "Vanished long ago"),
)
_TONES: Final = {"active": "good", "stale": "warn", "orphaned": "off"}
Part = Annotated[str, Query(max_length=512), STORABLE]


@router.get(OBJECTS)
async def show(
    request: Request,
    house: HouseHere,
    person: Annotated[Person, permitted("objects.read")],
    bucket: Annotated[str, Query(max_length=63), STORABLE] = "",
    prefix: Part = "",
    contains: Part = "",
    suffix: Part = "",
    status: Annotated[Status | Literal[""], Query()] = "",
    cursor: Annotated[str | None, Query(max_length=CURSOR_CHARS_MOST)] = None,
) -> Response:
    after = None if cursor is None else buckets.place_of(cursor)
    if cursor is not None and after is None:
        raise BadCursor
    wanted = ObjectFilter(bucket or None, prefix or None, contains or None, suffix or None, status or None)
    async with house.database.read() as tx:
        found = await buckets.search(tx, person.call.principal, wanted, _SHOWN, after)
    filter = Form({"bucket": bucket, "prefix": prefix, "contains": contains, "suffix": suffix, "status": status})
    return render(
        request,
        "governance/objects.html",
        objects=found.items,
        as_of=found.as_of,
        is_filtered=any(filter.values.values()),
        filter=filter,
        states=_STATES,
        tones=_TONES,
        tabs=inventory_ways(person),
        next_address=next_address(request, OBJECTS, Page(found.items, found.next_cursor)),
    )
