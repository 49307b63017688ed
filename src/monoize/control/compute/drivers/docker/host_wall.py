"""Keeps containers from what listens on this computer: rules of its firewall that are ours, and nobody else's.

A network that is internal has no way out; but whatever this computer listens to on all its addresses answers at the
network's gateway. The bridges of our networks have names that begin alike. What comes from them may go to the ports
that agents need, and answer what was asked of it. The rules stand before those of others and only take away.

Fails closed: where they cannot be set, or the engine's bridges are not of this computer, no container is started.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Final

from monoize.control.compute.drivers.docker.container import NAME
from monoize.control.compute.model.machines import ProviderRefused

BRIDGE_OPTION: Final = "com.docker.network.bridge.name"
_CURE: Final = "let this process set rules of iptables, or set docker_host_open once a rule of your own is in place"
_WITHIN_S: Final = 10.0
_WHERE_COMMANDS_ARE: Final = "/usr/sbin:/sbin:/usr/bin:/bin"
_INTERFACES: Final = Path("/sys/class/net")
_IPV6_IS_ON: Final = Path("/proc/net/if_inet6")


class HostWall:
    def __init__(self, installation: str, ports: Collection[int]) -> None:
        """`ports`: those of TCP that agents may reach on this computer."""
        self._prefix = f"mz{installation[:5]}"
        self._chain = f"MONOIZE-{installation}"
        self._ports = sorted(ports)
        self._turn = asyncio.Lock()

    def bridge(self, suffix: str) -> str:
        """A name for a new bridge; the kernel takes 15 characters."""
        return f"{self._prefix}{suffix}"

    async def stands_before(self, bridge: str) -> None:
        """ProviderRefused, if it does not and cannot be made to."""
        if not (bridge.startswith(self._prefix) and (_INTERFACES / bridge).exists()):
            raise ProviderRefused(
                NAME, f"the bridge {bridge} is not one of this computer's: {_CURE}", "unsupported"
            )
        await self.stands()

    async def stands(self) -> None:
        """Again after others have flushed the tables. May be called as often as one likes."""
        async with self._turn:
            await self._set("iptables")
            if _IPV6_IS_ON.exists():
                await self._set("ip6tables")

    async def _set(self, command: str) -> None:
        # In one go: there is no moment without it.
        await _run(f"{command}-restore", "--noflush", "--wait", "5", given=self._rules())
        jump = ("INPUT", "-i", f"{self._prefix}+", "-j", self._chain)
        try:
            await _run(command, "--wait", "5", "-C", *jump)
        except ProviderRefused:
            await _run(command, "--wait", "5", "-I", *jump)

    def _rules(self) -> str:
        ports = ",".join(map(str, self._ports))
        lines = (
            "*filter",
            f":{self._chain} - [0:0]",
            f"-A {self._chain} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
            f"-A {self._chain} -p tcp -m multiport --dports {ports} -j RETURN",
            f"-A {self._chain} -j DROP",
            "COMMIT",
            "",
        )
        return "\n".join(lines)


async def _run(command: str, *arguments: str, given: str = "") -> None:
    found = shutil.which(command, path=_WHERE_COMMANDS_ARE)
    if found is None:
        raise ProviderRefused(NAME, f"there is no {command} on this computer: {_CURE}", "unsupported")
    process = await asyncio.create_subprocess_exec(
        found,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_WITHIN_S):
            _, said = await process.communicate(given.encode())
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        told = " ".join(said.decode(errors="replace").split())[:200]
        raise ProviderRefused(NAME, f"{command} sets no rule before containers ({told}): {_CURE}", "unsupported")
