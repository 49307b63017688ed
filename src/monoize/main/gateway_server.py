"""`monoize serve gateway`: the data plane of models in a process of its own, behind the wall.

It loads nothing of the control plane, knows no database, and can be run as often as there are cores.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final

import uvloop
from starlette.types import Receive, Scope, Send

from monoize import __version__
from monoize.base.errors import StartupProblem, Unavailable
from monoize.base.exposition import MEDIA_TYPE
from monoize.contract.wall import PURPOSE, SEALED_FOR
from monoize.gateway.app import is_ours
from monoize.gateway.exchange import JSON_TYPE, Header
from monoize.gateway.follower import EVERY_S, Follower
from monoize.gateway.upstream.client import Client
from monoize.gateway.wall import Wall
from monoize.infra import log
from monoize.infra.background import Background
from monoize.infra.sealed import Seal
from monoize.infra.settings import Settings
from monoize.main.above import Above
from monoize.main.garbage import collect_seldom
from monoize.main.gateway import DataPlane, open_gateway
from monoize.main.health import HEALTH, healthy
from monoize.main.key_file import key_of_control_plane
from monoize.main.listening import Say, Server, address_of, listening
from monoize.main.money import open_money
from monoize.main.quotas import open_quotas

LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_NOT_FOUND: Final = b'{"error":{"code":"not_found","message":"This process serves models only."}}'


def serve(settings: Settings, say: Say) -> None:
    """Listen until SIGTERM or SIGINT, then let open requests finish and hand over what they cost."""
    log.configure(settings.log_level, settings.log_format)
    with listening(settings) as listener:
        uvloop.run(_serve(settings, listener, say))
    say("The gateway has stopped.")


async def _serve(settings: Settings, listener: socket.socket, say: Say) -> None:
    door = Door()
    server = Server(door, settings)
    server.obey_signals()
    try:
        async with _open(settings) as door.plane:
            collect_seldom()
            say(f"Monoize {__version__}, a gateway, is ready at {address_of(settings, listener)}")
            await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        if not server.should_exit:
            raise


@contextlib.asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[DataPlane]:
    if not settings.control_url:
        raise StartupProblem("a gateway of its own needs control_url, such as http://127.0.0.1:8080")
    seal = Seal(key_of_control_plane(settings))
    async with contextlib.AsyncExitStack() as stack:
        client = Client()
        stack.push_async_callback(client.close)
        wall = Wall(client, settings.control_url, lambda question: seal.sign(PURPOSE, question))
        follower = Follower(wall, lambda credential, channel_id: seal.open(credential, SEALED_FOR, channel_id))
        try:
            await follower.begin()
        except Unavailable as problem:
            raise StartupProblem(
                f"the control plane at {settings.control_url} cannot be followed: {problem.message} "
                "It must run with the same master key"
            ) from problem
        above = Above(wall, wall, wall, wall.posting, lambda: follower.current)
        money = await stack.enter_async_context(open_money(settings, above))
        quotas = await stack.enter_async_context(open_quotas(settings))
        plane = await stack.enter_async_context(open_gateway(settings, above, money, quotas))
        background = Background()
        background.every(EVERY_S, "wall.follow", lambda: follower.follow(plane.keys, money.refresher))
        stack.push_async_callback(background.stop)
        yield plane


class Door:
    """Models for everybody, figures for this machine, and nothing else."""

    plane: DataPlane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self.plane.sockets(scope, receive, send)
        elif is_ours(scope["path"]):
            await self.plane.gateway(scope, receive, send)
        elif scope["path"] == HEALTH:
            await healthy(scope, receive, send)
        elif scope["path"] == "/metrics" and scope["client"] and scope["client"][0] in LOOPBACK:
            figures = "".join(self.plane.gateway.bystanders.figures()).encode()
            await _answer(send, 200, figures, MEDIA_TYPE.encode())
        else:
            await _answer(send, 404, _NOT_FOUND, JSON_TYPE)


async def _answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    headers: list[Header] = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
