"""How an endpoint learns who calls: `requires` for reading, `mutates` for changing.

async def list_users(call: Annotated[Call, requires("users.read")]) -> …
async def create_user(…, mutation: Annotated[Mutation, mutates("users.write")]) -> Response:
    return await mutation.run(lambda change: actions.create_user(change, …), status=201)
"""

import dataclasses
import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends
from fastapi.security import HTTPBearer
from pydantic import TypeAdapter
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from monoize.base.errors import BadRequest, Forbidden
from monoize.base.principal import Call, Permission
from monoize.control.edge.house import House, Presented, house_of
from monoize.control.edge.same_origin import check_same_origin
from monoize.infra.audit_log import Change
from monoize.infra.idempotency import Answer, Once, StillRunning

SESSION_COOKIE: Final = "monoize_session"
SECURE_SESSION_COOKIE: Final = "__Host-monoize_session"
SESSION_COOKIES: Final = (SECURE_SESSION_COOKIE, SESSION_COOKIE)
AUTHJS_COOKIES: Final = ("__Secure-authjs.session-token", "authjs.session-token")
_CREDENTIAL_MOST: Final = 512
_IDEMPOTENCY_KEY_MOST: Final = 191

Result = TypeVar("Result")


class NotPermitted(Forbidden):
    """Your role or your token's scopes do not include this."""

    code = "not_permitted"


class BadIdempotencyKey(BadRequest):
    """An Idempotency-Key has 1 to 191 printable ASCII characters."""

    code = "bad_idempotency_key"


# Only describes the credential in the OpenAPI document; `presented` is what reads it.
_documented = HTTPBearer(auto_error=False, description="A named token, a session token or an API key.")


def presented(request: HTTPConnection) -> Presented:
    """What the request shows: a bearer token, else an `x-api-key`, else a session cookie."""
    headers = request.headers
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    shown = Presented(bearer=token[: _CREDENTIAL_MOST + 1], ip=request.state.ip) if token else by_cookie(request)
    return dataclasses.replace(shown, act_for=headers.get("x-user-id"))


def by_cookie(request: HTTPConnection) -> Presented:
    """What a browser shows: our session cookie, else that of Auth.js where it is believed."""
    ours = _first_cookie(request, SESSION_COOKIES)
    theirs = _first_cookie(request, AUTHJS_COOKIES) if house_of(request).settings.authjs_sessions else None
    return Presented(session=ours, authjs_session=None if ours else theirs, ip=request.state.ip)


def _first_cookie(request: HTTPConnection, names: Sequence[str]) -> str | None:
    found = next((request.cookies[name] for name in names if request.cookies.get(name)), None)
    return found and found[: _CREDENTIAL_MOST + 1]


async def identify(request: Request) -> Call:
    """The authenticated caller of this request; a cookie counts only for our own pages."""
    house = house_of(request)
    shown = presented(request)
    if shown.session or shown.authjs_session:
        check_same_origin(request, house.settings.public_url)
    principal = await house.authenticator.authenticate(shown)
    call = Call(principal, request.state.request_id, request.state.ip)
    request.state.call = call
    return call


def requires(permission: Permission | None) -> Any:
    """A dependency that yields the Call of a principal with `permission` (None: any principal)."""

    async def permitted(request: Request, _: Annotated[Any, Depends(_documented)]) -> Call:
        call = await identify(request)
        if permission is not None and not call.principal.may(permission):
            raise NotPermitted(hint=f"Ask for the permission {permission}.", needed=permission)
        return call

    return Depends(permitted)


@dataclasses.dataclass(frozen=True, slots=True)
class Mutation:
    """One changing request: runs an action in one transaction, once for each Idempotency-Key."""

    call: Call
    house: House
    once: Once | None = None

    async def run(
        self, action: Callable[[Change], Awaitable[Result]], *, status: int | Callable[[Result], int] = 200
    ) -> Response:
        """`status` is a function where what was done decides about it."""
        earlier = await self._earlier()
        if earlier:
            return _response(earlier, replayed=True)
        try:
            async with self.house.audit_log.change(self.call) as change:
                if self.once:
                    await self.once.claim(change.tx)
                result = await action(change)
                answer = _answer(result, status(result) if callable(status) else status)
                if self.once:
                    await self.once.keep(change.tx, self.house.seal, answer)
        except StillRunning:
            # Our twin committed while we waited for its lock, or is still at work.
            earlier = await self._earlier()
            if earlier is None:
                raise
            return _response(earlier, replayed=True)
        return _response(answer)

    async def _earlier(self) -> Answer | None:
        if self.once is None:
            return None
        async with self.house.database.read() as tx:
            return await self.once.earlier(tx, self.house.seal)


def mutates(permission: Permission) -> Any:
    """A dependency that yields the Mutation of a principal with `permission`."""

    async def permitted(request: Request, call: Annotated[Call, requires(permission)]) -> Mutation:
        return Mutation(call, house_of(request), await _once(request, call))

    return Depends(permitted)


async def _once(request: Request, call: Call) -> Once | None:
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return None
    if not (1 <= len(key) <= _IDEMPOTENCY_KEY_MOST and key.isascii() and key.isprintable()):
        raise BadIdempotencyKey
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    return Once.of(f"{call.principal.kind}:{call.principal.id}", key, asked)


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _answer(result: object, status: int) -> Answer:
    if result is None:
        return Answer(204, "")
    kind: Any = type(result)
    return Answer(status, _adapter(kind).dump_json(result).decode())


def _response(answer: Answer, *, replayed: bool = False) -> Response:
    headers = {"idempotent-replayed": "true"} if replayed else None
    if answer.status == 204:
        return Response(status_code=204, headers=headers)
    return Response(answer.body, answer.status, headers, media_type="application/json")
