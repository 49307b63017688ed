"""/models: what callers may ask for, who serves it in which order, and what it costs."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.cost.price import Price
from monoize.base.errors import NotFound
from monoize.control.catalog.actions import prices, providers, sheets
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.catalog.api.upstreams import ConditionsHere
from monoize.control.catalog.api.wire import price_shown
from monoize.control.catalog.model.records import ModelKey, PriceFilter, PriceRecord
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import PAGE_MOST, STORABLE, Window
from monoize.dashboard.forms import Form
from monoize.dashboard.offers import Offered, offered, ordinary_price
from monoize.dashboard.page import page_router
from monoize.dashboard.price_history import history_chart
from monoize.dashboard.render import render
from monoize.dashboard.session import Person, permitted
from monoize.infra.db import Tx

router = page_router()

Reader = Annotated[Person, permitted("providers.read")]
Text = Annotated[str, Query(max_length=191), STORABLE]

SHOWN_MOST: Final = 200
_UNPRICED: Final = "unpriced"
_BOOKS_SHOWN_MOST: Final = 6


def _asked(name: Text = "", provider: Text = "", price: Text = "") -> Form:
    return Form({"name": name.strip(), "provider": provider, "price": price})


@router.get("/models")
async def show(
    request: Request, house: HouseHere, person: Reader, asked: Annotated[Form, Depends(_asked)]
) -> Response:
    async with house.database.read() as tx:
        views = await _every_provider(tx, house)
        every = offered(views)
        found = [model for model in every.values() if _is_wanted(model, asked)]
        costs = await _prices(tx, found[:SHOWN_MOST])
    return render(
        request,
        "catalog/models.html",
        models=found[:SHOWN_MOST],
        more=max(len(found) - SHOWN_MOST, 0),
        prices=costs,
        unpriced=sum(model.is_unpriced for model in every.values()),
        filter=asked,
        filtered=any(asked.values.values()),
        choices=[("", "All providers"), *((view.record.name, view.record.name) for view in views)],
    )


@router.get("/models/{name:path}")
async def show_one(
    name: Annotated[str, Path(max_length=191)],
    request: Request,
    house: HouseHere,
    person: Reader,
    conditions: ConditionsHere,
) -> Response:
    async with house.database.read() as tx:
        model = offered(await _every_provider(tx, house)).get(name)
        if model is None:
            raise NotFound("Nobody offers a model of this name.", hint="Look for it in the list of models.")
        histories = [(key, await _history(tx, key)) for key in model.price_keys[:_BOOKS_SHOWN_MOST]]
    now = utc_now()
    return render(
        request,
        "catalog/model.html",
        model=model,
        conditions=conditions,
        now=now,
        books=[
            (key, [price_shown(record) for record in records], history_chart(_ordinary(records), now))
            for key, records in histories
            if records
        ],
    )


async def _every_provider(tx: Tx, house: House) -> Sequence[ProviderView]:
    """There are some hundreds at most, so that they can be looked through as a whole."""
    found: list[ProviderView] = []
    window = Window(PAGE_MOST, None)
    while True:
        page = await providers.list_providers(tx, house.seal, window)
        found.extend(page.items)
        if page.next_cursor is None:
            return found
        last = page.items[-1].record
        window = Window(PAGE_MOST, f"{last.priority} {last.id}")


def _is_wanted(model: Offered, asked: Form) -> bool:
    return (
        asked.shown("name").lower() in model.name.lower()
        and asked.shown("provider") in ("", *model.providers)
        and (asked.shown("price") != _UNPRICED or model.is_unpriced)
    )


async def _prices(tx: Tx, models: Sequence[Offered]) -> Mapping[str, Price | None]:
    keys = {key for model in models for key in model.price_keys}
    known = await sheets.sheets(tx, keys, at_s=int(utc_now().timestamp()))
    return {model.name: ordinary_price(model, known) for model in models}


async def _history(tx: Tx, key: ModelKey) -> Sequence[PriceRecord]:
    wanted = PriceFilter(provider=key.provider, model_key=key.model_key)
    return (await prices.list_prices(tx, Window(PAGE_MOST, None), wanted)).items


def _ordinary(records: Sequence[PriceRecord]) -> list[PriceRecord]:
    """Of the kind and the book that most requests are charged by."""
    return [
        record
        for record in records
        if record.price.kind == "standard" and not record.price.variant and record.price.pricing_source == "list"
    ]
