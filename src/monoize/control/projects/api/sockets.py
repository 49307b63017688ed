"""The streams of logs and stats over WebSockets: `/api/services/{service_id}/logs/socket` and `…/stats/socket`.

A browser sends its cookie along from wherever it is: so one that says where it comes from has to come from our own
pages. Everything is checked before the connection is accepted; a refusal is a plain 403 of HTTP, or 404.
"""

from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Path, Query, WebSocket
from starlette.requests import Request

from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import Call
from monoize.control.edge.caller import NotPermitted, identify
from monoize.control.edge.house import house_of
from monoize.control.edge.routers import Router
from monoize.control.edge.same_origin import ForeignOrigin
from monoize.control.edge.wire import BIG_INTEGER_MOST
from monoize.control.projects.actions import running
from monoize.control.projects.actions.running import TAIL_MOST, Tell
from monoize.control.projects.api.live_events import over_websocket
from monoize.control.projects.api.scope import within_scope
from monoize.control.projects.services import projects_of
from monoize.infra.client_address import client_address, parse_networks
from monoize.infra.docker import DockerError

router = Router()

_REFUSED: Final = 1008
_AWAY: Final = 1013
ServiceId = Annotated[int, Path(ge=1, le=BIG_INTEGER_MOST)]
Tail = Annotated[int, Query(ge=0, le=TAIL_MOST)]


@router.websocket("/services/{service_id}/logs/socket")
async def logs_socket(socket: WebSocket, service_id: ServiceId, tail: Tail = 100) -> None:
    await _served(socket, service_id, tail)


@router.websocket("/services/{service_id}/stats/socket")
async def stats_socket(socket: WebSocket, service_id: ServiceId) -> None:
    await _served(socket, service_id, None)


async def _served(socket: WebSocket, service_id: int, tail: int | None) -> None:
    house, projects = house_of(socket), projects_of(socket)
    try:
        call = await _admitted(socket)
        found = await running.instances_of(
            house.database, projects.engine, service_id, replica=None, running=tail is None
        )
        with projects.audience.one_more(call.principal):
            await socket.accept()

            async def listen(tell: Tell) -> None:
                if tail is None:
                    await running.follow_readings(projects.engine, found, tell)
                else:
                    await running.follow(projects.engine, found, tail, tell)

            await over_websocket(socket, projects.audience, listen)
    except Refusal as refusal:
        await socket.close(_REFUSED, refusal.code)
    except DockerError:
        await socket.close(_AWAY, "engine_unavailable")


async def _admitted(socket: WebSocket) -> Call:
    """As `requires` does it for HTTP: who asks, where from, and whether the service is theirs to see."""
    house = house_of(socket)
    origin = socket.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc not in (
        socket.headers.get("host"),
        urlsplit(house.settings.public_url).netloc or None,
    ):
        raise ForeignOrigin
    peer = socket.client.host if socket.client else None
    state = {
        "request_id": new_id(),
        "ip": client_address(peer, socket.scope["headers"], parse_networks(house.settings.trusted_proxies)),
    }
    request = Request({**socket.scope, "type": "http", "method": "GET", "state": state})
    call = await identify(request)
    if not call.principal.may("projects.read"):
        raise NotPermitted
    await within_scope(request, call)
    return call
