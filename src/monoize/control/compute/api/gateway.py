"""/api/agents/{id}/gateway/…: an agent's own gateway for those whose agent it is, over HTTP and WebSockets.

The token is put in here, and what comes back is shown in a sandbox: an agent's pages come from our address and must
not be ours. /health, /config, /workspace and /restart are what Monoize itself asks of an agent.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.principal import Call
from monoize.control.compute.actions import gateway, power
from monoize.control.compute.actions.gateway import Passage
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.drivers.agent_gateway import Place
from monoize.control.compute.errors import NoSuchAgent, NoSuchWorkspaceFile
from monoize.control.compute.model.gateway import (
    FILE_BYTES_MOST,
    WORKSPACE_FILES,
    answered_headers,
    asked_headers,
    asked_path,
    denied,
)
from monoize.control.compute.model.shown import Asked
from monoize.control.compute.services import compute_of
from monoize.control.edge.caller import Mutation, NotPermitted, identify, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import house_of
from monoize.control.edge.routers import Router
from monoize.control.edge.sockets import identify_socket
from monoize.control.edge.wire import STORABLE, Uuid, Wire

router = Router(prefix="/agents/{agent_id}", tags=["agents"])

PATH: Final = "/api/agents/{agent_id}/gateway/{path:path}"
_DONE: Final = 1000
_REFUSED: Final = 1008
_OF_APPLICATIONS: Final = range(3000, 5000)

FileRef = Annotated[str, Path(max_length=64, description="AGENTS.md, SOUL.md or IDENTITY.md.")]
ConfigPatch = Annotated[dict[str, Any], Field(min_length=1, max_length=200)]


class AgentHealth(Wire):
    healthy: bool
    said: str


class Configured(Wire):
    result: Any = None


class ConfigChange(Wire):
    patch: ConfigPatch


class FileContent(Wire):
    content: Annotated[str, Field(max_length=FILE_BYTES_MOST), STORABLE]


@router.get("/health")
async def agent_health(
    agent_id: Uuid, house: HouseHere, compute: ComputeHere, call: Annotated[Call, requires("self")]
) -> AgentHealth:
    """Whether the agent answers on its machine."""
    async with house.database.read() as tx:
        place = await gateway.place_of(tx, house.seal, call.principal, agent_id, utc_now())
    healthy, said = await compute.gateways.health(place)
    return AgentHealth(healthy=healthy, said=said)


@router.put("/config", response_model=Configured)
async def configure_agent(
    agent_id: Uuid, body: ConfigChange, compute: ComputeHere, mutation: Annotated[Mutation, mutates("self")]
) -> Configured:
    """Pushed to the agent that runs, as a patch of what it has."""
    place = await _place(mutation, agent_id)
    await mutation.run(lambda change: gateway.record_config(change, agent_id, body.patch))
    return Configured(result=await compute.gateways.call(place, "config.patch", {"patch": body.patch}))


@router.put("/workspace/{filename}", response_model=Configured)
async def write_workspace_file(
    agent_id: Uuid,
    filename: FileRef,
    body: FileContent,
    compute: ComputeHere,
    mutation: Annotated[Mutation, mutates("self")],
) -> Configured:
    """One of the files that say what the agent is."""
    if filename not in WORKSPACE_FILES:
        raise NoSuchWorkspaceFile
    place = await _place(mutation, agent_id)
    size = len(body.content.encode())
    await mutation.run(lambda change: gateway.record_file(change, agent_id, filename, size))
    params = {"name": filename, "content": body.content}
    return Configured(result=await compute.gateways.call(place, "agents.files.set", params))


@router.post("/restart", status_code=202, response_model=Asked)
async def restart_agent(agent_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """Its machine stops and starts."""
    async with mutation.house.database.read() as tx:
        machine_id = await power.machine_of(tx, mutation.call.principal, agent_id)
    return await mutation.run(lambda change: power.restart(change, machine_id, utc_now()), status=202)


async def _place(mutation: Mutation, agent_id: str) -> Place:
    house = mutation.house
    async with house.database.read() as tx:
        return await gateway.place_of(tx, house.seal, mutation.call.principal, agent_id, utc_now())


def install(app: FastAPI) -> None:
    """What is passed on as it comes, whatever its method: no part of our own API."""
    app.add_route(PATH, _Http(), include_in_schema=False)  # type: ignore[arg-type]
    app.add_api_websocket_route(PATH, _socket)


class _Http:
    """An ASGI application: the answer goes on while it comes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = await identify(request)
        if not call.principal.may("self"):
            raise NotPermitted(needed="self")
        path = asked_path(request.path_params["path"], request.method)
        place = await _of_request(request, call)
        compute = compute_of(request)
        body = await request.body()
        compute.passage.count(place.machine_id, len(body))
        headers = asked_headers(request.headers.items())
        asked = (request.method, path, request.url.query, headers, body)
        async with compute.gateways.ask(place, *asked) as answer:

            async def counted() -> AsyncIterator[bytes]:
                async for piece in answer.aiter_raw():
                    compute.passage.count(place.machine_id, len(piece))
                    yield piece

            passed = StreamingResponse(counted(), answer.status_code)
            passed.raw_headers = [
                (name.encode("latin-1"), value.encode("latin-1"))
                for name, value in answered_headers(answer.headers.multi_items())
            ]
            await passed(scope, receive, send)


