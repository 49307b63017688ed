"""What a driver is asked for and what it answers: machines as values, and the Protocol all drivers speak. Pure.

Operations call the verbs, one after the other for each machine; the monitor calls `read`. Every verb may be
repeated: a machine bears a name made from our id, which its provider lets exist once only, and whoever creates it
again is given the one that is there. A verb that returns has been carried out or accepted; `get` says what became
of it.

Two ways to fail. `ProviderAway`: nobody knows whether it was done; the same call may be made again, and only `gone`
means that a machine is gone. `ProviderRefused`: it was not done, and will not be by asking again.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

Metric = Literal["bandwidth", "cpu", "memory"]
Power = Literal["changing", "running", "stopped", "gone", "unknown"]
"""`changing`: on its way to another state. `unknown`: the provider does not know either, or says what we do not."""

ALL_METRICS: Final[frozenset[Metric]] = frozenset({"bandwidth", "cpu", "memory"})
AGENT_PORT: Final = 18789
NAME_PREFIX: Final = "monoize-"
MACHINE_LABEL: Final = "monoize.machine"
OPERATION_LABEL: Final = "monoize.operation"
INSTALLATION_LABEL: Final = "monoize.installation"
_MESSAGE_CHARS_MOST: Final = 500


class ProviderFailure(Exception):
    """A provider did not do what was asked. The message is its own, without any credential."""

    def __init__(self, provider: str, message: str) -> None:
        self.provider = provider
        self.message = message[:_MESSAGE_CHARS_MOST]
        super().__init__(f"{provider}: {self.message}")


class ProviderAway(ProviderFailure):
    """Nobody knows whether it was done: ask again, after `retry_after_s` if that is given."""

    def __init__(self, provider: str, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(provider, message)
        self.retry_after_s = retry_after_s


class ProviderRefused(ProviderFailure):
    """It was not done and will not be: `reason` says what kind of refusal it is."""

    def __init__(self, provider: str, message: str, reason: "RefusedFor" = "other") -> None:
        super().__init__(provider, message)
        self.reason = reason


RefusedFor = Literal["credentials", "capacity", "quota", "invalid", "unsupported", "other"]


@dataclasses.dataclass(frozen=True, slots=True)
class MachineRef:
    """One machine, by our id and, once it is known, its provider's."""

    machine_id: str
    provider_id: str | None = None

    @property
    def name(self) -> str:
        return machine_name(self.machine_id)


def machine_name(machine_id: str) -> str:
    """What the machine is called at its provider: the same at every attempt, so that a repeat finds it."""
    return f"{NAME_PREFIX}{machine_id}"


def machine_id_of(name: str) -> str | None:
    """The way back, for providers that only tell the name."""
    return name.removeprefix(NAME_PREFIX) if name.startswith(NAME_PREFIX) and len(name) > len(NAME_PREFIX) else None


@dataclasses.dataclass(frozen=True, slots=True)
class Ways:
    """How agents get out: the authority of the egress proxy, `host:port`, and where models are asked."""

    proxy: str
    control_url: str


@dataclasses.dataclass(frozen=True, slots=True)
class WaysOut:
    """`here`: where both listen on this computer, for machines on it. `outside`: what they are called elsewhere."""

    here: Ways
    outside: Ways


@dataclasses.dataclass(frozen=True, slots=True)
class Access:
    """How the agent on the machine gets out: through the proxy, and to us."""

    agent_id: str
    token: str = dataclasses.field(repr=False)
    ways: WaysOut


@dataclasses.dataclass(frozen=True, slots=True)
class MachineSpec:
    """A machine to be made. `image` is what the provider starts: a container's, a system's, or a command line."""

    machine_id: str
    operation_id: str
    image: str
    cpu_millicores: int
    memory_mb: int
    disk_gb: int
    access: Access
    env: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """Beside what `access` comes to; it does not replace any of that."""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """Absolute path on the machine → text."""

    @property
    def ref(self) -> MachineRef:
        return MachineRef(self.machine_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """What a provider says about a machine that bears our label."""

    provider_id: str
    name: str
    power: Power
    said: str
    """The provider's own word for its state."""
    machine_id: str | None = None
    """None when the label is there but not our id."""
    address: str | None = None
    """`host:port` of the agent's gateway, as reached from here."""
    created_at: dt.datetime | None = None


def gone(ref: MachineRef) -> Observed:
    """What a driver answers of a machine that its provider says does not exist (any more)."""
    return Observed(ref.provider_id or "", ref.name, "gone", "gone", ref.machine_id)


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """Counters since the machine's `epoch` began: another epoch, or less than before, means they began again at 0.

    `memory_mb_seconds` is summed up from one reading to the next by the driver, which is why it is shown the last.
    `network_bytes` checks the proxy's figures and is never billed beside them. None: the provider does not tell.
    """

    epoch: str
    at: dt.datetime
    cpu_ms: int | None = None
    memory_mb_seconds: int | None = None
    network_bytes: int | None = None
    storage_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ToRead:
    """A machine to be read: what was last stored of it, and what it was given."""

    ref: MachineRef
    memory_mb: int
    before: Reading | None = None


class Driver(Protocol):
    """Speaks to one provider. Safe for concurrent use; holds a connection pool at most, no state about machines."""

    @property
    def name(self) -> str:
        """As in the column `provider`."""

    @property
    def metered(self) -> frozenset[Metric]:
        """Which of a reading's figures count against plan and budget."""

    @property
    def can_update(self) -> bool:
        """Whether `update` is possible; where not, a changed token needs a new machine."""

    async def create(self, spec: MachineSpec) -> Observed:
        """Make it and start it, or adopt the one that bears its name. It may still be `changing`."""

    async def update(self, ref: MachineRef, spec: MachineSpec) -> Observed:
        """Give it another environment; this restarts it and may change its provider's id. What lies in its
        volume stays. A machine that is gone is made again, a stopped one comes up."""

    async def start(self, ref: MachineRef) -> None:
        """Running already is fine."""

    async def stop(self, ref: MachineRef) -> None:
        """Asked to end first, made to after a grace period. Stopped already is fine, gone is fine."""

    async def restart(self, ref: MachineRef) -> None:
        """Stop and start; a stopped one comes up."""

    async def destroy(self, ref: MachineRef) -> None:
        """With all that belongs to it. Gone already is fine; call again until `get` says `gone`."""

    async def get(self, ref: MachineRef) -> Observed:
        """By the provider's id, else by name. `gone` only if the provider says so."""

    async def list(self) -> Sequence[Observed]:
        """All machines that bear our label, in one call (or its pages)."""

    async def read(self, machines: Sequence[ToRead]) -> Mapping[str, Reading]:
        """By our id. A machine that is missing in the answer could not be read this time: leave it alone."""

    async def close(self) -> None: ...
