"""/providers/…/channels: endpoints of a provider; adding, changing and removing them, and asking what they say.

An API key is typed in and never shown again. A test and a discovery ask the upstream, and change nothing here.
"""

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.catalog.actions import providers, routing
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.catalog.api.provider_wire import ProviderUpdate
from monoize.control.catalog.api.upstreams import ConditionsHere, UpstreamsHere
from monoize.control.catalog.errors import GatewayElsewhere, ModelNotOffered
from monoize.control.catalog.model.providers import ChannelRecord, ModelEntry, offers
from monoize.control.edge.here import HouseHere
from monoize.control.edge.wire import Uuid
from monoize.dashboard import model_lines, provider_forms
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.pages.catalog.providers import Writer, view_of
from monoize.dashboard.provider_forms import EXPECTED, PROTOCOLS
from monoize.dashboard.render import render, see_other

router = page_router()

_NEW: Final = {"enabled": provider_forms.YES, "weight": "1"}


@router.get("/providers/{provider_id}/channels/new")
async def ask(provider_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return _page(request, await view_of(house, provider_id), None, Form(_NEW))


@router.post("/providers/{provider_id}/channels")
async def create(provider_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    form = await read_form(request)
    view = await view_of(house, provider_id)
    try:
        draft = provider_forms.new_channel(form).value()
        async with house.audit_log.change(person.call) as change:
            await providers.add_channel(change, house.seal, provider_id, draft)
    except Refusal as refusal:
        return _page(request, view, None, form.refused(refusal))
    return see_other(f"/providers/{provider_id}?done=channel_created")


@router.get("/providers/{provider_id}/channels/{channel_id}")
async def ask_changes(
    provider_id: Uuid, channel_id: Uuid, request: Request, house: HouseHere, person: Writer
) -> Response:
    view = await view_of(house, provider_id)
    channel = view.record.channel(channel_id)
    return _page(request, view, channel, provider_forms.of_channel(channel))


@router.post("/providers/{provider_id}/channels/{channel_id}")
async def update(
    provider_id: Uuid, channel_id: Uuid, request: Request, house: HouseHere, person: Writer
) -> Response:
    form = await read_form(request)
    view = await view_of(house, provider_id)
    channel = view.record.channel(channel_id)
    try:
        values = provider_forms.changed_channel(form).changes()
        async with house.audit_log.change(person.call) as change:
            await providers.update_channel(change, house.seal, provider_id, channel_id, values)
    except Refusal as refusal:
        return _page(request, view, channel, form.refused(refusal))
    return see_other(f"/providers/{provider_id}?done=channel_saved")


def _page(request: Request, view: ProviderView, channel: ChannelRecord | None, form: Form) -> Response:
    return render(
        request,
        "catalog/channel.html",
        provider=view.record,
        channel=channel,
        hint=view.hints.get(channel.id) if channel else None,
        form=form,
        refusal=form.refusal,
        protocols=PROTOCOLS,
    )


@router.get("/providers/{provider_id}/channels/{channel_id}/delete")
async def ask_delete(
    provider_id: Uuid, channel_id: Uuid, request: Request, house: HouseHere, person: Writer
) -> Response:
    provider = (await view_of(house, provider_id)).record
    channel = provider.channel(channel_id)
    return render(request, "catalog/channel_delete.html", provider=provider, channel=channel, form=Form())


@router.post("/providers/{provider_id}/channels/{channel_id}/delete")
async def delete(
    provider_id: Uuid, channel_id: Uuid, request: Request, house: HouseHere, person: Writer
) -> Response:
    form = await read_form(request)
    provider = (await view_of(house, provider_id)).record
    channel = provider.channel(channel_id)
    try:
        if form.text("name") != channel.name:
            raise invalid(name="This is not the name of the channel.")
        async with house.audit_log.change(person.call) as change:
            await providers.delete_channel(change, provider_id, channel_id)
    except Refusal as refusal:
        return render(
            request,
            "catalog/channel_delete.html",
            provider=provider,
            channel=channel,
            form=form.refused(refusal),
            refusal=refusal,
        )
    return see_other(f"/providers/{provider_id}?done=channel_deleted")


@router.post("/providers/{provider_id}/channels/{channel_id}/test")
async def test_channel(
    provider_id: Uuid,
    channel_id: Uuid,
    request: Request,
    house: HouseHere,
    person: Writer,
    upstreams: UpstreamsHere,
    conditions: ConditionsHere,
) -> Response:
    """A tiny request, which nobody is charged for."""
    form = await read_form(request)
    async with house.database.read() as tx:
        provider, channel = await routing.described(tx, house.seal, provider_id, channel_id)
    context: dict[str, Any] = {
        "provider": provider,
        "channel": channel,
        "form": form,
        "choices": [(name, name) for name in sorted(channel.offers)],
    }
    try:
        if upstreams is None:
            raise GatewayElsewhere
        model = form.text("model") or min(channel.offers, default="")
        if model not in channel.offers:
            raise ModelNotOffered
        trial = await upstreams.test(provider, channel, model)
    except Refusal as refusal:
        return render(request, "catalog/channel_tested.html", refusal=refusal, **context)
    return render(request, "catalog/channel_tested.html", trial=trial, model=model, **context)


@router.post("/providers/{provider_id}/channels/{channel_id}/discover")
async def discover(
    provider_id: Uuid,
    channel_id: Uuid,
    request: Request,
    house: HouseHere,
    person: Writer,
    upstreams: UpstreamsHere,
) -> Response:
    """What the upstream says it serves, beside what is offered here."""
    view = await view_of(house, provider_id)
    channel = view.record.channel(channel_id)
    known = offers(view.record, channel).values()
    try:
        if upstreams is None:
            raise GatewayElsewhere
        async with house.database.read() as tx:
            _, described = await routing.described(tx, house.seal, provider_id, channel_id)
        found = await upstreams.models(described.type, described.base_url, described.credential)
    except Refusal as refusal:
        return _discovered(request, view, channel, Form(), (), refusal)
    new = sorted(set(found) - {entry.upstream_model for entry in known})
    gone = sorted(entry.name for entry in known if entry.upstream_model not in found)
    return _discovered(request, view, channel, Form({"models": "\n".join(new)}), gone)


@router.post("/providers/{provider_id}/channels/{channel_id}/models")
async def add_models(
    provider_id: Uuid, channel_id: Uuid, request: Request, house: HouseHere, person: Writer
) -> Response:
    """To those that the provider offers already, at this channel and at all others of it."""
    form = await read_form(request)
    view = await view_of(house, provider_id)
    channel = view.record.channel(channel_id)
    try:
        new = checked(ProviderUpdate, EXPECTED, models=model_lines.read(form.lines("models"))).changes()["models"]
        async with house.audit_log.change(person.call) as change:
            before = (await providers.get_provider(change.tx, house.seal, provider_id)).record
            models = _together(before.models, new)
            await providers.update_provider(change, house.seal, provider_id, {"models": models})
    except Refusal as refusal:
        return _discovered(request, view, channel, form.refused(refusal), (), refusal)
    return see_other(f"/providers/{provider_id}?done=models_added")


def _together(known: Sequence[ModelEntry], new: Sequence[ModelEntry]) -> tuple[ModelEntry, ...]:
    """What is offered already stays as it is."""
    names = {entry.name for entry in known}
    return (*known, *(entry for entry in new if entry.name not in names))


def _discovered(
    request: Request,
    view: ProviderView,
    channel: ChannelRecord,
    form: Form,
    gone: Sequence[str],
    refusal: Refusal | None = None,
) -> Response:
    return render(
        request,
        "catalog/discovered.html",
        provider=view.record,
        channel=channel,
        form=form,
        gone=gone,
        refusal=refusal,
    )
