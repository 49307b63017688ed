"""How the hosts' API learns who calls, and how it answers: in an envelope of its own, on success and on refusal.

A router of open addresses has `route_class=OpenRoute`, one of addresses that ask for a host key has
`route_class=HostRoute` and endpoints that take a `HostCallerHere`. The order is the same everywhere: pace, switch,
key, shape of the body; then the endpoint calls `caller.admit(…)`: installation, address, window.
"""

import contextlib
import dataclasses
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal, TooMany, Unauthenticated
from monoize.base.principal import Call
from monoize.control.edge.house import House, house_of
from monoize.control.edge.problem import MalformedBody, pointer
from monoize.control.fleet.actions import calls
from monoize.control.fleet.authenticator import KnownHost
from monoize.control.fleet.errors import AddressNotBound, HostCallInvalid, OtherInstallation
from monoize.control.fleet.model.hosts import Host, check_window, host_principal
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.services import Fleet, fleet_of
from monoize.infra.audit_log import Change

_KEY_CHARS_MOST: Final = 512
_ERRORS_LISTED_MOST: Final = 20

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclasses.dataclass(frozen=True, slots=True)
class HostCaller:
    """One call of a host that showed a valid key. `key` is that key, for what is made for this host alone."""

    host: Host
    pool: Pool
    key: str = dataclasses.field(repr=False)
    call: Call
    house: House
    fleet: Fleet

    async def admit(
        self, *, installation_id: str | None = None, forced: bool = False, windowed: bool = True
    ) -> "HostCaller":
        """The caller as it may go on: at home here, at its own address (`forced` makes it so), in its window."""
        if installation_id is not None:
            published = await self.fleet.published.current()
            if installation_id != published.installation_id:
                raise OtherInstallation
        host = await self._at_its_address(forced=forced)
        if windowed:
            check_window(host, utc_now())
        return dataclasses.replace(self, host=host)

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        """A change by this host: one transaction, one audit row."""
        async with self.house.audit_log.change(self.call) as change:
            yield change

    async def counted(self, *, client_version: str | None = None, wrapper_version: str | None = None) -> None:
        """Count a call that writes nothing else."""
        async with self.house.database.write() as tx:
            await calls.count(
                tx, self.host, utc_now(), client_version=client_version, wrapper_version=wrapper_version
            )

    async def _at_its_address(self, *, forced: bool) -> Host:
        ip = self.call.ip
        try:
            if not calls.changes_address(self.host, ip, forced=forced):
                return self.host
            assert ip is not None
            async with self.change() as change:
                return await calls.bind_address(change, self.host.id, ip, utc_now(), forced=forced)
        except AddressNotBound:
            await calls.tell_of_denied(self.house.database, self.host, ip, utc_now())
            raise


class OpenRoute(APIRoute):
    """An address of the hosts' API that anybody may ask."""

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                await self.knock(request)
                return await inner(request)
            except RequestValidationError as problem:
                return refusal(_invalid(problem))
            except HTTPException as problem:
                if problem.status_code != HTTPStatus.BAD_REQUEST:
                    raise
                return refusal(MalformedBody())
            except Refusal as problem:
                return refusal(problem)

        return answered

    async def knock(self, request: Request) -> None:
        await fleet_of(request).authenticator.knock(None, request.state.ip)

    def refused(self, problem: Refusal) -> Response:
        """What is refused before this route is reached, or goes wrong behind it, is told in its words as well."""
        return refusal(problem)


class HostRoute(OpenRoute):
    """An address of the hosts' API that asks for a host key."""

    async def knock(self, request: Request) -> None:
        authenticator = fleet_of(request).authenticator
        key, ip = _shown_key(request), request.state.ip
        await authenticator.knock(key, ip)
        known = await authenticator.authenticate(key, ip)
        request.state.host_caller = _caller(request, known, key or "")


def _caller(request: Request, known: KnownHost, key: str) -> HostCaller:
    call = Call(host_principal(known.host), request.state.request_id, request.state.ip)
    request.state.call = call
    return HostCaller(known.host, known.pool, key, call, house_of(request), fleet_of(request))


def _host_caller(request: Request) -> HostCaller:
    caller: HostCaller = request.state.host_caller
    return caller


HostCallerHere = Annotated[HostCaller, Depends(_host_caller)]


def _shown_key(request: Request) -> str | None:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = bearer.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "").strip()
    return key[: _KEY_CHARS_MOST + 1] or None


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def ok(data: object, *, status: int = 200) -> Response:
    """A success, around a value or a mapping of values."""
    kind: Any = dict[str, Any] if isinstance(data, dict) else type(data)
    body = b'{"status":"ok","data":' + _adapter(kind).dump_json(data) + b"}"
    return Response(body, status, media_type="application/json")


def refusal(problem: Refusal) -> Response:
    details = dict(problem.details) | ({"hint": problem.cure} if problem.cure else {})
    headers = {}
    if isinstance(problem, TooMany):
        headers["retry-after"] = str(problem.retry_after_s)
    if isinstance(problem, Unauthenticated):
        headers["www-authenticate"] = 'Bearer realm="monoize"'
    error = {"code": problem.code, "message": problem.message, "details": details}
    return JSONResponse({"error": error}, problem.status, headers)


def _invalid(problem: RequestValidationError) -> Refusal:
    found = problem.errors()
    if any(error["type"] == "json_invalid" for error in found):
        return MalformedBody()
    listed = [{"pointer": pointer(error["loc"]), "message": error["msg"]} for error in found[:_ERRORS_LISTED_MOST]]
    return HostCallInvalid(errors=listed)
