"""Somebody's cloud, in process: a driver over a dictionary of machines, which can be slow, away, full, or deadly.

It does not speak any provider's language: that is stated of the real drivers. It is for what happens between calls.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from monoize.base.ids import new_id
from monoize.control.compute.model.machines import (
    ALL_METRICS,
    MachineRef,
    MachineSpec,
    Observed,
    Power,
    Reading,
    ToRead,
    gone,
    machine_name,
)

ADDRESS: Final = "10.0.0.1:18789"
Verb = Literal["create", "update", "start", "stop", "restart", "destroy", "get", "list", "read"]
Moment = Literal["before", "after"]


class Died(BaseException):
    """kill -9: nothing in the worker may catch it."""


@dataclasses.dataclass
class Rented:
    provider_id: str
    machine_id: str
    power: Power = "running"
    token: str = ""


@dataclasses.dataclass
class Cloud:
    """`trouble(verb, moment)` is asked around every call, and raises what shall go wrong."""

    name: str = "cloud"
    metered: frozenset[Any] = ALL_METRICS
    can_update: bool = True
    machines: dict[str, Rented] = dataclasses.field(default_factory=dict)
    calls: list[Verb] = dataclasses.field(default_factory=list)
    created: int = 0
    changing_for: int = 0
    """So many looks after something was asked for, it is still on its way."""
    comes_up: bool = True
    trouble: Callable[[Verb, Moment], None] = lambda verb, moment: None
    readings: dict[str, Reading] = dataclasses.field(default_factory=dict)
    _looks_left: int = 0

    async def create(self, spec: MachineSpec) -> Observed:
        self._begin("create")
        found = self._found(spec.ref)
        if found is None:
            self.created += 1
            found = Rented(new_id(), spec.machine_id)
            self.machines[found.provider_id] = found
        found.token = spec.access.token
        return self._end("create", found, comes_up=self.comes_up)

    async def update(self, ref: MachineRef, spec: MachineSpec) -> Observed:
        self._begin("update")
        found = self._found(ref)
        assert found is not None
        found.token = spec.access.token
        return self._end("update", found, comes_up=True)

    async def start(self, ref: MachineRef) -> None:
        self._set("start", ref, "running" if self.comes_up else "stopped")

    async def stop(self, ref: MachineRef) -> None:
        self._set("stop", ref, "stopped")

    async def restart(self, ref: MachineRef) -> None:
        self._set("restart", ref, "running")

    async def destroy(self, ref: MachineRef) -> None:
        self._begin("destroy")
        found = self._found(ref)
        if found is not None:
            del self.machines[found.provider_id]
        self.trouble("destroy", "after")

    async def get(self, ref: MachineRef) -> Observed:
        self._begin("get")
        found = self._found(ref)
        seen = gone(ref) if found is None else self._seen(found)
        if found is not None and self._looks_left:
            self._looks_left -= 1
            seen = dataclasses.replace(seen, power="changing", said="on its way")
        self.trouble("get", "after")
        return seen

    async def list(self) -> Sequence[Observed]:
        self._begin("list")
        return [self._seen(machine) for machine in self.machines.values()]

    async def read(self, machines: Sequence[ToRead]) -> Mapping[str, Reading]:
        self._begin("read")
        wanted = {machine.ref.machine_id for machine in machines}
        return {id: reading for id, reading in self.readings.items() if id in wanted}

    async def close(self) -> None:
        pass

    def _begin(self, verb: Verb) -> None:
        self.calls.append(verb)
        self.trouble(verb, "before")

    def _end(self, verb: Verb, found: Rented, *, comes_up: bool) -> Observed:
        found.power, self._looks_left = ("running" if comes_up else "stopped"), self.changing_for
        self.trouble(verb, "after")
        return dataclasses.replace(self._seen(found), power="changing")

    def _set(self, verb: Verb, ref: MachineRef, power: Power) -> None:
        self._begin(verb)
        found = self._found(ref)
        if found is not None:
            found.power, self._looks_left = power, self.changing_for
        self.trouble(verb, "after")

    def _found(self, ref: MachineRef) -> Rented | None:
        return next((each for each in self.machines.values() if each.machine_id == ref.machine_id), None)

    def _seen(self, machine: Rented) -> Observed:
        name = machine_name(machine.machine_id)
        return Observed(machine.provider_id, name, machine.power, machine.power, machine.machine_id, ADDRESS)
