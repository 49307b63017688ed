"""Machines of Fly.io: its Machines API for what they are, its Prometheus for what they use.

All machines lie in one app, which belongs to this installation. Names are unique there, and metadata says which
machine of ours each is. What is on a machine's disk is lost whenever it is updated. Fails as the Protocol says; a
host of theirs that does not answer makes its machines `unknown`, never gone.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from monoize.base.clock import utc_now
from monoize.control.compute.drivers.cloud import FIRST_BACKOFF_S, Answer, Cloud, Pace, Params
from monoize.control.compute.drivers.fly.machine import (
    MACHINE,
    MANAGED,
    NAME,
    STOP_TIMEOUT,
    config,
    judged,
    newest,
    observed,
    reading,
)
from monoize.control.compute.drivers.patience import in_time
from monoize.control.compute.model.machines import (
    MachineRef,
    MachineSpec,
    Metric,
    Observed,
    Power,
    ProviderAway,
    Reading,
    ToRead,
    gone,
)

CALLS_PER_S: Final = 1.0
"""Of one kind, for the whole app; more is turned away."""
_CALLS_AT_ONCE: Final = 3
_NONE: Final[Params] = {}
_GONE: Final = frozenset({HTTPStatus.NOT_FOUND})
_WRONG_STATE: Final = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})


class FlyDriver:
    name: Final = NAME
    metered: Final[frozenset[Metric]] = frozenset({"bandwidth"})
    can_update: Final = True

    def __init__(
        self,
        *,
        token: str,
        app: str,
        region: str,
        organization: str,
        api_url: str,
        metrics_url: str,
        calls_per_s: float = CALLS_PER_S,
        first_backoff_s: float = FIRST_BACKOFF_S,
    ) -> None:
        # Tokens of `fly tokens create` say themselves how they are presented.
        named = token.startswith("FlyV1 ")
        self._app = app
        self._region = region
        self._organization = organization
        self._api = Cloud(NAME, api_url, token if named else f"Bearer {token}", judged, first_backoff_s)
        self._metrics = Cloud(NAME, metrics_url, token if named else f"Bearer {token}", judged, first_backoff_s)
        self._creating, self._listing = Pace(calls_per_s, _CALLS_AT_ONCE), Pace(calls_per_s, _CALLS_AT_ONCE)

    @in_time
    async def create(self, spec: MachineSpec) -> Observed:
        there = await self._find(spec.ref)
        if there is None:
            body = {"name": spec.ref.name, "region": self._region, "config": config(spec)}
            made = await self._api.call(
                "POST",
                self._path(),
                body=body,
                repeatable=False,
                secret=spec.access.token,
                fine=frozenset({*_WRONG_STATE, HTTPStatus.UNPROCESSABLE_ENTITY}),
                pace=self._creating,
            )
            if made.status < HTTPStatus.BAD_REQUEST:
                return observed(made.fields)
            # It may be there since an earlier attempt whose answer was lost: then it bears our name.
            there = await self._find(spec.ref)
            if there is None:
                raise self._api.failure(made, spec.access.token)
        if there.power == "stopped":
            await self.start(MachineRef(spec.machine_id, there.provider_id))
        return there

    @in_time
    async def update(self, ref: MachineRef, spec: MachineSpec) -> Observed:
        there = await self.get(ref)
        if there.power == "gone":
            return await self.create(spec)
        changed = await self._api.call(
            "POST",
            self._path(there.provider_id),
            body={"config": config(spec)},
            fine=_GONE,
            secret=spec.access.token,
        )
        if changed.status in _GONE:
            return await self.create(spec)
        seen = observed(changed.fields)
        if seen.power == "stopped":
            await self.start(MachineRef(spec.machine_id, seen.provider_id))
        return seen

    @in_time
    async def start(self, ref: MachineRef) -> None:
        await self._power(ref, "start", {"running", "changing"})

    @in_time
    async def stop(self, ref: MachineRef) -> None:
        body = {"signal": "SIGTERM", "timeout": STOP_TIMEOUT}
        await self._power(ref, "stop", {"stopped", "changing", "gone"}, body)

    @in_time
    async def restart(self, ref: MachineRef) -> None:
        there = await self.get(ref)
        if there.power == "stopped":
            return await self.start(ref)
        return await self._power(ref, "restart", {"changing"}, params={"timeout": STOP_TIMEOUT})

    @in_time
    async def destroy(self, ref: MachineRef) -> None:
        there = await self.get(ref)
        if there.power != "gone":
            await self._api.call("DELETE", self._path(there.provider_id), params={"force": "true"}, fine=_GONE)

    @in_time
    async def get(self, ref: MachineRef) -> Observed:
        if ref.provider_id is None:
            return await self._find(ref) or gone(ref)
        answer = await self._api.call("GET", self._path(ref.provider_id), fine=_GONE)
        return gone(ref) if answer.status in _GONE else observed(answer.fields)

    @in_time
    async def list(self) -> Sequence[Observed]:
        return [seen for one in await self._all(MANAGED, "1") if (seen := observed(one)).power != "gone"]

    @in_time
    async def read(self, machines: Sequence[ToRead]) -> Mapping[str, Reading]:
        """Four calls, however many machines there are."""
        described = {str(one.get("id")): one for one in await self._all(MANAGED, "1")}
        app = f'app="{self._app}"'
        cpu = await self._query(f'sum by (instance) (fly_instance_cpu{{{app},mode!~"idle|iowait|steal"}})')
        memory = await self._query(
            f"sum by (instance) (fly_instance_memory_mem_total{{{app}}}"
            f" - fly_instance_memory_mem_available{{{app}}})"
        )
        network = await self._query(
            f'sum by (instance) ({{__name__=~"fly_instance_net_(sent|recv)_bytes",{app},device="eth0"}})'
        )
        at = utc_now()
        return {
            machine.ref.machine_id: reading(described[id], machine, at, cpu[id], memory.get(id), network.get(id))
            for machine in machines
            if (id := machine.ref.provider_id or "") in described and id in cpu
        }

    async def close(self) -> None:
        await self._api.close()
        await self._metrics.close()

    async def _power(
        self,
        ref: MachineRef,
        verb: str,
        fine: set[Power],
        body: Mapping[str, Any] | None = None,
        params: Params = _NONE,
    ) -> None:
        """Where the machine's state does not allow it, that may be because it is as it should be."""
        there = await self.get(ref) if ref.provider_id is None else None
        id = ref.provider_id or (there.provider_id if there else "")
        answer = Answer(HTTPStatus.NOT_FOUND, {"error": "machine not found"})
        if id:
            answer = await self._api.call(
                "POST",
                f"{self._path(id)}/{verb}",
                params=params,
                body=body,
                fine=frozenset({*_GONE, *_WRONG_STATE}),
            )
        if answer.status >= HTTPStatus.BAD_REQUEST and (await self.get(ref)).power not in fine:
            raise self._api.failure(answer)

    async def _find(self, ref: MachineRef) -> Observed | None:
        found = [observed(one) for one in await self._all(MACHINE, ref.machine_id)]
        return next((one for one in found if one.name == ref.name and one.power != "gone"), None)

    async def _all(self, key: str, value: str) -> Sequence[Mapping[str, Any]]:
        answer = await self._api.call("GET", self._path(), params={f"metadata.{key}": value}, pace=self._listing)
        if not isinstance(answer.body, list):
            raise ProviderAway(NAME, "its list of machines is not a list")
        return answer.body

    async def _query(self, expression: str) -> Mapping[str, float]:
        """The newest value for each machine."""
        answer = await self._metrics.call(
            "GET", f"/{self._organization}/api/v1/query", params={"query": expression}
        )
        return newest(answer.fields)

    def _path(self, id: str | None = None) -> str:
        return f"/apps/{self._app}/machines" + (f"/{quote(id, safe='')}" if id else "")
