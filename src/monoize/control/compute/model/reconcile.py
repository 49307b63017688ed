"""What is wanted, beside what a provider says there is: what has to be seen to, and what nobody knows of. Pure.

One list call of a provider and one query go in. Nothing is ever deleted because it is not known here: machines
without a row are told of as orphans. One that is missing in a list is not gone: the operation that sees to it asks
for it by name, and only a provider's plain no counts.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final

from monoize.control.compute.model.machine import Desired, MachineStateName, Seen
from monoize.control.compute.model.machines import Observed, Power
from monoize.control.compute.model.operations import OperationKind

REPAIRS_MOST: Final = 3
"""Within `REPAIRS_WITHIN`; then a person has to look."""
REPAIRS_WITHIN: Final = dt.timedelta(hours=1)
YOUNG: Final = dt.timedelta(minutes=2)
"""Lists may lag behind what was just made or destroyed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A machine as it is stored. `moved_at`: when its last operation ended."""

    id: str
    desired: Desired
    state: MachineStateName
    provider_vm_id: str | None
    observed: Seen
    address: str | None
    has_open_operation: bool
    moved_at: dt.datetime | None
    repairs: int


@dataclasses.dataclass(frozen=True, slots=True)
class Orphan:
    """A machine with our label at a provider, which no row answers for."""

    provider: str
    provider_id: str
    name: str
    said: str
    created_at: dt.datetime | None
    because: str


@dataclasses.dataclass(frozen=True, slots=True)
class Repair:
    vps_id: str
    kind: OperationKind
    because: str


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    """`moved`: rows whose provider's id or address is another. `turned`: rows of which only the power is, by power.

    `given_up`: repaired too often.
    """

    repairs: Sequence[Repair]
    moved: Sequence[tuple[str, Observed]]
    turned: Mapping[Power, Sequence[str]]
    orphans: Sequence[Orphan]
    given_up: Sequence[str]


def compare(provider: str, rows: Sequence[Row], found: Sequence[Observed], now: dt.datetime) -> Findings:
    known = {row.id: row for row in rows}
    present: dict[str, Observed] = {}
    orphans = []
    # The one whose id is stored comes first, so that it is the other one that is told of.
    stored = {row.provider_vm_id for row in rows}
    for machine in sorted(found, key=lambda machine: machine.provider_id not in stored):
        row = known.get(machine.machine_id or "")
        if machine.power == "gone":
            continue
        if row is None:
            orphans.append(_orphan(provider, machine, "no machine here has this name"))
        elif row.id in present:
            orphans.append(_orphan(provider, machine, "another one of this name is the machine"))
        else:
            present[row.id] = machine
    wanted = [(row, repair) for row in rows if (repair := _repair(row, present.get(row.id), now)) is not None]
    return Findings(
        repairs=[repair for row, repair in wanted if _may_repair(row, repair)],
        moved=[(id, machine) for id, machine in sorted(present.items()) if _has_moved(known[id], machine)],
        turned=_turned(known, present),
        orphans=orphans,
        given_up=[row.id for row, repair in wanted if not _may_repair(row, repair)],
    )


def _repair(row: Row, machine: Observed | None, now: dt.datetime) -> Repair | None:
    if row.has_open_operation or (row.moved_at is not None and now - row.moved_at < YOUNG):
        return None
    if row.desired == "destroyed":
        is_left = machine is not None or row.state != "destroyed"
        return Repair(row.id, "destroy", "it was to be destroyed and is not") if is_left else None
    if row.state == "destroyed":
        return None
    kind: OperationKind = "stop" if row.desired == "stopped" else "start"
    if row.state == "provisioning":
        return Repair(row.id, "create", "it was to be made and is not")
    if machine is None:
        return Repair(row.id, kind, "its provider does not list it")
    match row.desired, machine.power:
        case "running", "stopped":
            return Repair(row.id, kind, f"it is to run and is {machine.said}")
        case "stopped", "running":
            return Repair(row.id, kind, f"it is to be stopped and is {machine.said}")
        case _:
            return None


def _may_repair(row: Row, repair: Repair) -> bool:
    """What costs money is taken away however often it takes; what does not stay up is left alone for a while."""
    return repair.kind != "start" or row.repairs < REPAIRS_MOST


def _has_moved(row: Row, machine: Observed) -> bool:
    told = machine.provider_id or row.provider_vm_id, machine.address or row.address
    return told != (row.provider_vm_id, row.address)


def _turned(known: Mapping[str, Row], present: Mapping[str, Observed]) -> Mapping[Power, Sequence[str]]:
    turned: dict[Power, list[str]] = {}
    for id, machine in sorted(present.items()):
        if machine.power != known[id].observed and not _has_moved(known[id], machine):
            turned.setdefault(machine.power, []).append(id)
    return turned


def _orphan(provider: str, machine: Observed, because: str) -> Orphan:
    return Orphan(provider, machine.provider_id, machine.name, machine.said, machine.created_at, because)
