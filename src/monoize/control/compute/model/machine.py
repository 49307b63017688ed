"""A machine as its row: what it was made from, what is wanted of it, and what is known of it. Pure."""

import dataclasses
import datetime as dt
from typing import Literal

MachineStateName = Literal["provisioning", "running", "stopped", "destroyed"]
Desired = Literal["running", "stopped", "destroyed"]
Seen = Literal["changing", "running", "stopped", "gone", "unknown"]
StoppedBy = Literal["user", "admin", "limit"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`state` is what we know, `desired` what is wanted, `observed` what its provider said last.

    `stale`: its environment is older than the token of its agent.
    `address` is the authority of its agent's gateway; whoever answers a person leaves it out.
    """

    id: str
    user_id: str
    vps_config_id: str
    name: str
    provider: str
    provider_vm_id: str | None
    address: str | None
    state: MachineStateName
    desired: Desired
    stopped_by: StoppedBy | None
    stale: bool
    observed: Seen
    observed_at: dt.datetime | None
    error: str | None
    storage_used_bytes: int
    cpu_used_ms: int | None
    memory_used_mb_seconds: int | None
    network_bytes: int | None
    metered_epoch: str | None
    metered_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime
    destroyed_at: dt.datetime | None
