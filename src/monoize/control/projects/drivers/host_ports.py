"""What is known of ports of this machine: programs that are not ours take them too, and nginx holds connections."""

import socket
from collections.abc import Collection
from pathlib import Path
from typing import Final

from monoize.control.projects.model.instances import LOOPBACK

_CONNECTIONS: Final = Path("/proc/net/tcp")
_ESTABLISHED: Final = "01"


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        # As the engine's proxy does: a connection that lingers is in nobody's way.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def are_in_use(ports: Collection[int]) -> bool:
    """Whether somebody on this machine has a connection to one of them; nobody, where the kernel does not tell."""
    wanted = {f"{_as_told(LOOPBACK)}:{port:04X}" for port in ports}
    try:
        told = _CONNECTIONS.read_text("ascii").splitlines()[1:]
    except OSError:
        return False
    return any(state == _ESTABLISHED and to in wanted for _, _, to, state, *_ in map(str.split, told))


def _as_told(address: str) -> str:
    return socket.inet_aton(address)[::-1].hex().upper()
