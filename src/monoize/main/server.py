"""`monoize serve`: one process that listens, from its first line to its last.

Settings, then the port, then the house: what can fail fails before anything is changed.
"""

import asyncio
import contextlib
import functools
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn
import uvloop
from fastapi import FastAPI

from monoize import __version__
from monoize.base.errors import StartupProblem
from monoize.control.edge.house import House
from monoize.control.identity.actions import first_account
from monoize.control.identity.services import Identity
from monoize.infra import log
from monoize.infra.alarm import Alarm
from monoize.infra.settings import Settings
from monoize.main.application import Door, make_application
from monoize.main.garbage import collect_seldom
from monoize.main.http1.connection import Connection
from monoize.main.websockets import SPOKEN

KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 2048
MOST_CONNECTIONS: Final = 10_000

Say = Callable[[str], None]
"""How a start speaks to the person who runs it; what it says may hold a secret, so it is not the log."""


def serve(settings: Settings, say: Say) -> None:
    """Listen until SIGTERM or SIGINT, then let open requests finish and close everything."""
    log.configure(settings.log_level, settings.log_format)
    with _listening(settings) as listener:
        uvloop.run(_serve(settings, listener, say))
    say("Monoize has stopped.")


async def _serve(settings: Settings, listener: socket.socket, say: Say) -> None:
    app = make_application(settings)
    server = _Server(_config(Door(app), settings), stops=lambda: app.state.ledger.live.close())
    server.obey_signals()
    try:
        async with app.router.lifespan_context(app):
            collect_seldom()
            await _welcome(app, settings, listener, say)
            await server.serve(sockets=[listener])
    except asyncio.CancelledError:
        if not server.should_exit:
            raise


class _Server(uvicorn.Server):
    """uvicorn's server; it hears the signals that stop it from the first moment of the start, not only later."""

    def __init__(self, config: uvicorn.Config, *, stops: Callable[[], None]) -> None:
        super().__init__(config)
        self._stops = stops

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Streams that never end by themselves would be waited for.
        self._stops()
        await super().shutdown(sockets)

    def obey_signals(self) -> None:
        starting = asyncio.current_task()
        assert starting is not None

        def stop(number: int) -> None:
            self.handle_exit(number, None)
            if not self.started:
                starting.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop, number)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Door, settings: Settings) -> uvicorn.Config:
    connection: Any = functools.partial(Connection, alarm=Alarm(asyncio.get_running_loop()))
    return uvicorn.Config(
        app,
        lifespan="off",
        loop="none",
        http=connection,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=settings.shutdown_grace_s,
        **SPOKEN,
    )


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The port is ours before the database is touched; early callers wait in its queue until we are ready."""
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise StartupProblem(
            f"cannot listen on {settings.host}: {problem}; choose another with --host"
        ) from problem
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((settings.host, settings.port))
            # At once: until somebody listens, two processes may bind the same port.
            listener.listen(BACKLOG)
        except OSError as problem:
            raise StartupProblem(
                f"cannot listen on {settings.host}:{settings.port}: {problem.strerror}; "
                "stop what is listening there, or choose another port with --port"
            ) from problem
        yield listener


async def _welcome(app: FastAPI, settings: Settings, listener: socket.socket, say: Say) -> None:
    house: House = app.state.house
    identity: Identity = app.state.identity
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    address = settings.public_url.rstrip("/") or f"http://{shown}:{port}"
    if settings.admin_token:
        adopted = await first_account.adopt_admin_token(
            house.database, house.audit_log, identity.passwords, settings.admin_token
        )
        if adopted:
            say("The token in MONOIZE_ADMIN_TOKEN is now the named token `admin`.")
    say(f"Monoize {__version__} is ready at {address}")
    link = await first_account.offer_link(house.database)
    if link:
        say(f"Make the first account within 24 hours:\n\n    {address}/setup?link={link}\n")
