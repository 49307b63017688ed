"""The worker of deployments: takes the next one, takes its steps, and writes down where each led.

Several run at once, in one process or in many; a lease keeps each deployment to one of them. A worker that dies, at
any point, leaves a row that says how far it was, and whoever takes it over goes on from there: what served before
keeps serving until what follows it is proven. The engine or the database being away only puts things off, until the
deadline of the deployment.
"""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.projects.actions import deploy_steps as steps
from monoize.control.projects.actions.bell import EntryBell
from monoize.control.projects.actions.deploy_steps import Failed, Means
from monoize.control.projects.actions.leases import LEASE, Lease, LeaseLost, kept_alive
from monoize.control.projects.actions.lockdown import refuse_in_lockdown
from monoize.control.projects.actions.operation_log import Voice, voice
from monoize.control.projects.model import deployments as rules
from monoize.control.projects.model.deployments import Deployment, Failure, Status, Step
from monoize.control.projects.store import deployments, operation_lines
from monoize.infra.docker import DockerError

log = structlog.get_logger(__name__)

LINES_MOST: Final = 5_000
LOOKS_EVERY_S: Final = 15.0
_NEXT: Final[dict[Step, Status]] = {
    Step.BEGIN: "pulling",
    Step.PULL: "starting",
    Step.START: "probing",
    Step.PROBE: "switching",
    Step.SWITCH: "draining",
    Step.SOAK: "retiring",
    Step.RETIRE: "live",
    Step.FINISH: "live",
}
# Cut off in the middle they would leave less known than when they are let through.
_UNINTERRUPTED: Final = frozenset({Step.SWITCH, Step.RETIRE, Step.UNDO})


class _Interrupted(Exception):
    """Somebody cancelled, or its time is over: the next look at the row says which."""


