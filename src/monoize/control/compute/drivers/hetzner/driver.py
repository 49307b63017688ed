"""Machines that are servers of Hetzner Cloud.

The server's image has a service `monoize-agent`, which reads /etc/monoize/env. What a server was told when it was
made cannot be told anew, so it cannot be updated. A stopped server costs as much as a running one. The firewall of
the settings decides what a server reaches beside the proxy. Fails as the Protocol says; a server that is locked by
another action is asked again.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from monoize.base.clock import utc_now
from monoize.control.compute.drivers.cloud import FIRST_BACKOFF_S, Cloud, Params
from monoize.control.compute.drivers.hetzner.server import (
    NAME,
    judged,
    made,
    mean_cpu,
    observed,
    page_of,
    part,
    reading,
)
from monoize.control.compute.drivers.patience import in_time
from monoize.control.compute.model.cloud_init import TooMuchUserData, user_data
from monoize.control.compute.model.environment import UnreachableFromThere, environment
from monoize.control.compute.model.machines import (
    MACHINE_LABEL,
    OPERATION_LABEL,
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
from monoize.control.compute.model.sizes import hetzner_type

STOP_GRACE_S: Final = 30.0
PAGE: Final = 50
PAGES_MOST: Final = 100
CPU_READ_MOST: Final = 20
"""Each takes a call of its own, of 3,600 an hour: for more machines than these CPU time is not told."""
_SAMPLE_S: Final = 60
_SAMPLES_MOST: Final = 500
_ASK_EVERY_S: Final = 1.0
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND})


class HetznerDriver:
    name: Final = NAME
    metered: Final[frozenset[Metric]] = frozenset({"bandwidth"})
    can_update: Final = False

    def __init__(
        self,
        *,
        token: str,
        location: str,
        types: Sequence[str],
        network_id: int | None,
        firewall_id: int | None,
        ssh_keys: Sequence[str],
        api_url: str,
        stop_grace_s: float = STOP_GRACE_S,
        first_backoff_s: float = FIRST_BACKOFF_S,
    ) -> None:
        self._api = Cloud(NAME, api_url, f"Bearer {token}", judged, first_backoff_s)
        self._location = location
        self._types = types
        self._network_id = network_id
        self._firewall_id = firewall_id
        self._ssh_keys = ssh_keys
        self._stop_grace_s = stop_grace_s

    @in_time
    async def create(self, spec: MachineSpec) -> Observed:
        there = await self._named(spec.ref)
        if there is None:
            answer = await self._api.call(
                "POST",
                "/servers",
                body=self._server(spec),
                repeatable=False,
                secret=spec.access.token,
                fine=frozenset({HTTPStatus.CONFLICT}),
            )
            if answer.status < HTTPStatus.BAD_REQUEST:
                return observed(part(answer, "server"), self._network_id)
            # It may be there since an earlier attempt whose answer was lost: names are unique in a project.
            there = await self._named(spec.ref)
            if there is None:
                raise self._api.failure(answer, spec.access.token)
        if there.machine_id != spec.machine_id:
            raise ProviderRefused(NAME, f"a server that is not ours is called {spec.ref.name}", "invalid")
        if there.power == "stopped":
            await self._act(there.provider_id, "poweron")
        return there

    async def update(self, ref: MachineRef, spec: MachineSpec) -> Observed:
        raise ProviderRefused(NAME, "a server cannot be given another environment; make a new one", "unsupported")

    @in_time
    async def start(self, ref: MachineRef) -> None:
        there = await self._there(ref)
        if there.power == "gone":
            raise ProviderRefused(NAME, "the server does not exist")
        if there.power != "running":
            await self._act(there.provider_id, "poweron")

    @in_time
    async def stop(self, ref: MachineRef) -> None:
        """A finished `shutdown` only means that the server was told: whether it is off is asked of the server."""
        there = await self._there(ref)
        if there.power in ("gone", "stopped"):
            return
        await self._act(there.provider_id, "shutdown")
        until = time.monotonic() + self._stop_grace_s
        while time.monotonic() < until:
            await asyncio.sleep(min(_ASK_EVERY_S, self._stop_grace_s))
            if (await self._there(ref)).power in ("gone", "stopped"):
                return
        await self._act(there.provider_id, "poweroff")

    @in_time
    async def restart(self, ref: MachineRef) -> None:
        there = await self._there(ref)
        if there.power == "gone":
            raise ProviderRefused(NAME, "the server does not exist")
        await self._act(there.provider_id, "reboot" if there.power == "running" else "poweron")

    @in_time
    async def destroy(self, ref: MachineRef) -> None:
        there = await self._there(ref)
        if there.power != "gone":
            await self._api.call("DELETE", f"/servers/{there.provider_id}", fine=_GONE)

    @in_time
    async def get(self, ref: MachineRef) -> Observed:
        return await self._there(ref)

    @in_time
    async def list(self) -> Sequence[Observed]:
        return [
            observed(server, self._network_id) for server in await self._servers({"label_selector": MACHINE_LABEL})
        ]

    @in_time
    async def read(self, machines: Sequence[ToRead]) -> Mapping[str, Reading]:
        servers = {
            str(server.get("id")): server for server in await self._servers({"label_selector": MACHINE_LABEL})
        }
        at = utc_now()
        told = [machine for machine in machines if machine.ref.provider_id in servers]
        cpu_ms = {}
        if len(told) <= CPU_READ_MOST:
            for machine in told:
                server = servers[machine.ref.provider_id or ""]
                cpu_ms[str(server["id"])] = await self._cpu_ms(server, machine.before, at)
        return {
            machine.ref.machine_id: reading(servers[id], machine, at, cpu_ms.get(id))
            for machine in told
            if (id := machine.ref.provider_id) is not None
        }

    async def close(self) -> None:
        await self._api.close()

    async def _there(self, ref: MachineRef) -> Observed:
        if ref.provider_id is None:
            return await self._named(ref) or gone(ref)
        answer = await self._api.call("GET", f"/servers/{quote(ref.provider_id, safe='')}", fine=_GONE)
        return gone(ref) if answer.status in _GONE else observed(part(answer, "server"), self._network_id)

    async def _named(self, ref: MachineRef) -> Observed | None:
        found = await self._servers({"name": ref.name})
        return observed(found[0], self._network_id) if found else None

    async def _servers(self, params: Params) -> Sequence[Mapping[str, Any]]:
        servers: Sequence[Mapping[str, Any]] = ()
        page: int | None = 1
        while page is not None:
            if page > PAGES_MOST:
                raise ProviderAway(NAME, "its list of servers does not end")
            answer = await self._api.call("GET", "/servers", params={**params, "page": page, "per_page": PAGE})
            found, page = page_of(answer)
            servers = [*servers, *found]
        return servers

    async def _act(self, id: str, action: str) -> None:
        """Accepted, or not there any more; that it is carried out shows in the server's status."""
        await self._api.call("POST", f"/servers/{id}/actions/{action}", fine=_GONE)

    async def _cpu_ms(self, server: Mapping[str, Any], before: Reading | None, at: dt.datetime) -> int | None:
        """Percents of one CPU, sampled, since the last reading."""
        epoch, created_at = made(server)
        goes_on = before is not None and before.epoch == epoch
        since = before.at if before is not None and goes_on else created_at
        step = max(_SAMPLE_S, int((at - since).total_seconds() / _SAMPLES_MOST) + 1)
        params: Params = {"type": "cpu", "start": since.isoformat(), "end": at.isoformat(), "step": step}
        answer = await self._api.call("GET", f"/servers/{server['id']}/metrics", params=params, fine=_GONE)
        if answer.status in _GONE:
            return None
        mean = mean_cpu(answer.fields)
        counted = (before.cpu_ms or 0) if before is not None and goes_on else 0
        return None if mean is None else counted + round(mean * 10 * max(0.0, (at - since).total_seconds()))

    def _server(self, spec: MachineSpec) -> Mapping[str, Any]:
        try:
            first_steps = user_data(environment(spec, this_computer=None), spec.files)
        except UnreachableFromThere as problem:
            raise ProviderRefused(NAME, f"{problem}; set egress_address and public_url", "invalid") from None
        except TooMuchUserData as problem:
            raise ProviderRefused(NAME, str(problem), "invalid") from None
        return {
            "name": spec.ref.name,
            "server_type": hetzner_type(spec.cpu_millicores, self._types),
            "image": spec.image,
            "location": self._location,
            "user_data": first_steps,
            "labels": {MACHINE_LABEL: spec.machine_id, OPERATION_LABEL: spec.operation_id},
            "start_after_create": True,
            **({"networks": [self._network_id]} if self._network_id else {}),
            **({"firewalls": [{"firewall": self._firewall_id}]} if self._firewall_id else {}),
            **({"ssh_keys": [*self._ssh_keys]} if self._ssh_keys else {}),
        }