async def _socket(socket: WebSocket) -> None:
    try:
        call = await identify_socket(socket)
        if not call.principal.may("self"):
            raise NotPermitted(needed="self")
        path = asked_path(socket.path_params["path"], "GET")
        place = await _of_request(socket, call)
        blocked = await _blocked(socket, call)
        compute = compute_of(socket)
        protocols = socket.scope.get("subprotocols", [])
        async with compute.gateways.socket(place, path, socket.url.query, protocols) as agent:
            await socket.accept(subprotocol=agent.subprotocol)
            await _relay(socket, agent, compute.passage, place.machine_id, blocked)
    except Refusal as refusal:
        if socket.application_state != WebSocketState.DISCONNECTED:
            await socket.close(_REFUSED, refusal.code)


async def _of_request(connection: Request | WebSocket, call: Call) -> Place:
    house = house_of(connection)
    agent_id = _uuid(connection.path_params["agent_id"])
    async with house.database.read() as tx:
        return await gateway.place_of(tx, house.seal, call.principal, agent_id, utc_now())


async def _blocked(socket: WebSocket, call: Call) -> Sequence[str]:
    house = house_of(socket)
    agent_id = _uuid(socket.path_params["agent_id"])
    async with house.database.read() as tx:
        usual = house.settings.agent_blocked_methods
        return await gateway.blocked_methods(tx, call.principal, agent_id, usual)


async def _relay(
    socket: WebSocket, agent: ClientConnection, passage: Passage, machine_id: str, blocked: Sequence[str]
) -> None:
    """Until either side ends. Messages are whole here, in however many frames they came."""
    ways = [
        asyncio.get_running_loop().create_task(way)
        for way in (
            _to_agent(socket, agent, passage, machine_id, blocked),
            _to_person(socket, agent, passage, machine_id),
        )
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    if socket.application_state == WebSocketState.CONNECTED and socket.client_state == WebSocketState.CONNECTED:
        code = agent.close_code or _DONE
        await socket.close(code if code in _OF_APPLICATIONS else _DONE)


async def _to_agent(
    socket: WebSocket, agent: ClientConnection, passage: Passage, machine_id: str, blocked: Sequence[str]
) -> None:
    try:
        while True:
            message = await socket.receive()
            if message["type"] != "websocket.receive":
                return
            said: str | bytes = message["text"] if message.get("text") is not None else message["bytes"]
            refused = denied(said, blocked)
            if refused is not None:
                await socket.send_text(refused.answer)
                continue
            passage.count(machine_id, _size(said))
            await agent.send(said)
    except (ConnectionClosed, WebSocketDisconnect):
        return


async def _to_person(socket: WebSocket, agent: ClientConnection, passage: Passage, machine_id: str) -> None:
    try:
        async for said in agent:
            passage.count(machine_id, _size(said))
            if isinstance(said, str):
                await socket.send_text(said)
            else:
                await socket.send_bytes(said)
    except (ConnectionClosed, WebSocketDisconnect):
        return


def _size(said: str | bytes) -> int:
    return len(said.encode()) if isinstance(said, str) else len(said)


def _uuid(written: str) -> str:
    try:
        return str(uuid.UUID(written))
    except ValueError:
        raise NoSuchAgent from None
