"""/api/users: accounts, for administrators."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call, UserRole
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.control.identity import model
from monoize.control.identity.actions import users
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.wire import LIST_MOST, Email, Group, Password, PersonName, Username
from monoize.control.identity.model import User
from monoize.control.identity.services import Identity

router = Router(prefix="/users", tags=["users"])


class UserCreate(Wire):
    username: Username
    password: Password | None = None
    email: Email | None = None
    name: PersonName | None = None
    role: UserRole = "user"
    tenant_id: Uuid = model.DEFAULT_TENANT_ID
    allowed_groups: Annotated[list[Group], Field(max_length=LIST_MOST)] = []


class UserUpdate(Wire):
    """Only what is sent changes. A new password, or `enabled: false`, ends the user's sessions."""

    username: Username | None = None
    password: Password | None = None
    email: Email | None = None
    name: PersonName | None = None
    role: UserRole | None = None
    enabled: bool | None = None
    tenant_id: Uuid | None = None
    allowed_groups: Annotated[list[Group], Field(max_length=LIST_MOST)] | None = None


CLEARABLE = frozenset({"email", "name"})


@router.get("")
async def list_users(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("users.read")],
    username: Annotated[str | None, Query(max_length=64, description="Only the user of this name.")] = None,
) -> Page[User]:
    async with house.database.read() as tx:
        return await users.list_users(tx, window, username=username)


@router.post("", status_code=201, response_model=User)
async def create_user(
    body: UserCreate, identity: IdentityHere, mutation: Annotated[Mutation, mutates("users.write")]
) -> Response:
    new = NewUser(
        **body.model_dump(exclude={"password"}),
        password_hash=await hash_of(identity, body.password),
    )
    return await mutation.run(lambda change: users.create_user(change, new), status=201)


@router.get("/{user_id}")
async def get_user(user_id: Uuid, house: HouseHere, call: Annotated[Call, requires("users.read")]) -> User:
    async with house.database.read() as tx:
        return await users.get_user(tx, user_id)


@router.patch("/{user_id}", response_model=User)
async def update_user(
    user_id: Uuid,
    body: UserUpdate,
    identity: IdentityHere,
    mutation: Annotated[Mutation, mutates("users.write")],
) -> Response:
    values = body.sent(clearable=CLEARABLE)
    password_hash = await hash_of(identity, values.pop("password", None))
    return await mutation.run(
        lambda change: users.update_user(change, user_id, values, password_hash=password_hash)
    )


@router.delete("/{user_id}", status_code=204)
async def delete_user(
    user_id: Uuid, identity: IdentityHere, mutation: Annotated[Mutation, mutates("users.write")]
) -> Response:
    return await mutation.run(lambda change: users.delete_user(change, user_id, identity.keeps_users))


async def hash_of(identity: Identity, password: str | None) -> str | None:
    if password is None:
        return None
    model.check_password_strength(password)
    return await identity.passwords.hash(password)