class Deployer:
    """One worker. Its bell wakes it up; so does the time when something is due."""

    def __init__(self, means: Means, lease: Lease = LEASE) -> None:
        self._means = means
        self._database = means.house.database
        self._lease = lease
        self._owner = new_id()
        # Whatever leads to a deployment.
        self.bell = EntryBell("deployment", "service", "build")
        self._next_at: dt.datetime | None = utc_now()

    async def run(self) -> None:
        """Wait until there may be something to do, and do all of it."""
        await self.bell.heard_by(self._next_at, LOOKS_EVERY_S)
        await self.drain()

    async def drain(self) -> None:
        while (claimed := await self._claim()) is not None:
            await self._work_on(claimed)

    async def _claim(self) -> Deployment | None:
        async with self._database.read() as tx:
            self._next_at = await deployments.next_at(tx)
        if self._next_at is None or self._next_at > utc_now():
            return None
        async with self._database.write() as tx:
            return await deployments.claim(tx, self._owner, now=utc_now(), until=self._lease.until())

    async def _work_on(self, deployment: Deployment) -> None:
        try:
            async with voice(self._database, "deployment_id", deployment.id, most=LINES_MOST) as speaking:
                now: Deployment | None = deployment
                while now is not None:
                    now = await self._step(now, speaking)
        except asyncio.CancelledError:
            await self._give_back(deployment, attempts=deployment.attempts, pause=dt.timedelta())
            raise
        except LeaseLost:
            log.warning("deployment_lost", deployment_id=deployment.id)

    async def _step(self, deployment: Deployment, speaking: Voice) -> Deployment | None:
        """One step, and the deployment as it is afterwards; None when there is no more to do for now."""
        if failure := rules.interruption(deployment, utc_now()):
            return await self._ends(deployment, failure, None)
        step = rules.next_step(deployment, utc_now())
        try:
            return await self._taken(step, deployment, speaking)
        except _Interrupted:
            return await self._again(deployment)
        except Failed as failed:
            await speaking.say(failed.failure.message)
            if step is Step.UNDO:
                await self._put_off(deployment, speaking, failed)
                return None
            return await self._ends(deployment, failed.failure, failed.evidence)
        except (DockerError, Refusal) as problem:
            await self._put_off(deployment, speaking, problem)
            return None
        except LeaseLost:
            raise
        except (
            Exception
        ) as problem:  # The last rung: a mistake of ours must not keep a service from ever deploying.
            log.exception("deployment_step_failed", deployment_id=deployment.id, step=step.value)
            await self._put_off(deployment, speaking, problem)
            return None

    async def _taken(self, step: Step, deployment: Deployment, speaking: Voice) -> Deployment | None:
        means = self._means
        values: steps.Values = {}
        async with kept_alive(self._lease, self._beat(deployment, step)):
            match step:
                case Step.BEGIN:
                    async with self._database.read() as tx:
                        await refuse_in_lockdown(tx)
                    values = await steps.begin(means, deployment)
                case Step.PULL:
                    values = await steps.pull(means, deployment, speaking)
                case Step.START:
                    values = await steps.start(means, deployment, speaking)
                case Step.PROBE:
                    values = await steps.probe(means, deployment)
                case Step.SWITCH:
                    values = await steps.switch(means, deployment)
                case Step.SOAK:
                    values = await steps.soak(means, deployment, speaking)
                case Step.RETIRE:
                    values = await steps.retire(means, deployment)
                case Step.UNDO:
                    await steps.undo(means, deployment, speaking)
                case _:
                    pass
        await speaking.flush()
        if step in (Step.UNDO, Step.ABANDON):
            assert deployment.outcome is not None
            await self._over(deployment, deployment.outcome)
            return None
        if _NEXT[step] == "live":
            await self._over(deployment, "live")
            return None
        return await self._moves(deployment, _NEXT[step], values)

    def _beat(self, deployment: Deployment, step: Step) -> Callable[[dt.datetime], Awaitable[None]]:
        async def beat(until: dt.datetime) -> None:
            async with self._database.write() as tx:
                now = await deployments.renew(tx, deployment.id, self._owner, until)
            if now is None:
                raise LeaseLost
            if step not in _UNINTERRUPTED and rules.interruption(now, utc_now()):
                raise _Interrupted

        return beat

    async def _again(self, deployment: Deployment) -> Deployment:
        async with self._database.read() as tx:
            return await deployments.get(tx, deployment.id)

    async def _moves(self, deployment: Deployment, to: Status, values: steps.Values) -> Deployment:
        status = rules.moved(deployment, to)
        return await self._writes(deployment, {**values, "status": status, "attempts": 0}, status)

    async def _ends(self, deployment: Deployment, failure: Failure, evidence: steps.Values | None) -> Deployment:
        """It is going to end, and what it made is cleaned up first."""
        outcome = rules.outcome_of(deployment)
        values = {"outcome": outcome, "error_code": failure.code, "error": failure.message, "attempts": 0}
        if evidence is not None:
            values["evidence"] = dict(evidence)
        # A deployment that never began has no deadline, and cleaning up is measured by it.
        values["deadline_at"] = deployment.deadline_at or utc_now()
        return await self._writes(deployment, values, f"{outcome}: {failure.message}")

    async def _writes(self, deployment: Deployment, values: dict[str, Any], said: str) -> Deployment:
        async with self._database.write() as tx:
            if not await deployments.change(tx, deployment.id, self._owner, values):
                raise LeaseLost
            await operation_lines.add(tx, "deployment_id", deployment.id, "state", [said])
            return await deployments.get(tx, deployment.id)

    async def _over(self, deployment: Deployment, status: Status) -> None:
        rules.moved(deployment, status)
        now = utc_now()
        async with self._means.house.audit_log.change(Call(SYSTEM, new_id())) as change:
            if not await deployments.finish(change.tx, deployment.id, self._owner, {"status": status}, now):
                raise LeaseLost
            await deployments.promote(change.tx, deployment.service_id)
            await operation_lines.add(change.tx, "deployment_id", deployment.id, "state", [status])
            change.record(
                f"deployment.{status}",
                "deployment",
                deployment.id,
                service_id=deployment.service_id,
                release_id=deployment.release_id,
                error_code=deployment.error_code,
            )

    async def _put_off(self, deployment: Deployment, speaking: Voice, problem: Exception) -> None:
        """A neighbour is away: once more later, by whoever is free then."""
        pause = rules.pause_after(deployment.attempts)
        await speaking.say(f"{type(problem).__name__}: {problem}; once more in {pause.total_seconds():.0f} s")
        log.warning("deployment_put_off", deployment_id=deployment.id, problem=type(problem).__name__)
        await self._give_back(deployment, attempts=deployment.attempts + 1, pause=pause)

    async def _give_back(self, deployment: Deployment, *, attempts: int, pause: dt.timedelta) -> None:
        async with self._database.write() as tx:
            await deployments.put_off(tx, deployment.id, self._owner, until=utc_now() + pause, attempts=attempts)
