"""The proxy: what the database says of routes, served by nginx and proven, or everything as it was before.

Called after every change of a route, domain or certificate, by a deployment that switches to its release, and by
the clock, since it takes no input but the database: a run that finds nothing changed reloads nothing. One run at a
time, in this process by a lock and across processes by one on nginx's folder; who waits finds the work done.

Without an nginx set up it only renders. Whatever fails leaves the generation before in force.
"""

import asyncio
import dataclasses
import ipaddress
import math
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.control.compute.actions import addresses
from monoize.control.edge.house import House
from monoize.control.projects.drivers.nginx import Nginx, NginxTrouble
from monoize.control.projects.errors import NginxNotReloaded, NginxNotSetUp, NotSwitched, RefusedByNginx
from monoize.control.projects.model.certificates import Certificate, good_for, key_place
from monoize.control.projects.model.generations import Generation
from monoize.control.projects.model.nginx_config import (
    SITES,
    UPSTREAM_PATH,
    Facts,
    Flavour,
    Gate,
    Listening,
    Rendered,
    RoutedTo,
    render,
)
from monoize.control.projects.model.routes import GATEWAY, Member, Route, RouteState
from monoize.control.projects.store import acme_accounts, certificates, generations, routes
from monoize.infra.db import Tx
from monoize.infra.sealed import SealBroken
from monoize.infra.settings import Settings

log = structlog.get_logger(__name__)

CHALLENGE_WITHIN_S: Final = 10.0
_CHALLENGE_EVERY_S: Final = 0.5
RELOAD_PACE_S: Final = 1.0
"""Between two reloads that nobody switches by: workers of the old generation stay while their connections do."""
AFTER_FAILURE_S: Final = 60.0
LOOK_EVERY_S: Final = 10.0
_PREVIEW: Final = Flavour((1, 26, 0))
_NOT_SERVED: Final[RouteState] = "not_served"


@dataclasses.dataclass(frozen=True, slots=True)
class Standing:
    """What the last run came to. `generation` is proven to be in force; `trouble` says why it is not the newest."""

    set_up: bool
    generation: int | None
    routes: int
    trouble: str | None
    states: Mapping[int, RouteState]


