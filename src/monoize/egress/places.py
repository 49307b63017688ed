"""Places that no agent reaches, even where the operator has opened the network around them: what is ours."""

import ipaddress
import socket
from collections.abc import Iterable

import structlog

from monoize.egress.dial import Place, is_own

log = structlog.get_logger(__name__)


class OwnPlaces:
    """`named`: (host, port) of the control plane, its database and the like. `own_ports`: ours on this computer."""

    def __init__(self, named: Iterable[tuple[str, int]], own_ports: Iterable[int]) -> None:
        self._named = tuple(named)
        self._own_ports = frozenset(own_ports)
        self._places: frozenset[Place] = frozenset()

    def __contains__(self, place: Place) -> bool:
        address, port = place
        return place in self._places or (port in self._own_ports and is_own(address))

    def look_up(self) -> None:
        """Blocks. A name that is not known now keeps the addresses that it had."""
        found = set()
        for host, port in self._named:
            try:
                known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except OSError as problem:
                log.warning("own_place_not_known", host=host, problem=problem.strerror)
                found |= {place for place in self._places if place[1] == port}
                continue
            found |= {(ipaddress.ip_address(str(to[0]).partition("%")[0]), port) for *_, to in known}
        self._places = frozenset(found)
