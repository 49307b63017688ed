"""/tokens: the credentials of programs. A token is on the answer that made it, and nowhere else."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import Window
from monoize.control.identity import model
from monoize.control.identity.actions import tenants, tokens
from monoize.control.identity.actions.tokens import NewToken
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.tokens import TokenCreate
from monoize.control.identity.api.wire import TokenName
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.forms import Form, checked, invalid, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

PATH: Final = "/tokens"
_ALL: Final = Window(200, None)
_ROLES: Final = (
    ("viewer", "Viewer: looks at projects"),
    ("deployer", "Deployer: deploys, runs agents"),
    ("admin", "Administrator: all that administrators may"),
)
_LIFETIMES: Final = (("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("never", "Never"))
_EXPECTED: Final[Mapping[str, str]] = {
    "name": "Use letters, digits, dots, dashes and underscores, 64 at most.",
    "role": "Choose one of these.",
    "tenant_id": "Choose one of these.",
    "scopes": "Use permissions such as projects.read, one on each line.",
}

Reader = Annotated[Person, permitted("tokens.read")]
Writer = Annotated[Person, permitted("tokens.write")]
Named = Annotated[TokenName, Path()]


@router.get(PATH)
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(number_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await tokens.list_tokens(tx, window)
    return render(
        request, "identity/tokens.html", tokens=page.items, next_address=next_address(request, PATH, page)
    )


@router.get("/tokens/new")
async def ask(request: Request, house: HouseHere, person: Writer) -> Response:
    return await _ask(request, house, Form({"role": "deployer", "lifetime": "90"}))


@router.post(PATH)
async def create(request: Request, house: HouseHere, identity: IdentityHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            TokenCreate,
            _EXPECTED,
            name=form.text("name"),
            role=form.text("role"),
            scopes=form.lines("scopes") or None,
            expires_at=_expires_at(form.shown("lifetime")),
            tenant_id=form.text("tenant_id"),
        )
        tenant_id = body.tenant_id or person.call.principal.tenant_id or model.DEFAULT_TENANT_ID
        new = NewToken(body.name, body.role, tenant_id, body.scopes, body.projects, body.expires_at)
        secret = model.new_token()
        hashed = await identity.passwords.hash_token(secret.secret)
        async with house.audit_log.change(person.call) as change:
            created = await tokens.create_token(change, new, secret, hashed)
    except Refusal as refusal:
        return await _ask(request, house, form.refused(refusal))
    return render(request, "identity/token_created.html", status=201, created=created)


@router.get("/tokens/{name}/delete")
async def ask_delete(name: Named, request: Request, person: Writer) -> Response:
    return ask_name(request, _doomed(name))


@router.post("/tokens/{name}/delete")
async def delete(name: Named, request: Request, house: HouseHere, person: Writer) -> Response:
    form, doomed = await read_form(request), _doomed(name)
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await tokens.delete_token(change, name)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other(f"{PATH}?done=token_deleted")


def _doomed(name: str) -> Doomed:
    return Doomed("token", name, "Programs that still use it are refused.", f"{PATH}/{name}/delete", PATH)


async def _ask(request: Request, house: House, form: Form) -> Response:
    async with house.database.read() as tx:
        known = (await tenants.list_tenants(tx, _ALL)).items
    return render(
        request,
        "identity/token_new.html",
        form=form,
        refusal=form.refusal,
        roles=_ROLES,
        lifetimes=_LIFETIMES,
        tenants=[(tenant.id, tenant.name) for tenant in known],
    )


def _expires_at(lifetime: str) -> str | None:
    if lifetime not in dict(_LIFETIMES):
        raise invalid(lifetime="Choose one of these.")
    return None if lifetime == "never" else (utc_now() + dt.timedelta(days=int(lifetime))).isoformat()
