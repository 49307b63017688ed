"""Ports of the machine: those that releases are given, and those that a service asks for by number."""

import secrets
from collections.abc import Collection, Mapping

from monoize.control.projects.drivers import host_ports
from monoize.control.projects.model import ports as rules
from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.store import ports
from monoize.infra.db import Tx


async def claim(tx: Tx, service_id: int, release_id: int, config: ServiceConfig) -> Mapping[int, Mapping[int, int]]:
    """replica → container's port → the machine's, for a release: the same ones whenever it is asked for again."""
    held = await ports.of_release(tx, release_id)
    taken = await ports.taken(tx)
    # From anywhere: whoever else looks at this moment, also for another installation, looks elsewhere.
    start = secrets.randbelow(rules.SPAN)
    chosen = rules.choose(config, held, taken, host_ports.is_free, start=start)
    if chosen:
        rows = [
            {
                "service_id": service_id,
                "release_id": release_id,
                "replica": replica,
                "container_port": inside,
                "host_port": port,
            }
            for (replica, inside), port in chosen.items()
        ]
        await ports.add(tx, rows)
        held = await ports.of_release(tx, release_id)
    return held


async def give_back(tx: Tx, release_id: int, *, but_of: Collection[int] = ()) -> None:
    """After its containers are gone, but for those of some replicas."""
    await ports.give_back(tx, release_id, but_of)


async def claim_fixed(tx: Tx, service_id: int, config: ServiceConfig) -> None:
    """The ports that a service asks for by number. PortTaken when one belongs to another."""
    rows = [
        {
            "service_id": service_id,
            "container_port": port.container,
            "protocol": port.protocol,
            "host_ip": port.bind,
            "host_port": port.host,
        }
        for port in config.ports
        if port.host is not None
    ]
    await ports.put_fixed(tx, service_id, rows)