class Proxy:
    def __init__(self, house: House, nginx: Nginx | None) -> None:
        self._house = house
        self._nginx = nginx
        self._listening = _listening(house.settings)
        self._lock = asyncio.Lock()
        self._reloaded_at = self._failed_at = self._looked_at = -math.inf
        self._served: Generation | None = None
        self._upstreams: frozenset[str] = frozenset()
        self.standing = Standing(nginx is not None, None, 0, None, {})

    @property
    def is_set_up(self) -> bool:
        return self._nginx is not None

    def is_running(self) -> bool:
        return self._nginx is not None and self._nginx.is_running()

    async def apply(self, *, urgent: bool = False) -> Standing:
        """Serve what the database says. Refused with what nginx says where it cannot be."""
        async with self._lock:
            if not urgent:
                await asyncio.sleep(max(0.0, self._reloaded_at + RELOAD_PACE_S - time.monotonic()))
            return await self._apply()

    async def follow(self) -> Standing:
        """`apply` for those who only want to know what came of it."""
        try:
            return await self.apply()
        except NginxNotReloaded:
            return self.standing

    async def switch(self, service_id: int, members: Sequence[Member]) -> int | None:
        """Let these answer for a service and nobody else, proven; the number of the generation that does so.

        None without an nginx: then it is only noted. May be called again with the same or with the former members.
        """
        wanted = {(one.container_port, at) for one in members for at in _literal(one.host, one.port)}
        async with self._lock:
            async with self._house.database.write() as tx:
                before = await routes.replace_members(tx, service_id, wanted)
            try:
                standing = await self._apply()
            except NginxNotReloaded as problem:
                async with self._house.database.write() as tx:
                    await routes.replace_members(tx, service_id, before)
                raise NotSwitched(**problem.details) from problem
        return standing.generation

    def through(self, service_id: int, container_port: int) -> str | None:
        """An address on this machine that leads through nginx to a service; None where no route leads there."""
        upstream = f"service_{service_id}_{container_port}"
        if self._nginx is None or upstream not in self._upstreams:
            return None
        return f"http://127.0.0.1:{self._listening.probe_port}{UPSTREAM_PATH}/{upstream}"

    async def check_challenge(self, domain: str, validation: str) -> None:
        """Ask nginx what an authority will ask it, from here: who fails here fails there, where failures count.

        For a moment after a reload a worker of before may still answer.
        """
        token, _, _ = validation.partition(".")
        until = time.monotonic() + CHALLENGE_WITHIN_S
        while self._nginx is None or validation != await self._nginx.challenge(self._listening, domain, token):
            if self._nginx is None or time.monotonic() > until:
                raise NginxNotReloaded(said=f"it does not answer authorities for {domain}")
            await asyncio.sleep(_CHALLENGE_EVERY_S)

    async def try_out(self, proposed: RoutedTo) -> None:
        """Let nginx read everything with this route in it, in place of the one of its id, before it is kept."""
        if self._nginx is None:
            return
        async with self._lock:
            material = await self._material()
            others = [route for route in material.facts.routes if route.id != proposed.id]
            facts = dataclasses.replace(material.facts, routes=[*others, proposed])
            try:
                rendered = await self._rendered(facts)
                if rendered.states[proposed.id] == "invalid":
                    raise NginxTrouble("it could not be written into a configuration")
                async with self._nginx.exclusive():
                    await self._nginx.check(rendered, material.keys)
            except NginxTrouble as problem:
                raise RefusedByNginx(said=str(problem)) from problem

    async def preview(self, route_id: int | None = None) -> str:
        """What would be written now: of everything, or of one route alone."""
        facts = (await self._material()).facts
        if route_id is not None:
            facts = dataclasses.replace(facts, routes=[one for one in facts.routes if one.id == route_id])
        try:
            return (await self._rendered(facts)).files[SITES]
        except NginxTrouble as problem:
            raise NginxNotReloaded(said=str(problem)) from problem

    async def reload(self) -> Standing:
        """As an operator asks for it: also where nothing changed, the running nginx is asked what it serves."""
        if self._nginx is None:
            raise NginxNotSetUp
        self._served = None
        return await self.apply(urgent=True)

    async def watch(self) -> None:
        """By the clock: start an nginx that died, and bring in now and then what was missed."""
        now = time.monotonic()
        if self._nginx is None or now < self._failed_at + AFTER_FAILURE_S:
            return
        if self._served and self._nginx.is_running() and now < self._looked_at + LOOK_EVERY_S:
            return
        await asyncio.to_thread(self._nginx.reopen_large_log)
        try:
            await self.apply()
        except NginxNotReloaded as problem:
            log.warning("nginx_not_reloaded", said=problem.details.get("said"))

    async def _apply(self) -> Standing:
        material = await self._material()
        self._looked_at = time.monotonic()
        try:
            rendered = await self._rendered(material.facts)
            generation = await self._enforce(rendered, material.keys) if self._nginx else None
        except NginxTrouble as problem:
            self._failed_at = time.monotonic()
            self.standing = dataclasses.replace(self.standing, trouble=str(problem))
            raise NginxNotReloaded(said=str(problem)) from problem
        states = rendered.states if self._nginx else dict.fromkeys(rendered.states, _NOT_SERVED)
        number = generation.id if generation else None
        self._upstreams = rendered.upstreams
        self.standing = Standing(self.is_set_up, number, len(states), None, states)
        return self.standing

    async def _rendered(self, facts: Facts) -> Rendered:
        flavour = await self._nginx.flavour() if self._nginx else _PREVIEW
        return await asyncio.to_thread(render, facts, self._listening, flavour)

    async def _enforce(self, rendered: Rendered, keys: Mapping[str, tuple[str, str]]) -> Generation:
        nginx, wanted = self._nginx, rendered.generation
        assert nginx is not None
        if self._served and self._served.generation == wanted and nginx.is_running():
            return self._served
        self._served = None
        async with nginx.exclusive():
            if not nginx.points_at(wanted) or await nginx.served() != wanted:
                try:
                    await nginx.check(rendered, keys)
                    await nginx.enforce(wanted)
                except NginxTrouble as problem:
                    async with self._house.database.write() as tx:
                        await generations.failed(tx, wanted, len(rendered.states), str(problem))
                    raise
                finally:
                    self._reloaded_at = time.monotonic()
            async with self._house.database.write() as tx:
                served = await generations.served(tx, wanted, len(rendered.states))
                kept = await generations.prune(tx)
            await nginx.prune([*kept, wanted])
        self._served = served
        log.info("nginx_serves", generation=served.id, routes=len(rendered.states))
        return served

    async def _material(self) -> "_Material":
        async with self._house.database.read() as tx:
            found = await routes.every(tx)
            answering = await routes.members(tx)
            machines = await addresses.hosts_of(tx, {one.machine_id for one, _ in found if one.machine_id})
            known = await certificates.every(tx)
            thumbprint = await acme_accounts.thumbprint(tx, self._house.settings.acme_directory_url)
            secured = {route.domain for route, _ in found if route.tls}
            usable, keys = await self._openable(tx, secured, known)
        members: dict[str, list[str]] = {}
        for service_id, port, address in answering:
            members.setdefault(f"service_{service_id}_{port}", []).append(address)
        for route, _ in found:
            if route.machine_id and route.machine_id in machines:
                members.setdefault(route.upstream, []).extend(_literal(machines[route.machine_id], route.port))
        members[GATEWAY] = gateway_members(self._house.settings)
        told = [routed(route, gate) for route, gate in found]
        return _Material(Facts(told, members, usable, thumbprint), keys)

    async def _openable(
        self, tx: Tx, domains: Collection[str], known: Sequence[Certificate]
    ) -> tuple[Mapping[str, str], Mapping[str, tuple[str, str]]]:
        """Which certificate is for which domain, with its key; one whose key does not open is as good as none."""
        while True:
            chosen = good_for(domains, known, utc_now())
            keys: dict[str, tuple[str, str]] = {}
            broken: set[int] = set()
            for id, fingerprint, chain, sealed in await certificates.sealed(tx, set(chosen.values())):
                try:
                    keys[fingerprint] = (chain, self._house.seal.open(sealed, *key_place(id)))
                except SealBroken:
                    log.exception("certificate_key_does_not_open", certificate=id)
                    broken.add(id)
            if not broken:
                return chosen, keys
            known = [one for one in known if one.id not in broken]


