"""What people are shown of machines: all but how to reach them and the raw figures of their metering. Pure."""

import dataclasses
import datetime as dt

from monoize.control.compute.model.machine import Desired, Machine, MachineStateName, Seen, StoppedBy
from monoize.control.compute.model.operations import Operation


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownMachine:
    id: str
    user_id: str
    vps_config_id: str
    name: str
    provider: str
    provider_vm_id: str | None
    state: MachineStateName
    desired: Desired
    stopped_by: StoppedBy | None
    observed: Seen
    observed_at: dt.datetime | None
    stale: bool
    error: str | None
    storage_used_bytes: int
    created_at: dt.datetime
    updated_at: dt.datetime
    destroyed_at: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A machine as it is now, and what was begun on it, if anything had to be."""

    machine: ShownMachine
    operation: Operation | None


def shown(machine: Machine) -> ShownMachine:
    return ShownMachine(**{name: getattr(machine, name) for name in ShownMachine.__dataclass_fields__})
