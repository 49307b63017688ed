"""Carrying operations out: ask what is, decide what is next, write it down, do it, write down what came of it.

A worker holds an operation by a lease and looks before every step, so the next one goes on wherever this one died.
Nothing is written by a worker that has lost its lease. A provider that is away puts an operation off, one that
refuses ends it; what a failed `create` had made is taken away again.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Any, Final, Protocol

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal, Unavailable
from monoize.base.principal import SYSTEM, Call
from monoize.control.compute.actions import power
from monoize.control.compute.model import progress
from monoize.control.compute.model.agents import token_place
from monoize.control.compute.model.machines import (
    Access,
    Driver,
    MachineSpec,
    Metric,
    Observed,
    ProviderAway,
    ProviderRefused,
    WaysOut,
)
from monoize.control.compute.model.next_step import (
    VANISHED,
    Do,
    Finish,
    GiveUp,
    Next,
    Probe,
    Standing,
    Wait,
    next_step,
)
from monoize.control.compute.model.operations import TAKES_MOST, OperationInSteps, StepName, StepState, pause_s
from monoize.control.compute.model.progress import Patience
from monoize.control.compute.store import agents, deliveries, machine_states, machines, operations
from monoize.control.compute.store.machine_states import Blueprint
from monoize.control.edge.house import House
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

log = structlog.get_logger(__name__)

CALL_MOST_S: Final = 90
"""A driver bounds its calls itself; this is for one that does not."""
NO_ANSWER: Final = "no answer in time"
TOO_LONG: Final = "it took too long"
NOBODY: Final = "its agent is gone"

_PATIENCE: Final = Patience()

Answers = Callable[[str], Awaitable[str | None]]
"""None if the agent at this address is well, else what is wrong."""


class DriversHere(Protocol):
    @property
    def all(self) -> Sequence[Driver]: ...

    def of(self, provider: str) -> Driver:
        """Raises a Refusal for a provider that is not there."""
        ...

    def metered(self, provider: str) -> Collection[Metric]: ...


class LeaseLost(Exception):
    """Somebody else works on it by now, or something else is wanted."""


class PutOff(Exception):
    """Its provider is away: it is to be tried again after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__()


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """One operation as it stands, and the machine that it is about."""

    operation: OperationInSteps
    blueprint: Blueprint

    @property
    def driver_name(self) -> str:
        return self.blueprint.provider


