"""The server of a process, whatever it serves: its port, its connections, and how it stops."""

import asyncio
import contextlib
import functools
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from monoize.base.errors import StartupProblem
from monoize.infra.alarm import Alarm
from monoize.infra.settings import Settings
from monoize.main.http1.connection import Connection
from monoize.main.websockets import SPOKEN

KEEP_ALIVE_S: Final = 75
BACKLOG: Final = 2048
MOST_CONNECTIONS: Final = 10_000

Say = Callable[[str], None]
"""How a start speaks to the person who runs it; what it says may hold a secret, so it is not the log."""


class Server(uvicorn.Server):
    """uvicorn's server; it hears the signals that stop it from the first moment of the start, not only later."""

    def __init__(self, app: ASGIApp, settings: Settings, *, stops: Callable[[], None] = lambda: None) -> None:
        super().__init__(_config(app, settings))
        self._stops = stops
        self._before_closing: list[Callable[[], Awaitable[None]]] = []

    def before_closing(self, work: Callable[[], Awaitable[None]]) -> None:
        """What needs to be asked for the last time while we still answer."""
        self._before_closing.append(work)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for work in self._before_closing:
            await work()
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


def _config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
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
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The port is ours before anything else is touched; early callers wait in its queue until we are ready."""
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


def address_of(settings: Settings, listener: socket.socket) -> str:
    """What others call us."""
    return settings.public_url.rstrip("/") or listens_at(listener)


def listens_at(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
