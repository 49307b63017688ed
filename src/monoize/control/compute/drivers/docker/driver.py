"""Machines that are containers of a Docker-compatible engine, each in a network of its own.

That network is internal: it has no way out but the proxy on its gateway's address, where this computer answers.
What else listens on this computer is kept from it by a `HostWall`, before any container starts. Data in the volume
/data stays over updates; the rest of the container's files does not.

Network, volume and container are made in this order, labelled with the machine's id, and each may be there already;
the container decides whether the machine is there. Fails as the Protocol says; an image that is still being fetched
is `ProviderAway`, and the fetching goes on for the next attempt.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog

from monoize.base.clock import utc_now
from monoize.control.compute.drivers.docker.container import (
    CONFIG_LABEL,
    NAME,
    STOP_GRACE_S,
    archive,
    check_way_out,
    config,
    labels,
    labels_of,
    listed,
    observed,
    reading,
    remains,
)
from monoize.control.compute.drivers.docker.host_wall import BRIDGE_OPTION, HostWall
from monoize.control.compute.drivers.patience import in_time
from monoize.control.compute.model.machines import (
    ALL_METRICS,
    INSTALLATION_LABEL,
    MACHINE_LABEL,
    MachineRef,
    MachineSpec,
    Metric,
    Observed,
    ProviderAway,
    ProviderRefused,
    Reading,
    ToRead,
    gone,
)
from monoize.infra.docker import Docker, EngineGone, EngineRefused, InTheWay, NotThere

log = structlog.get_logger(__name__)

_PULL_WAIT_S: Final = 40.0
_PULLS_MOST: Final = 8
_PULL_AGAIN_S: Final = 5.0
_READ_AT_ONCE: Final = 16


class DockerDriver:
    name: Final = NAME
    metered: Final[frozenset[Metric]] = ALL_METRICS
    can_update: Final = True

    def __init__(self, url: str, installation: str, wall: HostWall | None) -> None:
        """`installation`: whose machines these are, of several that may share the engine. `wall`: None where
        somebody else sees to it."""
        self._docker = Docker(url)
        self._installation = installation
        self._wall = wall
        self._pulls: dict[str, asyncio.Task[None]] = {}

    @in_time
    async def create(self, spec: MachineSpec) -> Observed:
        check_way_out(spec)
        async with _told():
            if await self._inspect(spec.ref) is None:
                await self._make(spec)
            return await self._started(spec)

    @in_time
    async def update(self, ref: MachineRef, spec: MachineSpec) -> Observed:
        check_way_out(spec)
        async with _told():
            there = await self._inspect(ref)
            if there is not None:
                wanted = config(spec, await self._network(spec), self._installation)
                if labels_of(there).get(CONFIG_LABEL) != wanted["Labels"][CONFIG_LABEL]:
                    await self._docker.stop_container(ref.name, STOP_GRACE_S)
                    await self._docker.remove_container(ref.name, force=True)
                    there = None
            if there is None:
                await self._make(spec)
            return await self._started(spec)

    @in_time
    async def start(self, ref: MachineRef) -> None:
        async with _told():
            await self._walled(ref)
            await self._docker.start_container(ref.name)

    @in_time
    async def stop(self, ref: MachineRef) -> None:
        async with _told():
            with contextlib.suppress(NotThere):
                await self._docker.stop_container(ref.name, STOP_GRACE_S)

    @in_time
    async def restart(self, ref: MachineRef) -> None:
        async with _told():
            await self._walled(ref)
            await self._docker.restart_container(ref.name, STOP_GRACE_S)

    @in_time
    async def destroy(self, ref: MachineRef) -> None:
        async with _told():
            if await self._inspect(ref) is not None:
                await self._docker.stop_container(ref.name, STOP_GRACE_S)
                with contextlib.suppress(NotThere):
                    await self._docker.remove_container(ref.name, force=True, volumes=True)
            with contextlib.suppress(NotThere):
                await self._docker.remove_volume(ref.name)
            for network in await self._networks(ref):
                with contextlib.suppress(NotThere):
                    await self._docker.remove_network(network["Id"])

    @in_time
    async def get(self, ref: MachineRef) -> Observed:
        async with _told():
            there = await self._inspect(ref)
        return gone(ref) if there is None else observed(there)

    @in_time
    async def list(self) -> Sequence[Observed]:
        """With machines that are half made or half gone: so that nothing of them is forgotten. Only our own: what
        another installation runs on this engine is none of our business."""
        labelled = {"label": [MACHINE_LABEL, f"{INSTALLATION_LABEL}={self._installation}"]}
        async with _told():
            containers = await self._docker.containers(labelled)
            found = [listed(container) for container in containers]
            names = {one.name for one in found}
            others = [*await self._docker.networks(labelled), *await self._docker.volumes(labelled)]
        if found:
            await self._wall_stands_on()
        for ref in {MachineRef(left["Labels"][MACHINE_LABEL]) for left in others}:
            if ref.name not in names:
                found.append(remains(ref))
        return found

    @in_time
    async def read(self, machines: Sequence[ToRead]) -> Mapping[str, Reading]:
        turns = asyncio.Semaphore(_READ_AT_ONCE)

        async def one(machine: ToRead) -> Reading | None:
            async with turns, _told():
                with contextlib.suppress(NotThere):
                    return await self._read(machine)
            return None

        readings = await asyncio.gather(*map(one, machines), return_exceptions=True)
        read = {}
        for machine, told in zip(machines, readings, strict=True):
            if isinstance(told, Reading):
                read[machine.ref.machine_id] = told
            elif isinstance(told, BaseException) and not isinstance(told, ProviderAway | ProviderRefused):
                raise told
        return read

    async def close(self) -> None:
        for pull in self._pulls.values():
            pull.cancel()
        await asyncio.gather(*self._pulls.values(), return_exceptions=True)
        await self._docker.close()

    async def _inspect(self, ref: MachineRef) -> Mapping[str, Any] | None:
        try:
            there = await self._docker.inspect_container(ref.name)
        except NotThere:
            return None
        if labels_of(there).get(MACHINE_LABEL) != ref.machine_id:
            raise ProviderRefused(NAME, f"a container that is not ours is called {ref.name}", "invalid")
        return there

    async def _make(self, spec: MachineSpec) -> None:
        network = await self._network(spec)
        await self._image(spec.image)
        await self._docker.create_volume(spec.ref.name, labels(spec, self._installation))
        # In the way: an earlier attempt was carried out after all.
        with contextlib.suppress(InTheWay):
            await self._docker.create_container(spec.ref.name, config(spec, network, self._installation))

    async def _started(self, spec: MachineSpec) -> Observed:
        there = await self._inspect(spec.ref)
        if there is None:
            raise ProviderAway(NAME, "the container went away while it was made")
        if there["State"]["Status"] == "created" and spec.files:
            await self._docker.put_archive(spec.ref.name, "/", archive(spec.files))
        await self._walled(spec.ref)
        await self._docker.start_container(spec.ref.name)
        return observed(await self._docker.inspect_container(spec.ref.name))

    async def _network(self, spec: MachineSpec) -> Mapping[str, Any]:
        """The machine's network, known by its label. Names of networks are not kept single, and the engine cannot
        tell equal ones apart: so each has its own, and where two were made at once the oldest counts."""
        if not await self._networks(spec.ref):
            suffix = secrets.token_hex(4)
            config: dict[str, Any] = {"Internal": True, "Labels": labels(spec, self._installation)}
            if self._wall is not None:
                config["Options"] = {BRIDGE_OPTION: self._wall.bridge(suffix)}
            await self._docker.create_network(f"{spec.ref.name}-{suffix}", config)
        found = await self._networks(spec.ref)
        if not found:
            raise ProviderAway(NAME, "the network went away while the machine was made")
        return min(found, key=lambda network: (network["Created"], network["Id"]))

    async def _walled(self, ref: MachineRef) -> None:
        """Before a container starts: ProviderRefused, if it would reach what listens on this computer."""
        if self._wall is not None:
            for network in await self._networks(ref):
                await self._wall.stands_before((network.get("Options") or {}).get(BRIDGE_OPTION, "of the engine"))

    async def _wall_stands_on(self) -> None:
        """Containers that run go on running where it cannot; but nobody is left to believe that it does."""
        if self._wall is not None:
            try:
                await self._wall.stands()
            except (ProviderRefused, TimeoutError) as problem:
                log.error("host_open_to_containers", problem=str(problem))  # noqa: TRY400

    async def _networks(self, ref: MachineRef) -> Sequence[Mapping[str, Any]]:
        return await self._docker.networks({"label": [f"{MACHINE_LABEL}={ref.machine_id}"]})

    async def _image(self, image: str) -> None:
        try:
            await self._docker.inspect_image(image)
        except NotThere:
            await self._pulled(image)

    async def _pulled(self, image: str) -> None:
        """Fetched within this attempt, or on the way for the next."""
        if image not in self._pulls:
            if len(self._pulls) >= _PULLS_MOST:
                raise ProviderAway(NAME, "other images are being fetched", retry_after_s=_PULL_AGAIN_S)
            # Owned by the driver, whose `close` ends it.
            self._pulls[image] = asyncio.create_task(self._pull(image))  # noqa: TID251
        pull = self._pulls[image]
        done, _ = await asyncio.wait((pull,), timeout=_PULL_WAIT_S)
        if not done:
            raise ProviderAway(NAME, f"{image} is being fetched", retry_after_s=_PULL_AGAIN_S)
        self._pulls.pop(image, None)
        try:
            pull.result()
        except EngineRefused as refusal:
            message = f"{image} cannot be fetched: {refusal.message}"
            if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise ProviderAway(NAME, message) from refusal
            raise ProviderRefused(NAME, message, "invalid") from refusal

    async def _pull(self, image: str) -> None:
        async with contextlib.aclosing(self._docker.pull(image)) as steps:
            async for _ in steps:
                pass

    async def _read(self, machine: ToRead) -> Reading | None:
        there = await self._docker.inspect_container(machine.ref.name)
        if not there["State"]["Running"]:
            return None
        stats = await self._docker.stats(machine.ref.name)
        return reading(there, stats, machine.before, utc_now())


@contextlib.asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """The engine's failures in the room's words."""
    try:
        yield
    except EngineGone as problem:
        raise ProviderAway(NAME, str(problem)) from problem
    except InTheWay as refusal:
        # Another call is about the same thing just now.
        raise ProviderAway(NAME, refusal.message) from refusal
    except EngineRefused as refusal:
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ProviderAway(NAME, refusal.message) from refusal
        full = "address pool" in refusal.message
        raise ProviderRefused(NAME, refusal.message, "capacity" if full else "invalid") from refusal
