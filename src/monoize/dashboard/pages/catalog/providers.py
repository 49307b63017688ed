"""/providers: the upstreams in the order in which they are tried; adding, ordering, changing and removing them."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.catalog.actions import providers
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.catalog.api.provider_wire import ProviderOrder
from monoize.control.catalog.api.upstreams import ConditionsHere
from monoize.control.catalog.model.presets import presets
from monoize.control.catalog.model.providers import CHANNELS_MOST
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import ranked_window
from monoize.control.edge.wire import STORABLE, Uuid, Window
from monoize.dashboard import provider_forms
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.offers import offered
from monoize.dashboard.page import page_router
from monoize.dashboard.provider_forms import PROTOCOLS
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

Reader = Annotated[Person, permitted("providers.read")]
Writer = Annotated[Person, permitted("providers.write")]
_DIRECTIONS: Final = {"up": -1, "down": 1}


@router.get("/providers")
async def show(
    request: Request,
    house: HouseHere,
    person: Reader,
    window: Annotated[Window, Depends(ranked_window)],
    conditions: ConditionsHere,
) -> Response:
    async with house.database.read() as tx:
        page = await providers.list_providers(tx, house.seal, window)
        ids = await providers.order(tx)
    return render(
        request,
        "catalog/providers.html",
        views=page.items,
        ids=ids,
        conditions=conditions,
        protocols=PROTOCOLS,
        next_address=next_address(request, "/providers", page),
    )


@router.post("/providers/order")
async def reorder(request: Request, house: HouseHere, person: Writer) -> Response:
    """All of them in a new order, as a script posts it when one was dragged."""
    form = await read_form(request)
    body = checked(ProviderOrder, provider_ids=form.shown("order").split())
    async with house.audit_log.change(person.call) as change:
        await providers.reorder(change, body.provider_ids)
    return see_other("/providers?done=providers_ordered")


@router.post("/providers/{provider_id}/move")
async def move(provider_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    async with house.audit_log.change(person.call) as change:
        ids = await providers.order(change.tx)
        await providers.reorder(change, moved(ids, provider_id, _DIRECTIONS.get(form.shown("direction"), 0)))
    return see_other(f"/providers?done=providers_ordered#provider-{provider_id}")


def moved(ids: Sequence[str], id: str, by: int) -> list[str]:
    """`id` so many places further down; at either end it stays, and who is not there moves nobody."""
    if id not in ids:
        return list(ids)
    others = [each for each in ids if each != id]
    place = max(0, min(len(others), ids.index(id) + by))
    return [*others[:place], id, *others[place:]]


@router.get("/providers/new")
async def ask(
    request: Request, person: Writer, preset: Annotated[str, Query(max_length=64), STORABLE] = ""
) -> Response:
    chosen = next((one for one in presets() if one.id == preset), None)
    return _new(request, provider_forms.of_preset(chosen))


@router.post("/providers")
async def create(request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        draft = provider_forms.new_provider(form).value()
        async with house.audit_log.change(person.call) as change:
            created = await providers.create_provider(change, house.seal, draft)
    except Refusal as refusal:
        return _new(request, form.refused(refusal))
    return see_other(f"/providers/{created.record.id}?done=provider_created")


def _new(request: Request, form: Form) -> Response:
    return render(
        request,
        "catalog/provider_new.html",
        form=form,
        refusal=form.refusal,
        presets=presets(),
        protocols=PROTOCOLS,
    )


@router.get("/providers/{provider_id}")
async def show_one(
    provider_id: Uuid, request: Request, house: HouseHere, person: Reader, conditions: ConditionsHere
) -> Response:
    view = await view_of(house, provider_id)
    return render(
        request,
        "catalog/provider.html",
        view=view,
        provider=view.record,
        models=list(offered([view]).values()),
        conditions=conditions,
        protocols=PROTOCOLS,
        channels_most=CHANNELS_MOST,
    )


@router.get("/providers/{provider_id}/edit")
async def ask_changes(provider_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    view = await view_of(house, provider_id)
    return _edit(request, view, provider_forms.of_provider(view.record))


@router.post("/providers/{provider_id}/edit")
async def update(provider_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    view = await view_of(house, provider_id)
    try:
        values = provider_forms.changed_provider(form).changes()
        async with house.audit_log.change(person.call) as change:
            await providers.update_provider(change, house.seal, provider_id, values)
    except Refusal as refusal:
        return _edit(request, view, form.refused(refusal))
    return see_other(f"/providers/{provider_id}?done=provider_saved")


def _edit(request: Request, view: ProviderView, form: Form) -> Response:
    return render(
        request,
        "catalog/provider_edit.html",
        provider=view.record,
        form=form,
        refusal=form.refusal,
        protocols=PROTOCOLS,
    )


@router.get("/providers/{provider_id}/delete")
async def ask_delete(provider_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    view = await view_of(house, provider_id)
    return render(request, "catalog/provider_delete.html", provider=view.record, form=Form())


@router.post("/providers/{provider_id}/delete")
async def delete(provider_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    provider = (await view_of(house, provider_id)).record
    try:
        if form.text("name") != provider.name:
            raise invalid(name="This is not the name of the provider.")
        async with house.audit_log.change(person.call) as change:
            await providers.delete_provider(change, provider_id)
    except Refusal as refusal:
        return render(
            request,
            "catalog/provider_delete.html",
            provider=provider,
            form=form.refused(refusal),
            refusal=refusal,
        )
    return see_other("/providers?done=provider_deleted")


async def view_of(house: House, provider_id: str) -> ProviderView:
    async with house.database.read() as tx:
        return await providers.get_provider(tx, house.seal, provider_id)
