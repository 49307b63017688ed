"""/start: from an account to a first request with its cost. Which step comes next follows from what there is."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from fastapi import Query
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.control.catalog.actions import providers
from monoize.control.catalog.api.provider_wire import ProviderCreate
from monoize.control.catalog.model.presets import presets
from monoize.control.catalog.model.providers import ProviderRecord
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import Window
from monoize.control.identity.actions import keys, users
from monoize.control.identity.actions.keys import CreatedKey
from monoize.control.identity.api.keys import KeyCreate
from monoize.control.identity.model import User
from monoize.control.identity.services import public_address
from monoize.control.ledger.actions import corrections, requests
from monoize.control.ledger.model.requests import Explanation, LoggedRequest, RequestFilter
from monoize.dashboard.charts import Span, waterfall
from monoize.dashboard.format import milliseconds
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.live import live_part
from monoize.dashboard.page import page_router
from monoize.dashboard.render import part, render, see_other
from monoize.dashboard.session import Person, PersonHere, permitted
from monoize.dashboard.snippets import snippets
from monoize.infra.db import Tx

router = page_router()

Step = Literal["provider", "key", "request"]
Administrator = Annotated[Person, permitted("providers.write")]

ECHO: Final = "echo"
_FIRST: Final = Window(1, None)
# One of them may be the playground's, which is no use to a client.
_FIRST_TWO: Final = Window(2, None)
_FIRST_CHANNEL: Final = "default"
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use a name that begins and ends with a letter or a digit, of 64 characters at most.",
    "models": "Use the names by which the provider knows its models, one on each line.",
    "channels": "This cannot be the provider's API key.",
}


@router.get("/start")
async def show(
    request: Request, house: HouseHere, person: PersonHere, step: Annotated[Step | None, Query()] = None
) -> Response:
    async with house.database.read() as tx:
        provider = await _first_provider(tx, house)
        own = await keys.list_keys(tx, _FIRST_TWO, user_id=person.user_id)
        has_key = any(not key.is_of_playground for key in own.items)
    now = step or next_step(has_provider=provider is not None, has_key=has_key, may_add=_may_add(person))
    if now == "provider" and _may_add(person):
        return _provider_step(request, Form({"preset": "openai"}))
    if now == "key":
        return _key_step(request, person, Form({"name": "first key"}))
    return await _request_step(request, house, person)


@router.post("/start/provider")
async def add_provider(request: Request, house: HouseHere, person: Administrator) -> Response:
    form = await read_form(request)
    try:
        draft = _provider(form).value()
        async with house.audit_log.change(person.call) as change:
            await providers.create_provider(change, house.seal, draft)
    except Refusal as refusal:
        return _provider_step(request, form.refused(refusal))
    return see_other("/start")


@router.post("/start/key")
async def create_key(request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    try:
        body = checked(KeyCreate, name=form.text("name"))
        async with house.audit_log.change(person.call) as change:
            created = await keys.create_key(change, person.user_id, body.model_dump(exclude={"user_id"}))
    except Refusal as refusal:
        return _key_step(request, person, form.refused(refusal))
    return await _request_step(request, house, person, created)


@router.post("/start/unlimited")
async def lift_limit(house: HouseHere, person: Annotated[Person, permitted("ledger.write")]) -> Response:
    """Whoever runs the house need not pay themselves before they try it."""
    async with house.audit_log.change(person.call) as change:
        await corrections.set_limit(change, person.user_id, unlimited=True)
    return see_other("/start?step=request&done=unlimited")


@router.get("/start/live")
async def follow(request: Request, house: HouseHere, person: PersonHere) -> Response:
    async def shown() -> str:
        return part("start/first_request.html", **await _first_request(house, person))

    return live_part(request, person, shown, every_s=1.0)


def next_step(*, has_provider: bool, has_key: bool, may_add: bool) -> Step:
    """Whoever may not add a provider goes on with those that others have added."""
    if not has_provider and may_add:
        return "provider"
    return "request" if has_key else "key"


def progress(now: Step, *, may_add: bool) -> list[tuple[str, str]]:
    """The steps as pairs of what is done in them and how far they are."""
    titles: dict[Step, str] = {"provider": "Provider", "key": "API key", "request": "First request"}
    steps = [step for step in titles if step != "provider" or may_add]
    at = steps.index(now)
    states = ["done" if number < at else "now" if number == at else "later" for number in range(len(steps))]
    return [("Account", "done"), *((titles[step], state) for step, state in zip(steps, states, strict=True))]


def _provider(form: Form) -> ProviderCreate:
    preset = next((one for one in presets() if one.id == form.text("preset")), None)
    if preset is None:
        raise invalid(preset="Choose one of these.")
    if preset.needs_key and not form.text("api_key"):
        raise invalid(api_key="Fill this in.")
    models = [ECHO] if preset.id == ECHO else form.lines("models")
    if not models:
        raise invalid(models="Name one model at least.")
    channel = {"name": _FIRST_CHANNEL, "base_url": preset.base_url, "api_key": form.text("api_key")}
    return checked(
        ProviderCreate,
        _EXPECTED,
        name=preset.id,
        type=preset.type,
        price_provider=preset.price_provider,
        models=[{"name": name} for name in models],
        channels=[channel],
    )


def _provider_step(request: Request, form: Form) -> Response:
    return _page(
        request,
        "provider",
        form,
        may_add=True,
        presets=[(one.id, one.title) for one in presets() if one.id != ECHO],
    )


def _key_step(request: Request, person: Person, form: Form) -> Response:
    return _page(request, "key", form, may_add=_may_add(person))


async def _request_step(
    request: Request, house: House, person: Person, created: CreatedKey | None = None
) -> Response:
    async with house.database.read() as tx:
        provider = await _first_provider(tx, house)
        user = await users.get_user(tx, person.user_id)
    key = [created.secret] if created else []
    return _page(
        request,
        "request",
        Form(),
        status=201 if created else 200,
        may_add=_may_add(person),
        created=created,
        provider=provider,
        snippets=snippets(public_address(request, house), _model(provider), *key),
        is_refused_for_money=_is_refused_for_money(user, provider),
        may_lift=person.may("ledger.write"),
        **await _first_request(house, person),
    )


def _page(
    request: Request, step: Step, form: Form, *, may_add: bool, status: int | None = None, **context: Any
) -> Response:
    return render(
        request,
        f"start/{step}.html",
        status=status,
        refusal=form.refusal,
        form=form,
        steps=progress(step, may_add=may_add),
        may_add=may_add,
        **context,
    )


async def _first_request(house: House, person: Person) -> dict[str, Any]:
    """The newest request of theirs, and how it went; None while there is none."""
    async with house.database.read() as tx:
        page = await requests.list_requests(tx, _FIRST, RequestFilter(user_id=person.user_id))
        if not page.items or page.items[0].request_id is None:
            return {"explained": None}
        explained = await requests.explain(tx, house.seal, person.call.principal, page.items[0].request_id)
    return {"explained": explained, "spans": waterfall(_spans(explained), milliseconds)}


def _spans(explained: Explanation) -> list[Span]:
    request: LoggedRequest = explained.request
    whole, first = request.duration_ms or 0, request.ttfb_ms
    tone = "" if request.status == "success" else "bad"
    if first is None:
        return [Span("Whole request", 0, whole, tone)]
    return [Span("Until the first byte", 0, first, "busy"), Span("Answer", first, max(whole, first), tone)]


async def _first_provider(tx: Tx, house: House) -> ProviderRecord | None:
    page = await providers.list_providers(tx, house.seal, _FIRST)
    return page.items[0].record if page.items else None


def _model(provider: ProviderRecord | None) -> str:
    """One that can be asked for; an echo where nothing else is known."""
    if provider is None:
        return ECHO
    offered = [*provider.models, *(entry for channel in provider.channels for entry in channel.models)]
    return offered[0].name if offered else ECHO


def _is_refused_for_money(user: User, provider: ProviderRecord | None) -> bool:
    """Whether a request would be refused since there is nothing to pay it with. What echoes costs nothing."""
    return (
        provider is not None and provider.type != ECHO and not user.balance_unlimited and user.balance_nano_usd <= 0
    )


def _may_add(person: Person) -> bool:
    return person.may("providers.write")
