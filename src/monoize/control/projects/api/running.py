"""/api/services/{service_id}/logs, stats and exec: what runs of a service, listened to."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.event_stream import LASTS_S_MOST, STREAMED, EventStream
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Wire
from monoize.control.projects.actions import running
from monoize.control.projects.actions.running import LogLine, Tell
from monoize.control.projects.api.config_wire import Command
from monoize.control.projects.api.here import AudienceHere, EngineHere
from monoize.control.projects.api.live_events import live_events
from monoize.control.projects.api.variables import Id
from monoize.control.projects.drivers.engine import readable
from monoize.control.projects.model.readings import Reading

router = Router(prefix="/services/{service_id}", tags=["services"])

EXEC_S_MOST: Final = 3_600
Replica = Annotated[int | None, Field(ge=0, le=1_000, description="Only this replica.")]


class _Query(BaseModel):
    """An unknown field is refused, so that a misspelt one cannot be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    replica: Replica = None


class TailQuery(_Query):
    tail: Annotated[int, Field(ge=1, le=running.TAIL_MOST)] = 100
    since: Annotated[float | None, Field(ge=0, le=1e11, description="Only after this Unix time.")] = None


class FollowQuery(_Query):
    tail: Annotated[int, Field(ge=0, le=running.TAIL_MOST)] = 100
    for_s: Annotated[int, Field(ge=0, le=LASTS_S_MOST, description="After so many seconds it ends.")] = LASTS_S_MOST


class StatsQuery(_Query):
    for_s: Annotated[int, Field(ge=0, le=LASTS_S_MOST, description="After so many seconds it ends.")] = LASTS_S_MOST


class ExecAsk(Wire):
    """A command as a list of words: no shell stands between, unless it is the first of them."""

    command: Command
    replica: Annotated[int, Field(ge=0, le=1_000)] | None = None
    timeout_s: Annotated[int, Field(ge=1, le=EXEC_S_MOST)] = 300


@dataclasses.dataclass(frozen=True, slots=True)
class LogTail:
    lines: Sequence[LogLine]


@router.get("/logs")
async def tail_logs(
    service_id: Id,
    house: HouseHere,
    engine: EngineHere,
    call: Annotated[Call, requires("projects.read")],
    query: Annotated[TailQuery, Query()],
) -> LogTail:
    """The last lines of all replicas, in the order of time."""
    with readable():
        found = await running.instances_of(house.database, engine, service_id, replica=query.replica)
        return LogTail(await running.tail(engine, found, query.tail, query.since))


@router.get("/logs/stream", response_class=StreamingResponse, responses=STREAMED)
async def follow_logs(
    service_id: Id,
    request: Request,
    house: HouseHere,
    engine: EngineHere,
    audience: AudienceHere,
    call: Annotated[Call, requires("projects.read")],
    query: Annotated[FollowQuery, Query()],
) -> EventStream:
    """`told`: a line; `dropped`: how many came too fast. It ends when the containers do."""
    with readable():
        found = await running.instances_of(house.database, engine, service_id, replica=query.replica)

    async def listen(tell: Tell) -> None:
        await running.follow(engine, found, query.tail, tell)

    return live_events(request, call, audience, query.for_s, listen)


@router.get("/stats")
async def get_stats(
    service_id: Id,
    house: HouseHere,
    engine: EngineHere,
    call: Annotated[Call, requires("projects.read")],
    query: Annotated[_Query, Query()],
) -> Sequence[Reading]:
    """One reading of each replica that runs."""
    with readable():
        found = await running.instances_of(house.database, engine, service_id, replica=query.replica, running=True)
        return await running.readings(engine, found)


@router.get("/stats/stream", response_class=StreamingResponse, responses=STREAMED)
async def follow_stats(
    service_id: Id,
    request: Request,
    house: HouseHere,
    engine: EngineHere,
    audience: AudienceHere,
    call: Annotated[Call, requires("projects.read")],
    query: Annotated[StatsQuery, Query()],
) -> EventStream:
    """`told`: a reading, about one a second of each replica."""
    with readable():
        found = await running.instances_of(house.database, engine, service_id, replica=query.replica, running=True)

    async def listen(tell: Tell) -> None:
        await running.follow_readings(engine, found, tell)

    return live_events(request, call, audience, query.for_s, listen)


@router.post("/exec", response_class=StreamingResponse, responses=STREAMED)
async def run_command(
    service_id: Id,
    body: ExecAsk,
    request: Request,
    engine: EngineHere,
    audience: AudienceHere,
    mutation: Annotated[Mutation, mutates("projects.write")],
) -> EventStream:
    """`told`: what the command says; `end`: with which code it ended."""
    with readable():
        instance = await running.one_that_runs(mutation.house.database, engine, service_id, body.replica)

    async with mutation.house.audit_log.change(mutation.call) as change:
        running.tell_command(change, service_id, instance, body.command)

    async def listen(tell: Tell) -> None:
        await running.run_command(engine, instance, body.command, body.timeout_s, tell)

    return live_events(request, mutation.call, audience, body.timeout_s + 5, listen)
