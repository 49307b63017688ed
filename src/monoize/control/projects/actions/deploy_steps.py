"""The steps of a deployment. Each may be taken again after a crash: it finds what is there, makes what is missing.

The worker (`deploying`) calls them and writes down what they return. They raise `Failed` when the deployment cannot
succeed and `EngineGone` when that is not known yet; what follows from either is not decided here.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

import httpx2

from monoize.base.canonical import canonical_hash
from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.house import House
from monoize.control.projects.actions import effective, ports, registries, starting
from monoize.control.projects.actions.operation_log import Voice
from monoize.control.projects.actions.plans import plan_of
from monoize.control.projects.drivers import host_ports
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.errors import NotSwitched
from monoize.control.projects.model import config as configs
from monoize.control.projects.model import deployments as rules
from monoize.control.projects.model import releases as keeping
from monoize.control.projects.model.config import ServiceConfig
from monoize.control.projects.model.deployments import Deployment, Failure, Soak
from monoize.control.projects.model.instances import LOOPBACK, ImageFacts, Instance, Probe, ReleasePlan
from monoize.control.projects.model.releases import Release
from monoize.control.projects.model.routes import Member, members
from monoize.control.projects.store import deployments, releases, services
from monoize.infra.docker import EngineRefused

PROBE_EVERY_S: Final = 0.25
SOAK_EVERY_S: Final = 1.0
FINISHING_S_MOST: Final = 30.0
"""How long requests get that a release is answering when another one has taken its place."""

_FINISHED_EVERY_S: Final = 0.25
HOOK_S_MOST: Final = 1_200.0
LOG_TAIL_LINES: Final = 30
_THROUGH_S: Final = 10.0
_HOOK_EXTRA_S: Final = 60.0
# What nginx answers itself when nobody behind it does.
_NOBODY_BEHIND: Final = frozenset({502, 503, 504})

Values = Mapping[str, Any]


class Failed(Exception):
    """The deployment cannot succeed: why, and what was seen."""

    def __init__(self, failure: Failure, evidence: Values | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.evidence = evidence


class Proxy(Protocol):
    """Whoever leads requests to the containers of services."""

    async def switch(self, service_id: int, members: Sequence[Member]) -> int | None: ...

    def through(self, service_id: int, container_port: int) -> str | None: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Means:
    """By what deployments are made."""

    house: House
    engine: Engine
    proxy: Proxy
    releases_kept: int


async def begin(means: Means, deployment: Deployment) -> Values:
    """Its clock starts, and what serves now is what it may have to return to."""
    now = utc_now()
    async with means.house.database.read() as tx:
        service = await services.get(tx, deployment.service_id)
    within = dt.timedelta(seconds=service.config.deploy.timeout_s)
    return {"started_at": now, "deadline_at": now + within, "previous_release_id": service.release_id}


async def pull(means: Means, deployment: Deployment, voice: Voice) -> Values:
    """The image is here, and the release is written down; a rollback already has one."""
    if deployment.release_id is not None:
        async with means.house.database.read() as tx:
            release = await releases.get(tx, deployment.release_id)
        await _bring_back(means, release, voice)
        return {"release_id": release.id}
    async with means.house.database.read() as tx:
        service = await services.get(tx, deployment.service_id)
        login = await registries.login_for(tx, means.house.seal, service.registry_id)
    with _refused("pull_failed"):
        facts = await means.engine.pull(deployment.image, login, voice.say)
    await voice.say(f"{deployment.image} is {facts.id}")
    return {"release_id": await _release(means, deployment, facts)}


async def _bring_back(means: Means, release: Release, voice: Voice) -> None:
    """Its very bytes, from this machine or from where they came."""
    if await means.engine.image(release.image_id) is not None:
        return
    if release.repo_digest is None:
        raise Failed(Failure("image_gone", "the image of this release is not on this machine any more"))
    await voice.say(f"{release.image_id} is not here any more; fetching {release.repo_digest}")
    async with means.house.database.read() as tx:
        service = await services.get(tx, release.service_id)
        login = await registries.login_for(tx, means.house.seal, service.registry_id)
    with _refused("pull_failed"):
        facts = await means.engine.pull(release.repo_digest, login, voice.say)
    if facts.id != release.image_id:
        raise Failed(Failure("image_gone", "the registry has another image under the digest of this release"))


async def _release(means: Means, deployment: Deployment, facts: ImageFacts) -> int:
    """Everything that the release is made of, read in one transaction. Its number tells whether it is new."""
    async with means.house.database.write() as tx:
        service = await services.get(tx, deployment.service_id, lock=True)
        now = await deployments.get(tx, deployment.id)
        if now.release_id is not None:
            return now.release_id
        config = dataclasses.replace(service.config, image=deployment.image)
        env = await effective.snapshot_env(tx, means.house.seal, service.id)
        kept = configs.as_json(config)
        release = await releases.add(
            tx,
            service.id,
            {
                "image": deployment.image,
                "image_id": facts.id,
                "repo_digest": facts.repo_digest,
                "config": kept,
                "config_hash": canonical_hash({"config": kept, "image_id": facts.id, "env": env.digest}),
                "env_sealed": env.env_sealed,
                "secret_versions": dict(env.versions),
                "build_id": deployment.build_id,
            },
        )
        await deployments.link_release(tx, deployment.id, release.id)
        return release.id


async def start(means: Means, deployment: Deployment, voice: Voice) -> Values:
    """The new release runs beside the old one, or in its place where both cannot run at once."""
    release, plan = await _planned(means, deployment.release_id)
    with _refused("start_failed"):
        await means.engine.pin(release.image_id, *means.engine.ours.pin(release))
        await _run_hook(means, deployment, release, plan, voice)
        await _make_room(means, deployment, plan, voice)
        await starting.start(means.house, means.engine, plan, voice.say)
    return {}


async def _make_room(means: Means, deployment: Deployment, plan: ReleasePlan, voice: Voice) -> None:
    if deployment.previous_release_id is None:
        return
    async with means.house.database.read() as tx:
        previous = await releases.get(tx, deployment.previous_release_id)
    config = configs.of_json(previous.config)
    if not rules.runs_beside(plan.config, config):
        await voice.say("both releases cannot run at once: stopping the old one first")
        await means.engine.stop_release(plan.service_id, previous.id, grace_s=config.stop_grace_s)


async def _run_hook(
    means: Means, deployment: Deployment, release: Release, plan: ReleasePlan, voice: Voice
) -> None:
    """Once for each release; going back to one does not run what it once prepared."""
    command = plan.config.deploy.hook
    if not command or release.hook_done_at is not None or deployment.kind == "rollback":
        return
    await voice.say(f"running the release hook: {' '.join(command)}")
    try:
        async with asyncio.timeout(HOOK_S_MOST):
            code = await means.engine.run_once(
                plan, command, f"hook-{release.id}", voice.say, within_s=HOOK_S_MOST + _HOOK_EXTRA_S
            )
    except TimeoutError:
        raise Failed(Failure("hook_failed", f"the hook had not ended after {HOOK_S_MOST:.0f} s")) from None
    if code != 0:
        raise Failed(Failure("hook_failed", f"the hook ended with code {code}"), {"exit_code": code})
    async with means.house.database.write() as tx:
        await releases.became(tx, release.id, {"hook_done_at": utc_now()})


async def probe(means: Means, deployment: Deployment) -> Values:
    """Every replica answers as it should, within the time that the service has for that."""
    _, plan = await _planned(means, deployment.release_id)
    within_s = plan.config.health.within_s
    last = _Look(Probe(False, "", error="there was no time to look"), None)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while not (last := await _look(means, plan)).probe.ok:
                if last.has_ended and plan.config.restart == "no":
                    break
                await asyncio.sleep(PROBE_EVERY_S)
            else:
                return {"evidence": _told(last.probe)}
    tail = await means.engine.log_tail(last.container_id, LOG_TAIL_LINES) if last.container_id else ""
    raise Failed(
        Failure("probe_failed", f"not healthy within {within_s} s: {last.probe.error}"),
        {**_told(last.probe), "log_tail": tail},
    )


async def switch(means: Means, deployment: Deployment) -> Values:
    """Requests go to the new release, proven; from now on it is the one that serves."""
    _, plan = await _planned(means, deployment.release_id)
    answering = members(await means.engine.release_instances(plan.service_id, plan.release_id))
    try:
        generation = await means.proxy.switch(plan.service_id, answering)
    except NotSwitched as problem:
        raise Failed(Failure(problem.code, problem.message), dict(problem.details)) from problem
    now = utc_now()
    async with means.house.database.write() as tx:
        await releases.became(tx, plan.release_id, {"route_generation": generation})
        await deployments.serve_with(tx, plan.service_id, plan.release_id)
    # Without a release before there is nothing to drain; it has to be well once more, that is all.
    drain_s = 0 if deployment.previous_release_id is None else plan.config.deploy.drain_s
    return {"soak_until": now + dt.timedelta(seconds=drain_s)}


async def soak(means: Means, deployment: Deployment, voice: Voice) -> Values:
    """While the old release finishes what it has, the new one is watched, also through nginx."""
    _, plan = await _planned(means, deployment.release_id)
    until = deployment.soak_until or utc_now()
    seen = Soak()
    while True:
        look = await _look_through(means, plan)
        seen = rules.seen(seen, healthy=look.probe.ok)
        if not look.probe.ok:
            await voice.say(f"probe {look.probe.url or 'of the container'}: {look.probe.error}")
        match rules.judged(seen, utc_now(), until):
            case "keep":
                async with means.house.database.write() as tx:
                    await releases.became(tx, plan.release_id, {"proven_at": utc_now()})
                return {}
            case "go_back":
                tail = await means.engine.log_tail(look.container_id, LOG_TAIL_LINES) if look.container_id else ""
                raise Failed(
                    Failure("unhealthy_after_switch", f"failed after the switch: {look.probe.error}"),
                    {**_told(look.probe), "log_tail": tail},
                )
        # For a moment after a reload the workers of nginx before it still answer: a failure gets its time.
        left_s = max(0.05, (until - utc_now()).total_seconds())
        await asyncio.sleep(min(SOAK_EVERY_S, left_s) if look.probe.ok else SOAK_EVERY_S)


async def retire(means: Means, deployment: Deployment) -> Values:
    """Only the containers of the new release are left, and only images that somebody may want again."""
    assert deployment.release_id is not None
    await _remove_others(means, deployment.service_id, deployment.release_id)
    await _prune(means, deployment.service_id, ended=deployment.previous_release_id)
    return {}


async def undo(means: Means, deployment: Deployment, voice: Voice) -> None:
    """The release before serves, alone, as if nothing had been; without one, nothing does."""
    previous_id = deployment.previous_release_id
    if deployment.status in ("starting", "probing", "switching", "draining"):
        answering = () if previous_id is None else await _restored(means, deployment, previous_id, voice)
        if deployment.status in ("switching", "draining"):
            await means.proxy.switch(deployment.service_id, answering)
            async with means.house.database.write() as tx:
                await deployments.serve_with(tx, deployment.service_id, previous_id)
    if deployment.release_id is not None and deployment.release_id != previous_id:
        if deployment.status == "draining" and previous_id is not None:
            await _let_finish(means, deployment.service_id, deployment.release_id)
        await means.engine.remove_release(deployment.service_id, deployment.release_id)
        async with means.house.database.write() as tx:
            await ports.give_back(tx, deployment.release_id)
        await _prune(means, deployment.service_id, ended=deployment.release_id)


async def _restored(means: Means, deployment: Deployment, previous_id: int, voice: Voice) -> Sequence[Member]:
    """Those who answer for the release before; they are started again where they had to make room."""
    async with means.house.database.read() as tx:
        service = await services.get(tx, deployment.service_id)
        release = await releases.get(tx, previous_id)
    instances = await means.engine.release_instances(service.id, previous_id)
    runs = sum(instance.running for instance in instances) >= configs.of_json(release.config).replicas
    if not runs and service.desired_state != "stopped":
        await voice.say("starting the release before again")
        await _bring_back(means, release, voice)
        if deployment.release_id is not None:
            await means.engine.stop_release(service.id, deployment.release_id, grace_s=0)
        _, plan = await _planned(means, previous_id)
        answering = await starting.start(means.house, means.engine, plan, voice.say)
        await means.proxy.switch(service.id, answering)
        return answering
    return members(instances)


@dataclasses.dataclass(frozen=True, slots=True)
class _Look:
    """The first replica that is not well, or any of them."""

    probe: Probe
    container_id: str | None
    has_ended: bool = False


async def _look(means: Means, plan: ReleasePlan) -> _Look:
    instances = await means.engine.release_instances(plan.service_id, plan.release_id)
    missing = plan.config.replicas - len(instances)
    if missing > 0:
        return _Look(Probe(False, "", error=f"{missing} containers are not there"), None)
    looks = await asyncio.gather(*(_look_at(means, instance, plan.config) for instance in instances))
    return next((look for look in looks if not look.probe.ok), looks[0])


async def _look_at(means: Means, instance: Instance, config: ServiceConfig) -> _Look:
    found = await means.engine.probe(instance, config)
    return _Look(found, instance.container_id, instance.state in ("exited", "dead"))


async def _look_through(means: Means, plan: ReleasePlan) -> _Look:
    look = await _look(means, plan)
    port = configs.health_port(plan.config)
    address = means.proxy.through(plan.service_id, port) if port is not None else None
    if not look.probe.ok or address is None:
        return look
    health = plan.config.health
    url = address + (health.path if health.kind == "http" else "/")
    try:
        async with (
            # Without TLS there is nothing to verify, and reading the authorities takes longer than the look.
            httpx2.AsyncClient(trust_env=False, verify=False, timeout=_THROUGH_S, follow_redirects=False) as client,
            client.stream("GET", url, headers={"host": LOOPBACK}) as answer,
        ):
            status = answer.status_code
    except httpx2.HTTPError as problem:
        return _Look(Probe(False, url, error=f"not reached through nginx: {problem}"[:300]), look.container_id)
    if health.kind == "http":
        ok = health.expect_least <= status <= health.expect_most
    else:
        ok = status not in _NOBODY_BEHIND
    error = None if ok else f"answered {status} through nginx"
    return _Look(Probe(ok, url, status, None, error), look.container_id)


async def _remove_others(means: Means, service_id: int, release_id: int) -> None:
    others = {
        instance.release_id
        for instance in await means.engine.instances(service_id)
        if instance.release_id not in (None, release_id)
    }
    for other in sorted(id for id in others if id is not None):
        await _let_finish(means, service_id, other)
        await means.engine.remove_release(service_id, other)
        async with means.house.database.write() as tx:
            await ports.give_back(tx, other)


async def _let_finish(means: Means, service_id: int, release_id: int) -> None:
    """It stops once nobody waits for an answer of it; what never ends, such as a WebSocket, is cut off then.

    nginx leads nobody new there by now, so the connections that there are can only become fewer.
    """
    instances = await means.engine.release_instances(service_id, release_id)
    shown = [port for one in instances for port in one.ports.values()]
    until = time.monotonic() + FINISHING_S_MOST
    while await asyncio.to_thread(host_ports.are_in_use, shown):
        if time.monotonic() > until:
            break
        await asyncio.sleep(_FINISHED_EVERY_S)
    async with means.house.database.read() as tx:
        grace_s = await releases.stop_grace_s(tx, release_id)
    await means.engine.stop_release(service_id, release_id, grace_s=grace_s)


async def _prune(means: Means, service_id: int, *, ended: int | None = None) -> None:
    """Let go of images of releases that are not kept. `ended` is in use by nobody any more."""
    async with means.house.database.read() as tx:
        service = await services.get(tx, service_id)
        every = await releases.newest(tx, service_id)
        in_use = {*await deployments.open_releases(tx, service_id), service.release_id} - {None, ended}
    gone = keeping.to_prune(every, means.releases_kept, {id for id in in_use if id is not None})
    named = keeping.images_named(every, gone) | {service.image}
    for release in gone:
        await means.engine.unpin(*means.engine.ours.pin(release))
        # What we have built has one more name of ours.
        if release.build_id is not None and release.image not in named:
            await means.engine.unpin(*release.image.rpartition(":")[::2])
    async with means.house.database.write() as tx:
        await releases.pruned(tx, [release.id for release in gone], utc_now())


async def _planned(means: Means, release_id: int | None) -> tuple[Release, ReleasePlan]:
    assert release_id is not None
    try:
        async with means.house.database.write() as tx:
            return await releases.get(tx, release_id), await plan_of(tx, means.house.seal, release_id)
    except Refusal as refusal:
        raise Failed(Failure(refusal.code, refusal.message)) from refusal


def _told(probe: Probe) -> dict[str, Any]:
    return dataclasses.asdict(probe)


@contextlib.contextmanager
def _refused(code: str) -> Iterator[None]:
    """What the engine will not do, and what is refused on the way to it, ends the deployment."""
    try:
        yield
    except EngineRefused as problem:
        raise Failed(Failure(code, problem.message[:1_000])) from problem
    except Refusal as refusal:
        raise Failed(Failure(refusal.code, refusal.message)) from refusal
