"""`monoize serve egress`: the forward proxy of agents in a process of its own, behind the wall.

It loads nothing of the control plane and knows no database. In the default `monoize serve` starts one itself; on
another computer it needs `control_url` and the same master key.
"""

import asyncio
import contextlib
import ipaddress
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import uvloop

from monoize import __version__
from monoize.base.errors import Refusal, StartupProblem
from monoize.contract.wall import PURPOSE
from monoize.egress.places import OwnPlaces
from monoize.egress.proxy import BACKLOG, Proxy
from monoize.egress.reach import USUAL_PORTS, Rules
from monoize.egress.wall import Wall
from monoize.infra import log
from monoize.infra.background import Background
from monoize.infra.sealed import Seal
from monoize.infra.settings import Settings
from monoize.main.garbage import collect_seldom
from monoize.main.key_file import key_of_control_plane

if TYPE_CHECKING:
    # What it does is the server of ASGI applications, which this is none of.
    from monoize.main.listening import Say

LOOK_UP_EVERY_S: Final = 60.0
FILES_WANTED: Final = 65_536
_USUAL_PORTS: Final = {
    "http": 80,
    "https": 443,
    "postgres": 5432,
    "postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "redis": 6379,
    "rediss": 6379,
}


def serve(settings: Settings, say: "Say", *, until_stdin_ends: bool = False) -> None:
    """Listen until SIGTERM or SIGINT, then let tunnels finish for a while and hand over what was counted."""
    log.configure(settings.log_level, settings.log_format)
    _allow_files()
    with _listening(settings) as listener:
        uvloop.run(_serve(settings, listener, say, until_stdin_ends=until_stdin_ends))
    say("The egress proxy has stopped.")


async def _serve(settings: Settings, listener: socket.socket, say: "Say", *, until_stdin_ends: bool) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    if until_stdin_ends:
        # Nothing is ever written there: it can be read when the other end is closed.
        loop.add_reader(sys.stdin.fileno(), stopping.set)
    if not settings.control_url:
        raise StartupProblem("an egress proxy needs control_url, such as http://127.0.0.1:8080")
    seal = Seal(key_of_control_plane(settings))
    places = OwnPlaces(_named(settings), [listener.getsockname()[1]])
    async with contextlib.AsyncExitStack() as stack:
        await asyncio.to_thread(places.look_up)
        wall = Wall(settings.control_url, lambda question: seal.sign(PURPOSE, question))
        stack.push_async_callback(wall.close)
        proxy = Proxy(wall, _rules(settings), places.__contains__, settings.data_dir / "egress")
        try:
            await proxy.open(listener)
        except Refusal as problem:
            raise StartupProblem(
                f"the control plane at {settings.control_url} cannot be followed: {problem.message} "
                "It must run with the same master key"
            ) from problem
        stack.push_async_callback(proxy.close, settings.shutdown_grace_s)
        background = Background()
        background.every(LOOK_UP_EVERY_S, "egress.places", lambda: asyncio.to_thread(places.look_up))
        stack.push_async_callback(background.stop)
        collect_seldom()
        say(f"Monoize {__version__}, an egress proxy, is ready at {_authority(listener)}")
        await stopping.wait()


def _rules(settings: Settings) -> Rules:
    return Rules(
        ports=USUAL_PORTS | {int(port) for port in settings.egress_ports},
        opened=tuple(ipaddress.ip_network(network, strict=False) for network in settings.egress_open_networks),
    )


def _named(settings: Settings) -> Iterator[tuple[str, int]]:
    """What is ours, by where the settings say it is."""
    for url in (settings.control_url, settings.database_dsn, settings.redis_url):
        parts = urlsplit(url)
        if parts.hostname and parts.scheme in _USUAL_PORTS:
            yield parts.hostname, parts.port or _USUAL_PORTS[parts.scheme]


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    host, _, port = settings.egress_listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        family = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except (OSError, UnicodeError, OverflowError) as problem:
        raise StartupProblem(
            f"cannot listen on {settings.egress_listen}: {problem}; choose another with MONOIZE_EGRESS_LISTEN"
        ) from problem
    with listener:
        yield listener


def _authority(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _allow_files() -> None:
    """Each tunnel takes two, and what a shell allows by default is soon used up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
