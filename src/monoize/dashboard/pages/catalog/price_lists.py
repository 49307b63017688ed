"""/price-lists: the price list that ships, and those that were taken over; what one changes is shown first."""

import re
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.audit import actions as audit
from monoize.control.audit.model import LogFilter
from monoize.control.catalog.actions import imports, seed
from monoize.control.catalog.api.imports import ImportReport, PriceImport, report_of
from monoize.control.catalog.model.seed_list import shipped_sources
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.catalog.prices import KINDS, RATES, Reader, Writer
from monoize.dashboard.render import next_address, render, see_other

router = page_router()

PATH: Final = "/price-lists"
DIFFERENCES_MOST: Final = 200
_LISTS: Final = LogFilter(target_type="price_list")
_FORMATS: Final[Mapping[str, str]] = {"models_dev": "models.dev", "litellm": "LiteLLM"}
_EXPECTED: Final = {
    "format": "Choose one of these.",
    "document": "Paste the JSON of the list.",
    "source_url": "Use the address that the list is from, beginning with https://.",
    "providers": "Use names such as anthropic, with blanks between them.",
}


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await audit.list_entries(tx, window, _LISTS)
    return render(
        request,
        "catalog/price_lists.html",
        taken=page.items,
        shipped=shipped_sources(),
        formats=_FORMATS,
        next_address=next_address(request, PATH, page),
    )


@router.post("/price-lists/seed")
async def plant(house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await seed.plant(change)
    return see_other(f"{PATH}?done=prices_planted")


@router.get("/price-lists/import")
async def ask(request: Request, person: Writer) -> Response:
    return _form(request, Form({"format": "models_dev"}))


@router.post("/price-lists/import")
async def preview_or_take_over(request: Request, house: HouseHere, person: Writer) -> Response:
    """What it would change is shown first; the button below that writes it."""
    form = await read_form(request)
    try:
        wanted = _body(form).wanted()
        listed = wanted.read()
        if form.shown("step") != "take over":
            async with house.database.read() as tx:
                return _form(request, form, report_of(await imports.preview(tx, wanted, listed)))
        async with house.audit_log.change(person.call) as change:
            report = report_of(await imports.take_over(change, wanted, listed))
    except Refusal as refusal:
        return _form(request, form.refused(refusal))
    if report.waiting:
        return see_other("/pending-prices?done=price_list_waits")
    return see_other(f"{PATH}?done=price_list_taken")


def _body(form: Form) -> PriceImport:
    named = re.split(r"[\s,]+", form.shown("providers").strip())
    return checked(
        PriceImport,
        _EXPECTED,
        format=form.text("format"),
        document=form.text("document"),
        source_url=form.text("source_url"),
        providers=[name for name in named if name] or None,
    )


def _form(request: Request, form: Form, report: ImportReport | None = None) -> Response:
    return render(
        request,
        "catalog/price_list_import.html",
        form=form,
        refusal=form.refusal,
        report=report,
        differences=report.differences[:DIFFERENCES_MOST] if report else (),
        formats=list(_FORMATS.items()),
        kinds=KINDS,
        rates=RATES,
    )
