"""/api/tokens: named tokens, the credentials of programs."""

from typing import Annotated

from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from monoize.base.principal import Call, Permission, TokenRole
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import number_window
from monoize.control.edge.wire import BIG_INTEGER_MOST, Page, Uuid, Window, Wire
from monoize.control.identity import model
from monoize.control.identity.actions import tokens
from monoize.control.identity.actions.tokens import CreatedToken, NewToken
from monoize.control.identity.api.here import IdentityHere
from monoize.control.identity.api.wire import Future, TokenName
from monoize.control.identity.model import Token

router = Router(prefix="/tokens", tags=["tokens"])


class TokenCreate(Wire):
    """Without `scopes` a token may do all that its role may; the scope `impersonate` must be named.

    With `projects` it reaches those alone, and nothing outside of them.
    """

    name: TokenName
    role: TokenRole = "viewer"
    scopes: Annotated[list[Permission], Field(max_length=50)] | None = None
    projects: Annotated[list[Annotated[int, Field(ge=1, le=BIG_INTEGER_MOST)]], Field(max_length=100)] | None = None
    expires_at: Future | None = None
    tenant_id: Uuid | None = None


@router.get("")
async def list_tokens(
    house: HouseHere,
    window: Annotated[Window, Depends(number_window)],
    call: Annotated[Call, requires("tokens.read")],
) -> Page[Token]:
    async with house.database.read() as tx:
        return await tokens.list_tokens(tx, window)


@router.post("", status_code=201, response_model=CreatedToken)
async def create_token(
    body: TokenCreate, identity: IdentityHere, mutation: Annotated[Mutation, mutates("tokens.write")]
) -> Response:
    tenant_id = body.tenant_id or mutation.call.principal.tenant_id or model.DEFAULT_TENANT_ID
    new = NewToken(body.name, body.role, tenant_id, body.scopes, body.projects, body.expires_at)
    secret = model.new_token()
    hashed = await identity.passwords.hash_token(secret.secret)
    return await mutation.run(lambda change: tokens.create_token(change, new, secret, hashed), status=201)


@router.delete("/{name}", status_code=204)
async def delete_token(name: TokenName, mutation: Annotated[Mutation, mutates("tokens.write")]) -> Response:
    return await mutation.run(lambda change: tokens.delete_token(change, name))
