"""/prices: the price book, row by row; administrators set, correct and end prices."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final, get_args

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.cost.price import Book, Kind
from monoize.base.errors import Refusal
from monoize.control.catalog.actions import prices
from monoize.control.catalog.actions.prices import Decided
from monoize.control.catalog.api.wire import Correction, PriceSet, PriceShown, price_shown
from monoize.control.catalog.model.rates import BY_SHOWN_NAME
from monoize.control.catalog.model.records import PriceFilter, PriceRecord
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import PAGE_MOST, STORABLE, Uuid, Window
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.price_history import history_chart
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

Reader = Annotated[Person, permitted("prices.read")]
Writer = Annotated[Person, permitted("prices.write")]
Text = Annotated[str, Query(max_length=191), STORABLE]

KINDS: Final[Mapping[Kind, str]] = {
    "standard": "Ordinary",
    "long_context": "Long context",
    "fast": "Fast",
    "fast_long_context": "Fast, long context",
    "batch": "Batch",
    "embedding": "Embedding",
    "image": "Image",
}
BOOKS: Final[Mapping[Book, str]] = {
    "list": "List price",
    "contract": "By contract",
    "override": "Override",
    "byok": "Paid by the caller",
    "estimate": "Estimate",
}
RATES: Final[Mapping[str, tuple[str, str]]] = {
    "input_usd_per_mtok": ("Input", "USD per million tokens"),
    "output_usd_per_mtok": ("Output", "USD per million tokens"),
    "cache_read_usd_per_mtok": ("Read from the cache", "USD per million tokens"),
    "cache_write_5m_usd_per_mtok": ("Kept in the cache for 5 minutes", "USD per million tokens"),
    "cache_write_1h_usd_per_mtok": ("Kept in the cache for an hour", "USD per million tokens"),
    "web_search_usd_per_1k": ("Web search", "USD per thousand"),
    "unit_usd": ("Unit, such as an image", "USD each"),
    "neuron_usd_per_1k": ("Neurons", "USD per thousand"),
    "input_neurons_per_mtok": ("Neurons of input", "per million tokens"),
    "output_neurons_per_mtok": ("Neurons of output", "per million tokens"),
}
_DRAWN: Final = Window(PAGE_MOST, None)
_DECIMAL: Final = "Use digits such as 3 or 0.25."
_EXPECTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(RATES, _DECIMAL),
    "provider": "Use small letters, digits and underscores, such as openai.",
    "model_key": "Use the provider's own name of the model, without blanks.",
    "source_url": "Use the address of the page that says so, beginning with https://.",
    "effective_from": "Use a time such as 2027-01-31T12:00Z.",
    "at": "Use a time such as 2027-01-31T12:00Z.",
    "threshold_tokens": "Use a whole number of tokens.",
    "geo_multiplier": "Use digits such as 1.1.",
    "note": "This is too long.",
}


def _asked(provider: Text = "", model_key: Text = "", kind: Text = "", book: Text = "") -> Form:
    return Form({"provider": provider.strip(), "model_key": model_key.strip(), "kind": kind, "book": book})


@router.get("/prices")
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
    asked: Annotated[Form, Depends(_asked)],
) -> Response:
    async with house.database.read() as tx:
        page = await prices.list_prices(tx, window, _wanted(asked))
    return render(
        request,
        "catalog/prices.html",
        prices=[price_shown(record) for record in page.items],
        kinds=KINDS,
        books=BOOKS,
        filter=asked,
        filtered=any(asked.values.values()),
        next_address=next_address(request, "/prices", page),
    )


@router.get("/prices/new")
async def ask(request: Request, person: Writer, provider: Text = "", model_key: Text = "") -> Response:
    given = {"provider": provider, "model_key": model_key, "kind": "standard", "book": "list"}
    return _form(request, Form(given))


@router.post("/prices")
async def set_price(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(PriceSet, _EXPECTED, **_given(form, PriceSet.model_fields))
        async with house.audit_log.change(person.call) as change:
            decided = await prices.set_price(change, body.proposal(utc_now()))
    except Refusal as refusal:
        return _form(request, form.refused(refusal))
    return _decided(decided)


@router.get("/prices/{price_id}")
async def show_one(
    price_id: Uuid,
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(uuid_window)],
) -> Response:
    async with house.database.read() as tx:
        record = await prices.get_price(tx, price_id)
        page = await prices.list_prices(tx, window, _same(record))
        drawn = (await prices.list_prices(tx, _DRAWN, _same(record))).items
    now = utc_now()
    return render(
        request,
        "catalog/price.html",
        price=price_shown(record),
        rates=_rates(price_shown(record)),
        history=[price_shown(row) for row in page.items],
        corrected={row.supersedes_id for row in (*drawn, *page.items)},
        chart=history_chart(drawn, now),
        next_address=next_address(request, f"/prices/{price_id}", page),
        kinds=KINDS,
        books=BOOKS,
        now=now,
    )


@router.get("/prices/{price_id}/correct")
async def ask_correction(price_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    wrong = await _shown(house, price_id)
    given = {name: getattr(wrong, name) for name in (*RATES, "threshold_tokens", "geo_multiplier", "source_url")}
    form = Form({name: str(value) for name, value in given.items() if value is not None})
    return _form(request, form, wrong)


@router.post("/prices/{price_id}/correct")
async def correct(price_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    async with house.database.read() as tx:
        wrong = await prices.get_price(tx, price_id)
    try:
        body = checked(Correction, _EXPECTED, **_given(form, Correction.model_fields))
        async with house.audit_log.change(person.call) as change:
            decided = await prices.set_price(change, body.proposal(wrong, utc_now()))
    except Refusal as refusal:
        return _form(request, form.refused(refusal), price_shown(wrong))
    return _decided(decided)


@router.get("/prices/{price_id}/end")
async def ask_end(price_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return render(request, "catalog/price_end.html", price=await _shown(house, price_id), form=Form())


@router.post("/prices/{price_id}/end")
async def end(price_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    price = await _shown(house, price_id)
    try:
        if form.text("name") != price.model_key:
            raise invalid(name="This is not the name of the model.")
        async with house.audit_log.change(person.call) as change:
            await prices.end_price(change, price_id, utc_now() + dt.timedelta(seconds=1))
    except Refusal as refusal:
        return render(request, "catalog/price_end.html", price=price, form=form.refused(refusal), refusal=refusal)
    return see_other(f"/prices/{price_id}?done=price_ended")


def _wanted(asked: Form) -> PriceFilter:
    """Those that hold now; what makes no sense is as if it had not been asked."""
    kind: Any = asked.shown("kind")
    book: Any = asked.shown("book")
    return PriceFilter(
        provider=asked.text("provider"),
        model_key=asked.text("model_key"),
        kind=kind if kind in get_args(Kind) else None,
        book=book if book in get_args(Book) else None,
        holding_at_s=int(utc_now().timestamp()),
    )


def _same(record: PriceRecord) -> PriceFilter:
    """All that was, is and will be the price for the same."""
    key = record.key
    return PriceFilter(
        provider=key.provider,
        model_key=key.model_key,
        kind=key.kind,
        variant=key.variant,
        book=key.pricing_source,
    )


def _rates(price: PriceShown) -> list[tuple[str, str]]:
    return [
        (label, f"{getattr(price, name)} {unit}")
        for name, (label, unit) in RATES.items()
        if getattr(price, name) is not None
    ]


async def _shown(house: House, price_id: str) -> PriceShown:
    async with house.database.read() as tx:
        return price_shown(await prices.get_price(tx, price_id))


def _given(form: Form, names: Mapping[str, Any]) -> dict[str, Any]:
    """What was entered; a number stays the text that a rate is read from."""
    texts = {name: text for name in names if (text := form.text(name)) is not None}
    threshold = texts.get("threshold_tokens", "")
    return {**texts, "threshold_tokens": int(threshold)} if threshold.isdecimal() else dict(texts)


def _form(request: Request, form: Form, wrong: PriceShown | None = None) -> Response:
    return render(
        request,
        "catalog/price_form.html",
        form=form,
        refusal=form.refusal,
        wrong=wrong,
        rates=RATES,
        usual=[name for name in RATES if name in _USUAL],
        rare=[name for name in RATES if name not in _USUAL],
        kinds=KINDS,
        books=BOOKS,
    )


_USUAL: Final = frozenset({"input_usd_per_mtok", "output_usd_per_mtok", "cache_read_usd_per_mtok"})
assert set(RATES) == set(BY_SHOWN_NAME)


def _decided(decided: Decided) -> Response:
    if decided.written:
        return see_other(f"/prices/{decided.written.price.id}?done=price_set")
    return see_other("/pending-prices?done=price_waits")
