"""Whether a port of this machine is free at the moment: programs that are not ours take ports too."""

import socket

from monoize.control.projects.drivers.container_spec import LOOPBACK


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        # As the engine's proxy does: a connection that lingers is in nobody's way.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
