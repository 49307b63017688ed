"""/users: everybody's accounts, for administrators."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.base.principal import Principal, UserRole
from monoize.control.compute.actions import plans
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity import model
from monoize.control.identity.actions import tenants, users
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.users import CLEARABLE, UserCreate, UserUpdate, hash_of
from monoize.control.identity.errors import RoleTooHigh
from monoize.control.identity.model import User
from monoize.control.identity.services import Identity
from monoize.dashboard.destroying import Doomed, ask_name, check_name
from monoize.dashboard.format import usd
from monoize.dashboard.forms import Form, checked, read_form
from monoize.dashboard.page import page_router
from monoize.dashboard.render import next_address, render, see_other
from monoize.dashboard.session import Person, permitted

router = page_router()

_ROLES: Final[Mapping[UserRole, str]] = {
    "user": "User: their own keys and account",
    "admin": "Administrator: users, tokens and the audit log",
    "super_admin": "Super administrator: administrators too",
}

_ALL: Final = Window(200, None)
_EXPECTED: Final[Mapping[str, str]] = {
    "allowed_groups": "Use names of groups, one on each line.",
    "tenant_id": "Choose one of these.",
}

Reader = Annotated[Person, permitted("users.read")]
Writer = Annotated[Person, permitted("users.write")]


@router.get("/users")
async def show(
    request: Request, house: HouseHere, person: Reader, window: Annotated[Window, Depends(uuid_window)]
) -> Response:
    async with house.database.read() as tx:
        page = await users.list_users(tx, window)
    return render(
        request,
        "identity/users.html",
        users=page.items,
        switchable={user.id for user in page.items if _switchable(person, user)},
        next_address=next_address(request, "/users", page),
    )


@router.get("/users/new")
async def ask(request: Request, identity: IdentityHere, person: Writer) -> Response:
    return _ask(request, identity, person, Form({"role": "user"}))


@router.post("/users")
async def create(request: Request, house: HouseHere, identity: IdentityHere, person: Writer) -> Response:
    form = await read_form(request)
    try:
        body = checked(
            UserCreate,
            username=form.text("username"),
            name=form.text("name"),
            email=form.text("email"),
            role=form.text("role"),
            password=form.password("password"),
        )
        hashed = await hash_of(identity, body.password)
        new = NewUser(**body.model_dump(exclude={"password"}), password_hash=hashed)
        async with house.audit_log.change(person.call) as change:
            await users.create_user(change, new)
    except Refusal as refusal:
        return _ask(request, identity, person, form.refused(refusal))
    return see_other("/users?done=user_created")


@router.post("/users/{user_id}/enable")
async def enable(user_id: Uuid, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await users.update_user(change, user_id, {"enabled": True})
    return see_other("/users?done=user_enabled")


@router.post("/users/{user_id}/disable")
async def disable(user_id: Uuid, house: HouseHere, person: Writer) -> Response:
    async with house.audit_log.change(person.call) as change:
        await users.update_user(change, user_id, {"enabled": False})
    return see_other("/users?done=user_disabled")


@router.get("/users/{user_id}")
async def show_one(user_id: Uuid, request: Request, house: HouseHere, person: Reader) -> Response:
    return await _one(request, house, person, user_id, None)


@router.post("/users/{user_id}")
async def update(
    user_id: Uuid, request: Request, house: HouseHere, identity: IdentityHere, person: Writer
) -> Response:
    form = await read_form(request)
    try:
        entered: dict[str, Any] = {name: form.text(name) for name in ("username", "name", "email")}
        entered |= {name: given for name in ("role", "tenant_id") if (given := form.text(name))}
        if password := form.password("password"):
            entered["password"] = password
        body = checked(UserUpdate, _EXPECTED, allowed_groups=form.lines("allowed_groups"), **entered)
        values = body.sent(clearable=CLEARABLE)
        hashed = await hash_of(identity, values.pop("password", None))
        async with house.audit_log.change(person.call) as change:
            await users.update_user(change, user_id, values, password_hash=hashed)
    except Refusal as refusal:
        return await _one(request, house, person, user_id, form.refused(refusal))
    return see_other(f"/users/{user_id}?done=user_saved")


@router.get("/users/{user_id}/delete")
async def ask_delete(user_id: Uuid, request: Request, house: HouseHere, person: Writer) -> Response:
    return ask_name(request, _doomed(await _find(house, user_id)))


@router.post("/users/{user_id}/delete")
async def delete(
    user_id: Uuid, request: Request, house: HouseHere, identity: IdentityHere, person: Writer
) -> Response:
    form = await read_form(request)
    doomed = _doomed(await _find(house, user_id))
    try:
        check_name(form, doomed)
        async with house.audit_log.change(person.call) as change:
            await users.delete_user(change, user_id, identity.keeps_users)
    except Refusal as refusal:
        return ask_name(request, doomed, form.refused(refusal))
    return see_other("/users?done=user_deleted")


def _doomed(user: User) -> Doomed:
    gone = "Their keys and sessions go with them. The ledger and the audit log keep what they did."
    at = f"/users/{user.id}"
    return Doomed(
        "account", user.username, gone, f"{at}/delete", at, facts=(("Balance", usd(user.balance_nano_usd)),)
    )


async def _find(house: House, user_id: str) -> User:
    async with house.database.read() as tx:
        return await users.get_user(tx, user_id)


async def _one(request: Request, house: House, person: Person, user_id: str, form: Form | None) -> Response:
    async with house.database.read() as tx:
        user = await users.get_user(tx, user_id)
        plan = (await plans.plan_of_user(tx, user_id)).plan
        known = (await tenants.list_tenants(tx, _ALL)).items
    may_change = person.may("users.write") and (user.id == person.user_id or _switchable(person, user))
    form = form or Form(
        {
            "username": user.username,
            "name": user.name or "",
            "email": user.email or "",
            "role": user.role,
            "tenant_id": user.tenant_id,
            "allowed_groups": "\n".join(user.allowed_groups),
        }
    )
    return render(
        request,
        "identity/user.html",
        user=user,
        plan=plan,
        tenants=[(tenant.id, tenant.name) for tenant in known],
        roles=[(role, title) for role, title in _ROLES.items() if _allowed(person.call.principal, role)],
        may_change=may_change,
        may_delete=may_change and user.id != person.user_id,
        form=form,
        refusal=form.refusal,
    )


def _ask(request: Request, identity: Identity, person: Person, form: Form) -> Response:
    return render(
        request,
        "identity/user_new.html",
        form=form,
        refusal=form.refusal,
        roles=[(role, title) for role, title in _ROLES.items() if _allowed(person.call.principal, role)],
        # Without a password an account is of use only to somebody who comes by way of a provider.
        password_required=not identity.providers,
    )


def _switchable(person: Person, user: User) -> bool:
    actor = person.call.principal
    return person.may("users.write") and user.id != person.user_id and _allowed(actor, user.role)


def _allowed(actor: Principal, role: UserRole) -> bool:
    """Whether somebody may manage accounts of a role, and so also hand it out."""
    try:
        model.check_may_manage(actor, role)
    except RoleTooHigh:
        return False
    return True
