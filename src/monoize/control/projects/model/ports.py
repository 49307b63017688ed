"""Which ports of the machine services are given: below those the kernel takes for outgoing connections. Pure."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from monoize.control.projects.errors import NoPortFree
from monoize.control.projects.model.config import ServiceConfig

FIRST: Final = 20_000
LAST: Final = 29_999
SPAN: Final = LAST - FIRST + 1


def wanted(config: ServiceConfig) -> Collection[tuple[int, int]]:
    """(replica, container's port) of everything that nginx and probes have to reach."""
    inside = [port.container for port in config.ports if port.protocol == "tcp"]
    return [(replica, port) for replica in range(config.replicas) for port in inside]


def choose(
    config: ServiceConfig,
    held: Mapping[int, Mapping[int, int]],
    taken: Collection[int],
    is_free: Callable[[int], bool],
    *,
    start: int,
) -> Mapping[tuple[int, int], int]:
    """Ports for what has none yet, the first free ones from `start` on; NoPortFree when all are gone."""
    missing = [key for key in wanted(config) if key[1] not in held.get(key[0], {})]
    chosen: dict[tuple[int, int], int] = {}
    gone = set(taken)
    for key in missing:
        for step in range(SPAN):
            port = FIRST + (start + step) % SPAN
            if port not in gone and is_free(port):
                chosen[key] = port
                gone.add(port)
                break
        else:
            raise NoPortFree
    return chosen
