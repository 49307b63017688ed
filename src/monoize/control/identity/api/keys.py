"""/api/keys: API keys, one's own; with `keys.read` and `keys.write` everybody's."""

from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call, Permission
from monoize.contract.captures import CaptureMode
from monoize.control.edge.caller import Mutation, NotPermitted, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.redirects import KEY_REDIRECTS_MOST, RedirectRule
from monoize.control.edge.routers import Router
from monoize.control.edge.transforms import KeyRules
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.control.identity.actions import keys
from monoize.control.identity.actions.keys import CreatedKey
from monoize.control.identity.api.wire import (
    LIST_MOST,
    Amount,
    CacheTtl,
    Future,
    Group,
    ModelGlob,
    Multiplier,
    Network,
    PositiveLimit,
    ShortName,
)
from monoize.control.identity.model import ApiKey

router = Router(prefix="/keys", tags=["keys"])


class KeyLimits(Wire):
    expires_at: Future | None = None
    model_limits_enabled: bool = False
    model_limits: Annotated[list[ModelGlob], Field(max_length=LIST_MOST)] = []
    ip_whitelist: Annotated[list[Network], Field(max_length=LIST_MOST)] = []
    allowed_groups: Annotated[list[Group], Field(max_length=LIST_MOST)] = []
    max_multiplier: Multiplier | None = None
    model_redirects: Annotated[list[RedirectRule], Field(max_length=KEY_REDIRECTS_MOST)] = []
    transforms: KeyRules = []
    requests_per_minute: PositiveLimit | None = None
    tokens_per_minute: PositiveLimit | None = None
    max_concurrent: PositiveLimit | None = None
    daily_budget_nano_usd: Amount | None = None
    monthly_budget_nano_usd: Amount | None = None
    request_capture_mode: CaptureMode = "off"
    cache_ttl_s: CacheTtl | None = None


class KeyCreate(KeyLimits):
    name: ShortName
    user_id: Uuid | None = None


class KeyUpdate(KeyLimits):
    """Only what is sent changes; null takes a limit away."""

    name: ShortName | None = None
    enabled: bool | None = None


_CLEARABLE = frozenset(
    {
        "expires_at",
        "max_multiplier",
        "requests_per_minute",
        "tokens_per_minute",
        "max_concurrent",
        "daily_budget_nano_usd",
        "monthly_budget_nano_usd",
        "cache_ttl_s",
    }
)


@router.get("")
async def list_keys(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("self")],
    user_id: Annotated[Uuid | None, Query(description="Another user's keys; needs keys.read.")] = None,
    everybody: Annotated[bool, Query(description="All users' keys; needs keys.read.")] = False,
) -> Page[ApiKey]:
    whose = None if everybody else _owner(call, user_id, "keys.read")
    if everybody and not call.principal.may("keys.read"):
        raise NotPermitted(needed="keys.read")
    async with house.database.read() as tx:
        return await keys.list_keys(tx, window, user_id=whose)


@router.post("", status_code=201, response_model=CreatedKey)
async def create_key(body: KeyCreate, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    owner = _owner(mutation.call, body.user_id, "keys.write")
    values = body.model_dump(exclude={"user_id"})
    return await mutation.run(lambda change: keys.create_key(change, owner, values), status=201)


@router.get("/{key_id}")
async def get_key(key_id: Uuid, house: HouseHere, call: Annotated[Call, requires("self")]) -> ApiKey:
    async with house.database.read() as tx:
        return await keys.get_key(tx, call.principal, key_id)


@router.patch("/{key_id}", response_model=ApiKey)
async def update_key(key_id: Uuid, body: KeyUpdate, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    values = body.sent(clearable=_CLEARABLE)
    return await mutation.run(lambda change: keys.update_key(change, key_id, values))


@router.delete("/{key_id}", status_code=204)
async def delete_key(key_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    return await mutation.run(lambda change: keys.delete_key(change, key_id))


def _owner(call: Call, wanted: str | None, permission: Permission) -> str:
    """Whose keys are meant: one's own, or with the permission somebody else's."""
    principal = call.principal
    owner = wanted or principal.user_id
    if owner is None:
        raise NotPermitted(hint="A token has no keys of its own: name a user with user_id.")
    if owner != principal.user_id and not principal.may(permission):
        raise NotPermitted(needed=permission)
    return owner
