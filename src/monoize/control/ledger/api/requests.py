"""/api/requests: what was asked of models, one's own; with the permission everybody's, and what lies behind it."""

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.owners import Everybody, Whose, owner
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import moment_window
from monoize.control.edge.wire import PAGE_MOST, STORABLE, Instant, Page, Uuid
from monoize.control.ledger.actions import requests
from monoize.control.ledger.model.entries import REQUEST_ID_CHARS_MOST
from monoize.control.ledger.model.requests import (
    MODEL_CHARS_MOST,
    Explanation,
    LoggedRequest,
    RequestFilter,
    Status,
)

router = Router(prefix="/requests", tags=["requests"])

RequestId = Annotated[str, Field(min_length=1, max_length=REQUEST_ID_CHARS_MOST), STORABLE]
Model = Annotated[str, Field(min_length=1, max_length=MODEL_CHARS_MOST), STORABLE]


class RequestQuery(BaseModel):
    """An unknown field is refused, so that a misspelt filter cannot be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    limit: Annotated[int, Field(ge=1, le=PAGE_MOST)] = 50
    cursor: Annotated[str | None, Field(max_length=100)] = None
    user_id: Whose = None
    everybody: Everybody = False
    key_id: Uuid | None = None
    model: Model | None = None
    status: Status | None = None
    request_id: RequestId | None = None
    since: Instant | None = None
    until: Instant | None = None


@router.get("")
async def list_requests(
    house: HouseHere, call: Annotated[Call, requires("self.read")], query: Annotated[RequestQuery, Query()]
) -> Page[LoggedRequest]:
    """Newest first."""
    wanted = RequestFilter(
        user_id=owner(call, query.user_id, everybody=query.everybody),
        api_key_id=query.key_id,
        model=query.model,
        status=query.status,
        request_id=query.request_id,
        since=query.since,
        until=query.until,
    )
    window = moment_window(query.limit, query.cursor)
    async with house.database.read() as tx:
        return await requests.list_requests(tx, window, wanted)


@router.get("/{request_id}")
async def explain(
    request_id: Annotated[RequestId, Path()], house: HouseHere, call: Annotated[Call, requires("self.read")]
) -> Explanation:
    """One request by the id that its answer carried: who tried to answer it, and how its charge came about."""
    async with house.database.read() as tx:
        return await requests.explain(tx, house.seal, call.principal, request_id)
