"""/users: everybody's accounts, for administrators."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from monoize.base.errors import Refusal
from monoize.base.principal import Principal, UserRole
from monoize.control.edge.here import HouseHere
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Uuid, Window
from monoize.control.identity import model
from monoize.control.identity.actions import users
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.users import UserCreate, hash_of
from monoize.control.identity.errors import RoleTooHigh
from monoize.control.identity.model import User
from monoize.control.identity.services import Identity
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
        "users.html",
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


def _ask(request: Request, identity: Identity, person: Person, form: Form) -> Response:
    return render(
        request,
        "user_new.html",
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
