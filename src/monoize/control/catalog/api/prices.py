"""/api/prices: what providers charge us, since when and until when; setting, correcting and ending it."""

import dataclasses
from collections.abc import Awaitable
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.cost.price import Book, Kind
from monoize.base.principal import Call
from monoize.control.catalog.actions import audit, prices
from monoize.control.catalog.actions.audit import AuditReport
from monoize.control.catalog.actions.prices import Decided
from monoize.control.catalog.api.wire import (
    Correction,
    ModelName,
    Moment,
    PendingShown,
    PriceSet,
    PriceShown,
    Provider,
    pending_shown,
    price_shown,
)
from monoize.control.catalog.model.records import PriceFilter, PriceRecord
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Instant, Page, Uuid, Window, Wire

router = Router(prefix="/prices", tags=["prices"])


class PriceEnd(Wire):
    at: Moment


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """The price, if it was written; a steep change is `pending` until a second person confirms it."""

    price: PriceShown | None
    pending: PendingShown | None


@router.get("")
async def list_prices(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("prices.read")],
    provider: Provider | None = None,
    model_key: ModelName | None = None,
    kind: Kind | None = None,
    book: Book | None = None,
    at: Annotated[Instant | None, Query(description="The prices of this moment; of now if left out.")] = None,
) -> Page[PriceShown]:
    moment_s = int((at or utc_now()).timestamp())
    return await _page(
        house,
        window,
        PriceFilter(provider=provider, model_key=model_key, kind=kind, book=book, holding_at_s=moment_s),
    )


@router.get("/history")
async def history(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("prices.read")],
    provider: Provider,
    model_key: ModelName,
) -> Page[PriceShown]:
    """All prices of a model that there were, are and will be, with what was corrected."""
    return await _page(house, window, PriceFilter(provider=provider, model_key=model_key))


@router.get("/audit")
async def audit_prices(house: HouseHere, call: Annotated[Call, requires("prices.read")]) -> AuditReport:
    """What may be wrong with the prices that hold now."""
    async with house.database.read() as tx:
        return await audit.examine(tx)


@router.post("", status_code=201, response_model=Outcome)
async def set_price(body: PriceSet, mutation: Annotated[Mutation, mutates("prices.write")]) -> Response:
    proposal = body.proposal(utc_now())
    return await mutation.run(lambda change: _outcome(prices.set_price(change, proposal)), status=201)


@router.post("/{price_id}/corrections", status_code=201, response_model=Outcome)
async def correct_price(
    price_id: Uuid, body: Correction, mutation: Annotated[Mutation, mutates("prices.write")]
) -> Response:
    async with mutation.house.database.read() as tx:
        wrong = await prices.get_price(tx, price_id)
    proposal = body.proposal(wrong, utc_now())
    return await mutation.run(lambda change: _outcome(prices.set_price(change, proposal)), status=201)


@router.post("/{price_id}/end", response_model=PriceShown)
async def end_price(
    price_id: Uuid, body: PriceEnd, mutation: Annotated[Mutation, mutates("prices.write")]
) -> Response:
    """From then on the price is unknown, and the model's calls with it."""
    return await mutation.run(lambda change: _shown(prices.end_price(change, price_id, body.at)))


async def _page(house: HouseHere, window: Window, wanted: PriceFilter) -> Page[PriceShown]:
    async with house.database.read() as tx:
        page = await prices.list_prices(tx, window, wanted)
    return Page([price_shown(record) for record in page.items], page.next_cursor)


async def _outcome(deciding: Awaitable[Decided]) -> Outcome:
    decided = await deciding
    return Outcome(
        price_shown(decided.written) if decided.written else None,
        pending_shown(decided.waiting) if decided.waiting else None,
    )


async def _shown(writing: Awaitable[PriceRecord]) -> PriceShown:
    return price_shown(await writing)
