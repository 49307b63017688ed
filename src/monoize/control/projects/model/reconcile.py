"""What is wanted against what runs: which containers to start, stop, make or remove, and what to say of a service.

Pure: from one list of the engine's containers and the rows of services, no calls. Whatever has a deployment under
way is left to that; what bears our label and belongs to no row is told as an orphan and never touched.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.model.instances import Instance
from monoize.control.projects.model.routes import Member, members
from monoize.control.projects.model.services import ObservedState, Service


@dataclasses.dataclass(frozen=True, slots=True)
class Serving:
    """The release that serves: what its containers must be like."""

    release_id: int
    config_hash: str
    config: ServiceConfig


@dataclasses.dataclass(frozen=True, slots=True)
class Start:
    """The containers are there and do not run."""

    service_id: int
    release_id: int
    container_ids: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Recreate:
    """Replicas are missing."""

    service_id: int
    release_id: int


@dataclasses.dataclass(frozen=True, slots=True)
class Stop:
    service_id: int
    container_ids: Sequence[str]
    grace_s: int


@dataclasses.dataclass(frozen=True, slots=True)
class Remove:
    """What a release that does not serve any more left behind."""

    service_id: int
    container_ids: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Lead:
    """Requests go to others than those who run."""

    service_id: int
    members: Sequence[Member]


Act = Start | Recreate | Stop | Remove | Lead


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    state: ObservedState
    reason: str | None
    drifted: bool
    exit_code: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Findings:
    acts: Sequence[Act]
    observed: Mapping[int, Observed]
    orphans: Sequence[Instance]


def compare(
    services: Collection[Service],
    serving: Mapping[int, Serving],
    busy: Collection[int],
    led: Mapping[int, Collection[Member]],
    instances: Collection[Instance],
) -> Findings:
    """`serving` and `led`, those to whom requests go, are by service; `busy` have a deployment under way."""
    known = {service.id for service in services}
    of_service: dict[int, list[Instance]] = {}
    orphans = []
    for one in instances:
        if one.service_id in known:
            of_service.setdefault(one.service_id, []).append(one)
        else:
            orphans.append(one)
    acts: list[Act] = []
    observed: dict[int, Observed] = {}
    for service in services:
        mine = of_service.get(service.id, [])
        now = serving.get(service.id)
        ours = [one for one in mine if now and one.release_id == now.release_id and one.task is None]
        observed[service.id] = _seen(service, now, ours)
        if service.deleting_at is None and service.id not in busy:
            left = [one.container_id for one in mine if one not in ours]
            if left:
                acts.append(Remove(service.id, left))
            acts.extend(_wanted(service, now, ours, led.get(service.id, ())))
    return Findings(acts, observed, orphans)


def _wanted(
    service: Service, now: Serving | None, ours: Sequence[Instance], led: Collection[Member]
) -> Sequence[Act]:
    if now is None:
        return []
    if service.desired_state == "stopped" or service.crash_looping:
        active = [one.container_id for one in ours if one.state in ("running", "restarting", "paused")]
        return [Stop(service.id, active, now.config.stop_grace_s)] if active else []
    acts: list[Act] = []
    idle = [one.container_id for one in ours if _ought_to_run(one, now.config)]
    if idle:
        acts.append(Start(service.id, now.release_id, idle))
    if {one.replica for one in ours} < set(range(now.config.replicas)):
        acts.append(Recreate(service.id, now.release_id))
    if not acts and set(answering := members(ours)) != set(led):
        acts.append(Lead(service.id, answering))
    return acts


def _ought_to_run(one: Instance, config: ServiceConfig) -> bool:
    """A container that has ended may be done: its restart policy says so. Restarting is the engine's business."""
    match one.state:
        case "created":
            return True
        case "exited" | "dead":
            return config.restart == "unless-stopped" or (config.restart == "on-failure" and one.exit_code != 0)
    return False


def _seen(service: Service, now: Serving | None, ours: Sequence[Instance]) -> Observed:
    ended = [one.exit_code for one in ours if one.exit_code is not None]
    exit_code = ended[-1] if ended else service.last_exit_code
    if now is None:
        return Observed("missing", "no release has been live yet", drifted=False, exit_code=exit_code)
    drifted = any(one.config_hash != now.config_hash for one in ours)
    running = sum(one.running for one in ours)
    reason = "a container is not as its release says" if drifted else None
    if running >= now.config.replicas:
        state: ObservedState = "running"
    elif any(one.state == "restarting" for one in ours):
        state, reason = "starting", "the engine starts it again after it ended"
    elif running:
        state, reason = "partly", f"{running} of {now.config.replicas} replicas run"
    elif ours:
        state = "stopped"
        reason = reason or (f"it ended with code {exit_code}" if exit_code and not service.crash_looping else None)
    else:
        state, reason = "missing", "there is no container of it"
    if service.crash_looping:
        reason = "it was stopped because it kept crashing"
    return Observed(state, reason, drifted, exit_code)
