"""/playground: conversations with one model, or with two side by side, in any protocol, through our own gateway.

Whoever asks is bound and charged as with a key, by the one that `playground_keys` makes them. Nobody can show that
key, so there is no secret in a page, in a form or in memory.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Path, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.control.bridge.grants import grant_of_new_key
from monoize.control.catalog.errors import GatewayElsewhere
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.wire import STORABLE
from monoize.control.identity.actions import playground_keys, users
from monoize.control.identity.errors import PlaygroundKeyThere
from monoize.control.identity.services import public_address
from monoize.dashboard.conversing.answers import Answer, Hearing, recorded
from monoize.dashboard.conversing.asking import Asked, streamed, whole
from monoize.dashboard.conversing.requests import PROTOCOLS, Prompt, wired
from monoize.dashboard.conversing.sides import Side, sides_of, spoken_to, stopped, to_show
from monoize.dashboard.conversing.sources import FromGateway
from monoize.dashboard.conversing.tools import EXAMPLE, tools_of
from monoize.dashboard.format import short_usd
from monoize.dashboard.forms import Form, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import part, render
from monoize.dashboard.session import Person, PersonHere
from monoize.gateway.app import Gateway
from monoize.gateway.exchange import Insider
from monoize.gateway.models import PricedModel

router = page_router()

_TOKENS_MOST: Final = 100_000
_FIRST: Final = {"protocol": "chat", "tokens_most": "1024"}
_SHOWN_MOST: Final = 500
_REQUEST_ID: Final = re.compile(r"[0-9a-f-]{36}")
_SETTINGS: Final = ("model", "other_model", "protocol", "tokens_most", "system", "tools")

Number = Annotated[int, Path(ge=1, le=2)]
Model = Annotated[str, Query(max_length=191), STORABLE]


@router.get("/playground")
async def show(request: Request, house: HouseHere, person: PersonHere, model: Model = "") -> Response:
    return await _page(request, house, person, Form({**_FIRST, "model": model}))


@router.post("/playground")
async def ask(request: Request, house: HouseHere, person: PersonHere) -> Response:
    """Without scripts: `do` says whether the prompt is asked, its request only shown, or all begun anew."""
    form = await read_form(request)
    if form.shown("do") == "new":
        return await _page(request, house, person, Form({name: form.shown(name) for name in _SETTINGS}))
    sides: Sequence[Side] = ()
    try:
        sides = _sides(form)
        spoken = _wired(form, spoken_to(form, sides))
        if form.shown("do") == "show":
            return await _page(request, house, person, form, sides, spoken)
        insiders = [await _insider(house, person) for _ in spoken]
        came = await whole(
            [
                _asked(request, house, person, form, side, insider)
                for side, insider in zip(spoken, insiders, strict=True)
            ]
        )
    except Refusal as refusal:
        return await _page(request, house, person, form.refused(refusal), sides)
    sides = [next((new for new in came if new.number == side.number), side) for side in sides]
    return await _page(request, house, person, to_show(form, came), sides)


@router.post("/playground/stream/{number}")
async def stream(number: Number, request: Request, house: HouseHere, person: PersonHere) -> Response:
    form = await read_form(request)
    (side,) = _wired(form, spoken_to(form, _only(form, number)))
    asked = _asked(request, house, person, form, side, await _insider(house, person))
    return streamed(request, person, asked, lambda side: _side_part(form, side))


@router.post("/playground/stopped/{number}")
async def stop(number: Number, request: Request, house: HouseHere, person: PersonHere) -> Response:
    """What is left of a stream that was stopped in the browser, with what it has cost until then."""
    form = await read_form(request)
    (side,) = _wired(form, spoken_to(form, _only(form, number)))
    side = stopped(form, side)
    if side.answer is not None and _REQUEST_ID.fullmatch(form.shown("request_id")):
        side = side.answered(await recorded(house, person, side.answer, form.shown("request_id")))
    return HTMLResponse(_side_part(form, side))


@router.post("/playground/request")
async def show_request(request: Request, house: HouseHere, person: PersonHere) -> Response:
    """What would be sent, as a part of the page."""
    form = await read_form(request)
    spoken: Sequence[Side] = ()
    with contextlib.suppress(Refusal):
        spoken = _wired(form, spoken_to(form, _sides(form)))
    address = public_address(request, house)
    return HTMLResponse(part("playground/request.html", spoken=spoken, address=address))


def _side_part(form: Form, side: Side) -> str:
    return part("conversing/side.html", side=side, form=to_show(form, [side]))


def _sides(form: Form) -> Sequence[Side]:
    if form.text("model") is None:
        raise invalid(model="Fill this in.")
    return sides_of(form, [form.text("model"), form.text("other_model")])


def _only(form: Form, number: int) -> Sequence[Side]:
    found = [side for side in _sides(form) if side.number == number]
    if not found:
        raise invalid(other_model="Fill this in.")
    return found


def _wired(form: Form, sides: Sequence[Side]) -> Sequence[Side]:
    prompt = _prompt(form)
    return [side.on_wire(wired(prompt, side.name, side.asked)) for side in sides]


def _prompt(form: Form) -> Prompt:
    protocol = next((name for name in PROTOCOLS if name == form.shown("protocol")), None)
    if protocol is None:
        raise invalid(protocol="Choose one of these.")
    tokens = form.text("tokens_most") or ""
    if not (tokens.isascii() and tokens.isdecimal() and len(tokens) <= 6 and 1 <= int(tokens) <= _TOKENS_MOST):
        raise invalid(tokens_most=f"Use a whole number from 1 to {_TOKENS_MOST:,}.")
    return Prompt(protocol, form.text("system"), int(tokens), tools_of(form.text("tools")))


def _asked(request: Request, house: House, person: Person, form: Form, side: Side, insider: Insider) -> Asked:
    assert side.wired is not None

    async def settled(answer: Answer) -> Answer:
        return await recorded(house, person, answer, insider.request_id)

    source = FromGateway(_gateway(request), side.wired, insider, person.call.ip)
    return Asked(side, Hearing(source, _prompt(form).dialect), insider.request_id, settled)


async def _insider(house: House, person: Person) -> Insider:
    """For one request; with the first of all their key is made."""
    digest = playground_keys.digest_of(house.seal, person.user_id)
    async with house.database.read() as tx:
        is_there = await playground_keys.is_there(tx, digest)
    if not is_there:
        with contextlib.suppress(PlaygroundKeyThere):
            async with house.audit_log.change(person.call) as change:
                await playground_keys.make(change, person.user_id, digest)
    return Insider(digest, new_id())


def _gateway(request: Request) -> Gateway:
    gateway: Gateway | None = getattr(request.app.state, "gateway", None)
    if gateway is None:
        raise GatewayElsewhere
    return gateway


async def _offers(request: Request, house: House, person: Person) -> Sequence[PricedModel]:
    try:
        gateway = _gateway(request)
    except GatewayElsewhere:
        return ()
    async with house.database.read() as tx:
        owner = await users.get_user(tx, person.user_id)
    digest = playground_keys.digest_of(house.seal, person.user_id)
    return await gateway.offers(digest, grant_of_new_key(owner))


def _price(model: PricedModel) -> str:
    if model.input_nano is None and model.output_nano is None:
        return "price not known"
    if not model.input_nano and not model.output_nano:
        return "free"
    into, out = (("?" if nano is None else short_usd(nano)) for nano in (model.input_nano, model.output_nano))
    return f"{into} in, {out} out per million tokens"


async def _page(
    request: Request,
    house: House,
    person: Person,
    form: Form,
    sides: Sequence[Side] = (),
    spoken: Sequence[Side] = (),
) -> Response:
    offers = await _offers(request, house, person)
    prices: Mapping[str, str] = {model.name: _price(model) for model in offers}
    return render(
        request,
        "playground/playground.html",
        form=form,
        refusal=form.refusal,
        sides={side.number: side for side in sides},
        spoken=spoken,
        prices=prices,
        shown_most=_SHOWN_MOST,
        protocols=PROTOCOLS,
        example=EXAMPLE,
        address=public_address(request, house),
    )