class Runner:
    def __init__(
        self,
        house: House,
        drivers: DriversHere,
        ways: WaysOut,
        answers: Answers,
        owner: str,
        last_reading: Callable[[str], Awaitable[None]],
        patience: Patience = _PATIENCE,
    ) -> None:
        self._house = house
        self._drivers = drivers
        self._ways = ways
        self._answers = answers
        self.owner = owner
        # Called before a machine is moved: some providers' counters begin again then.
        self._last_reading = last_reading
        self._patience = patience

    async def run(self, operation_id: str, vps_id: str) -> float:
        """Until it has ended, was put off, or is somebody else's. The lease is held by now, and given back here.

        Seconds after which there may be something to do for this machine again.
        """
        try:
            await self._is_taken_over(operation_id, vps_id)
            while True:
                pause = await self._turn(operation_id, vps_id)
                if pause is None:
                    return 0.0
                await asyncio.sleep(pause)
        except LeaseLost:
            log.info("operation_let_go", operation=operation_id)
            return 0.0
        except PutOff as later:
            return later.seconds
        finally:
            async with self._house.database.write() as tx:
                await operations.give_back(tx, vps_id, self.owner)

    async def _is_taken_over(self, operation_id: str, vps_id: str) -> None:
        """Say of steps that were under way what is known of them."""
        task = await self._task(operation_id, vps_id)
        if not any(step.state == "running" for step in task.operation.steps):
            return
        try:
            seen = await self._look(task)
        except (ProviderAway, ProviderRefused):
            # The next turn finds the same, and knows what to do about it.
            return
        async with self._mine(task) as tx:
            for cut in progress.cut_off(task.operation.steps, seen.power):
                await operations.end_step(
                    tx, operation_id, cut.position, cut.state, utc_now(), detail=None, error=cut.error
                )

    async def _turn(self, operation_id: str, vps_id: str) -> float | None:
        """Seconds until the next one; None: this was the last."""
        task = await self._task(operation_id, vps_id)
        now = utc_now()
        if now >= task.operation.deadline:
            return await self._failed(task, TOO_LONG)
        try:
            seen = await self._look(task)
            following = next_step(self._standing(task, now), seen.power)
            await self._saw(task, seen, following)
            return await self._follow(task, seen, following)
        except ProviderAway as away:
            raise PutOff(await self._put_off(task, away)) from away
        except ProviderRefused as refused:
            return await self._failed(task, refused.message)

    async def _follow(self, task: Task, seen: Observed, following: Next) -> float | None:
        match following:
            case Do(step):
                await self._do(task, step)
                return 0.0
            case Wait(step):
                return await self._wait(task, step, seen)
            case Probe():
                return await self._probe(task, seen)
            case Finish():
                await self._finished(task)
                return None
            case GiveUp(because):
                return await self._failed(task, because)

    def _standing(self, task: Task, now: dt.datetime) -> Standing:
        can_update = self._driver(task).can_update
        return progress.standing(
            task.operation,
            now,
            is_stale=task.blueprint.stale,
            can_update=can_update,
            patience=self._patience,
        )

    async def _look(self, task: Task) -> Observed:
        try:
            async with asyncio.timeout(CALL_MOST_S):
                return await self._driver(task).get(task.blueprint.ref)
        except TimeoutError as problem:
            raise ProviderAway(task.driver_name, NO_ANSWER) from problem

    def _driver(self, task: Task) -> Driver:
        try:
            return self._drivers.of(task.driver_name)
        except Unavailable:
            raise
        except Refusal as refusal:
            raise ProviderRefused(task.driver_name, refusal.message) from refusal

    async def _saw(self, task: Task, seen: Observed, following: Next) -> None:
        """Write down what the provider says, where it is news, and that what was waited for has come."""
        waiting = progress.awaited(task.operation.steps)
        is_over = waiting is not None and progress.is_over(waiting[1], following)
        async with self._house.database.read() as tx:
            machine = await machines.get(tx, task.blueprint.id)
        goes = task.operation.undoing or task.operation.kind == "destroy"
        state = machine.state if goes else progress.state_after(machine.state, seen.power)
        known = (machine.observed, machine.provider_vm_id, machine.address, machine.state)
        told = (
            seen.power,
            seen.provider_id or machine.provider_vm_id,
            seen.address or machine.address,
            state,
        )
        if not is_over and known == told:
            return
        async with self._mine(task) as tx:
            now = utc_now()
            await machine_states.see(tx, machine.id, seen, now)
            if state != machine.state:
                await machine_states.change(tx, machine.id, state=state)
            if waiting and is_over:
                await operations.end_step(
                    tx, task.operation.id, waiting[0], "done", now, detail=seen.said, error=None
                )

    async def _do(self, task: Task, step: StepName) -> None:
        """The intent is written down before the call, and the provider's id right after it."""
        position = await self._begin_step(task, step)
        if step in ("stop", "restart", "update", "destroy"):
            await self._last_reading(task.blueprint.id)
        try:
            async with asyncio.timeout(CALL_MOST_S):
                made = await self._asked(task, step)
        except (ProviderAway, ProviderRefused, TimeoutError) as problem:
            said = str(problem) or NO_ANSWER
            async with self._mine(task) as tx:
                await operations.end_step(
                    tx, task.operation.id, position, "failed", utc_now(), detail=None, error=said
                )
            if isinstance(problem, TimeoutError):
                raise ProviderAway(task.driver_name, NO_ANSWER) from problem
            raise
        async with self._mine(task) as tx:
            now = utc_now()
            detail = made.provider_id if made else None
            if made is not None:
                await machine_states.see(tx, task.blueprint.id, made, now)
                # Its token may have been rotated since.
                latest = await machine_states.blueprint(tx, task.blueprint.id)
                is_stale = latest is None or latest.gateway_token_sealed != task.blueprint.gateway_token_sealed
                await machine_states.change(tx, task.blueprint.id, stale=is_stale)
            await operations.end_step(tx, task.operation.id, position, "done", now, detail=detail, error=None)

    async def _asked(self, task: Task, step: StepName) -> Observed | None:
        driver, ref = self._driver(task), task.blueprint.ref
        match step:
            case "create":
                return await driver.create(self._spec(task))
            case "update":
                return await driver.update(ref, self._spec(task))
            case "start":
                await driver.start(ref)
            case "stop":
                await driver.stop(ref)
            case "restart":
                await driver.restart(ref)
            case "destroy":
                await driver.destroy(ref)
            case _:
                raise AssertionError(step)
        return None

    def _spec(self, task: Task) -> MachineSpec:
        blueprint = task.blueprint
        if blueprint.agent_id is None or blueprint.gateway_token_sealed is None:
            raise ProviderRefused(task.driver_name, NOBODY, "invalid")
        token = self._house.seal.open(blueprint.gateway_token_sealed, *token_place(blueprint.agent_id))
        return MachineSpec(
            machine_id=blueprint.id,
            operation_id=task.operation.id,
            image=blueprint.image,
            cpu_millicores=blueprint.cpu_millicores,
            memory_mb=blueprint.memory_mb,
            disk_gb=blueprint.disk_gb,
            access=Access(blueprint.agent_id, token, self._ways),
        )

    async def _wait(self, task: Task, step: StepName, seen: Observed) -> float:
        waiting = progress.awaited(task.operation.steps)
        if waiting is None:
            await self._begin_step(task, step, detail=seen.said)
            return self._patience.look_again_s(utc_now(), utc_now())
        return self._patience.look_again_s(waiting[1].started_at, utc_now())

    async def _probe(self, task: Task, seen: Observed) -> float:
        """Whether the agent on it answers. One that does not is told of, and stays."""
        waiting = progress.awaited(task.operation.steps)
        position = waiting[0] if waiting else await self._begin_step(task, "health", detail=seen.address)
        address = seen.address or task.blueprint.address
        wrong = await self._answers(address) if address else "its address is not known"
        now = utc_now()
        since = waiting[1].started_at if waiting else now
        if wrong is not None and now - since < self._patience.health_most:
            return self._patience.look_again_s(since, now)
        async with self._mine(task) as tx:
            state: StepState = "failed" if wrong else "done"
            await operations.end_step(tx, task.operation.id, position, state, now, detail=address, error=wrong)
        return 0.0

    async def _put_off(self, task: Task, away: ProviderAway) -> float:
        log.warning("provider_away", provider=away.provider, problem=away.message, operation=task.operation.id)
        seconds = pause_s(task.operation.attempt, away.retry_after_s)
        async with self._mine(task) as tx:
            await operations.put_off(tx, task.operation.id, utc_now() + dt.timedelta(seconds=seconds))
        return seconds

    async def _finished(self, task: Task) -> None:
        operation, machine_id = task.operation, task.blueprint.id
        async with self._concluding(task) as change:
            now = utc_now()
            if operation.undoing or operation.kind == "destroy":
                await machine_states.destroyed(change.tx, machine_id, now, operation.error)
            else:
                await machine_states.change(change.tx, machine_id, error=None)
                await self._came_up(change.tx, task, now)
            await operations.end(
                change.tx, operation.id, "failed" if operation.undoing else "done", operation.error, now
            )
            if task.blueprint.stale and self._driver(task).can_update:
                await power.refresh(change.tx, machine_id, requested_by=SYSTEM.label, now=now)
            self._record(change, task, "failed" if operation.undoing else "done", operation.error)

    async def _failed(self, task: Task, because: str) -> float | None:
        operation, machine_id = task.operation, task.blueprint.id
        now = utc_now()
        if operation.kind == "create" and not operation.undoing:
            async with self._mine(task) as tx:
                await operations.end_running_steps(tx, operation.id, "failed", now, because)
                await operations.undo(tx, operation.id, because, now + TAKES_MOST["destroy"])
                await machine_states.change(tx, machine_id, desired="destroyed", error=because)
            return 0.0
        error = operation.error or because
        async with self._concluding(task) as change:
            await operations.end_running_steps(change.tx, operation.id, "failed", now, because)
            await operations.end(change.tx, operation.id, "failed", error, now)
            if because == VANISHED:
                await machine_states.destroyed(change.tx, machine_id, now, because)
            else:
                await machine_states.change(change.tx, machine_id, error=error)
                await self._came_up(change.tx, task, now)
            self._record(change, task, "failed", error)
        return None

    async def _came_up(self, tx: Tx, task: Task, now: dt.datetime) -> None:
        """It may be another machine than before, one that knows nothing of its agent's channels."""
        agent_id = await machines.agent_of(tx, task.blueprint.id)
        if agent_id is not None and task.operation.kind not in ("stop", "destroy"):
            await agents.get(tx, agent_id, lock=True)
            await deliveries.mark_all(tx, agent_id, now)

    def _record(self, change: Change, task: Task, how: str, error: str | None) -> None:
        told: dict[str, Any] = {"kind": task.operation.kind, "operation_id": task.operation.id}
        change.record(f"operation.{how}", "machine", task.blueprint.id, **told, error=error)

    async def _task(self, operation_id: str, vps_id: str) -> Task:
        async with self._house.database.read() as tx:
            operation = await operations.in_steps(tx, operation_id)
            blueprint = await machine_states.blueprint(tx, vps_id)
        if not operation.is_open or blueprint is None:
            raise LeaseLost
        return Task(operation, blueprint)

    async def _begin_step(self, task: Task, step: StepName, detail: str | None = None) -> int:
        position = len(task.operation.steps)
        async with self._mine(task) as tx:
            await operations.begin_step(tx, task.operation.id, position, step, utc_now(), detail=detail)
        return position

    @contextlib.asynccontextmanager
    async def _mine(self, task: Task) -> AsyncIterator[Tx]:
        """A transaction of whoever holds the lease, and of nobody else."""
        async with self._house.database.write() as tx:
            await self._check_mine(tx, task)
            yield tx

    @contextlib.asynccontextmanager
    async def _concluding(self, task: Task) -> AsyncIterator[Change]:
        """The same for the last word on an operation, which is audited."""
        async with self._house.audit_log.change(Call(SYSTEM, task.operation.id)) as change:
            await self._check_mine(change.tx, task)
            yield change

    async def _check_mine(self, tx: Tx, task: Task) -> None:
        await machine_states.lock(tx, task.blueprint.id)
        if not await operations.is_mine(tx, task.operation.id, self.owner):
            raise LeaseLost
