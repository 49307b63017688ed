"""Where machines are, for rooms that lead others there."""

from collections.abc import Collection, Mapping

from monoize.control.compute.errors import NoSuchMachine
from monoize.control.compute.store import machines
from monoize.infra.db import Tx


async def hosts_of(tx: Tx, machine_ids: Collection[str]) -> Mapping[str, str]:
    """Of those that run and have said where they are."""
    found = await machines.many(tx, set(machine_ids)) if machine_ids else {}
    return {
        id: machine.address.rpartition(":")[0].strip("[]")
        for id, machine in found.items()
        if machine.state == "running" and machine.address
    }


async def check_there(tx: Tx, machine_id: str) -> None:
    machine = await machines.find(tx, machine_id)
    if machine is None or machine.state == "destroyed":
        raise NoSuchMachine
