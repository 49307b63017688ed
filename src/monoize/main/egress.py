"""The egress proxy beside `monoize serve`: a process of its own, started when there is a machine, kept running.

It ends with us, also when we are killed: its stdin is a pipe that closes then. What it had counted and could not
hand over any more it leaves in a file, which the next one sends.
"""

import asyncio
import contextlib
import ipaddress
import socket
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import structlog

from monoize.control.bridge.egress import Egress
from monoize.control.edge.house import House
from monoize.infra.audit_log import Entry
from monoize.infra.background import Background
from monoize.infra.settings import Settings, inherited

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 0.5
RESTART_LEAST_S: Final = 1.0
RESTART_MOST_S: Final = 30.0
WELL_AFTER_S: Final = 60.0
GOODBYE_S: Final = 5.0
_SETTINGS: Final = (
    "data_dir",
    "database_dsn",
    "redis_url",
    "master_key",
    "master_key_file",
    "egress_listen",
    "egress_ports",
    "egress_open_networks",
    "log_level",
    "log_format",
    "shutdown_grace_s",
)
_ABOUT_MACHINES: Final = frozenset({"agent", "machine"})


class EgressProcess:
    def __init__(self, settings: Settings, control_url: str, egress: Egress) -> None:
        self._settings = settings
        self._control_url = control_url
        self._egress = egress
        self._process: asyncio.subprocess.Process | None = None
        self._may_be_needed = True
        self._is_stopping = False
        self._started_at = 0.0
        self._next_at = 0.0
        self._pause_s = RESTART_LEAST_S

    async def changed(self, entry: Entry) -> None:
        """Told of every change: a machine may have been asked for."""
        self._may_be_needed |= entry.target_type in _ABOUT_MACHINES

    async def run(self) -> None:
        """What the clock calls."""
        if self._process is not None and self._process.returncode is not None:
            self._ended(self._process.returncode)
        if self._process is not None or self._is_stopping or time.monotonic() < self._next_at:
            return
        if self._may_be_needed:
            self._may_be_needed = await self._egress.is_needed()
            if self._may_be_needed:
                await self._start()

    async def stop(self) -> None:
        """It may finish what it does; waited for, since it hands over what it has counted to us."""
        self._is_stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._settings.shutdown_grace_s + GOODBYE_S):
                await process.wait()
        except TimeoutError:
            log.warning("egress_proxy_killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> None:
        self._started_at = time.monotonic()
        command = (sys.executable, "-m", "monoize", "serve", "egress", "--until-stdin-ends")
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            env=inherited(self._settings, _SETTINGS, control_url=self._control_url),
        )
        log.info("egress_proxy_started", pid=self._process.pid, listens_on=self._settings.egress_listen)

    def _ended(self, code: int) -> None:
        lasted_s = time.monotonic() - self._started_at
        self._process = None
        if not self._is_stopping:
            self._pause_s = RESTART_LEAST_S if lasted_s > WELL_AFTER_S else min(self._pause_s * 2, RESTART_MOST_S)
            self._next_at = time.monotonic() + self._pause_s
            log.error("egress_proxy_ended", code=code, lasted_s=round(lasted_s, 1), again_in_s=self._pause_s)


@contextlib.asynccontextmanager
async def egress_beside(
    settings: Settings, listener: socket.socket, house: House, egress: Egress
) -> AsyncIterator[EgressProcess]:
    child = EgressProcess(settings, _reached_at(listener), egress)
    house.audit_log.observe(child.changed)
    background = Background()
    background.every(LOOK_EVERY_S, "egress.process", child.run)
    try:
        yield child
    finally:
        await background.stop()
        await child.stop()


def _reached_at(listener: socket.socket) -> str:
    """From this computer."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        return f"http://[::1]:{port}" if address.version == 6 else f"http://127.0.0.1:{port}"
    return f"http://[{host}]:{port}" if address.version == 6 else f"http://{host}:{port}"
