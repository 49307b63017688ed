"""/api/audit: what was done, by whom, and whether the record of it is whole."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from monoize.base.principal import Call
from monoize.control.audit import actions
from monoize.control.audit.model import LogEntry, LogFilter
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, STORABLE, Instant, Page, Window
from monoize.infra.audit_log import Verdict

router = Router(prefix="/audit", tags=["audit"])

Exact = Annotated[str, Field(min_length=1, max_length=191), STORABLE]


@router.get("")
async def list_entries(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("audit.read")],
    action: Annotated[Exact | None, Query(description="An action, or a family such as `user`.")] = None,
    actor: Annotated[Exact | None, Query(description="Such as `user:alice` or `token:ci`.")] = None,
    target_type: Exact | None = None,
    target_id: Exact | None = None,
    since: Instant | None = None,
    until: Instant | None = None,
) -> Page[LogEntry]:
    wanted = LogFilter(action, actor, target_type, target_id, since, until)
    async with house.database.read() as tx:
        return await actions.list_entries(tx, window, wanted)


@router.get("/verification")
async def verify(
    house: HouseHere,
    call: Annotated[Call, requires("audit.read")],
    after: Annotated[int, Query(ge=0, le=BIG_INTEGER_MOST)] = 0,
) -> Verdict:
    """Check the next part of the hash chain; continue with `last_seq` until `complete`."""
    return await house.audit_log.verify(after=after)