@dataclasses.dataclass(frozen=True, slots=True)
class _Material:
    """What a run works with: the facts, and chains and keys by fingerprint."""

    facts: Facts
    keys: Mapping[str, tuple[str, str]] = dataclasses.field(repr=False)


def _listening(settings: Settings) -> Listening:
    return Listening(
        settings.nginx_listen, settings.nginx_http_port, settings.nginx_https_port, settings.nginx_probe_port
    )


def make_proxy(house: House) -> Proxy:
    settings = house.settings
    if not settings.nginx:
        return Proxy(house, None)
    return Proxy(house, Nginx(settings.nginx, settings.data_dir / "nginx", settings.nginx_probe_port))


def routed(route: Route, gate: Gate) -> RoutedTo:
    return RoutedTo(route.id, route.domain, route.path, route.tls, route.upstream, route.options, gate)


def gateway_members(settings: Settings) -> list[str]:
    """Where this very process listens, seen from this machine; nowhere when it takes a port by chance."""
    if settings.port == 0:
        return []
    host = _LOCAL.get(settings.host, settings.host)
    return _literal(host, settings.port)


_LOCAL: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1", "": "127.0.0.1"}  # noqa: S104


def _literal(host: str, port: int) -> list[str]:
    """As nginx writes it. A name is left out: one that cannot be resolved would take all routes with it."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    return [f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"]
