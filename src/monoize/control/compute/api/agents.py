"""/api/agents: agents with their tokens, channels and use. One's own, or with a permission all users'."""

from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.compute.actions import agents, channels, usage
from monoize.control.compute.actions.agents import AgentToken
from monoize.control.compute.actions.channels import AgentChannels
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.wire import (
    AgentName,
    Credentials,
    Everybody,
    KindRef,
    RecordId,
    WebhookSecret,
    Whose,
    owner,
    owner_or_all,
)
from monoize.control.compute.model.agents import Agent
from monoize.control.compute.model.answers import AgentUsage
from monoize.control.compute.model.channels import AgentChannel, ChannelKind
from monoize.control.compute.model.operations import Operation
from monoize.control.edge.caller import Mutation, NotPermitted, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire

router = Router(prefix="/agents", tags=["agents"])


class AgentCreate(Wire):
    name: AgentName
    user_id: Uuid | None = None
    config_id: RecordId | None = None


class AgentUpdate(Wire):
    """Only what is sent changes; `config_id`, which null clears, needs `governance.write`."""

    name: AgentName | None = None
    enabled: bool | None = None
    config_id: RecordId | None = None


class ChannelSet(Wire):
    kind: ChannelKind
    credentials: Credentials
    webhook_secret: WebhookSecret | None = None


@router.get("")
async def list_agents(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("self")],
    user_id: Whose = None,
    everybody: Everybody = False,
    name: Annotated[AgentName | None, Query(description="Only those of this name.")] = None,
) -> Page[Agent]:
    whose = owner_or_all(call, user_id, everybody=everybody)
    async with house.database.read() as tx:
        return await agents.list_agents(tx, window, user_id=whose, name=name)


@router.post("", status_code=201, response_model=AgentToken)
async def create_agent(body: AgentCreate, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """Its token is shown here and never again."""
    whose = owner(mutation.call, body.user_id, "compute.write")
    values = body.model_dump(exclude={"user_id"}, exclude_none=True)
    seal = mutation.house.seal
    return await mutation.run(lambda change: agents.create_agent(change, seal, whose, values), status=201)


@router.get("/{agent_id}")
async def get_agent(agent_id: Uuid, house: HouseHere, call: Annotated[Call, requires("self")]) -> Agent:
    async with house.database.read() as tx:
        return await agents.find(tx, call.principal, agent_id)


@router.patch("/{agent_id}", response_model=Agent)
async def update_agent(
    agent_id: Uuid, body: AgentUpdate, mutation: Annotated[Mutation, mutates("self")]
) -> Response:
    values = body.sent(clearable=("config_id",))
    return await mutation.run(lambda change: agents.update_agent(change, agent_id, values))


@router.delete("/{agent_id}", status_code=202, response_model=Operation)
async def delete_agent(agent_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """204 if it had no machine; else the operation by which that goes."""
    return await mutation.run(lambda change: agents.delete_agent(change, agent_id, utc_now()), status=202)


@router.post("/{agent_id}/rotate-token", response_model=AgentToken)
async def rotate_token(agent_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """The old token is refused at once; a machine that runs is given the new one."""
    seal = mutation.house.seal
    return await mutation.run(lambda change: agents.rotate_token(change, seal, agent_id, utc_now()))


@router.get("/{agent_id}/usage")
async def get_agent_usage(
    agent_id: Uuid, house: HouseHere, compute: ComputeHere, call: Annotated[Call, requires(None)]
) -> AgentUsage:
    """Also for the agent itself, by its token, which opens nothing else here."""
    async with house.database.read() as tx:
        if not call.principal.may("self") and not await agents.is_itself(tx, call.principal, agent_id):
            raise NotPermitted(needed="self")
        return await usage.of_agent(tx, call.principal, agent_id, compute.drivers.metered, utc_now())


@router.get("/{agent_id}/channels")
async def list_channels(agent_id: Uuid, house: HouseHere, call: Annotated[Call, requires("self")]) -> AgentChannels:
    """Which there are, which keys are set, and whether the agent's machine was told; their values nobody sees."""
    async with house.database.read() as tx:
        return await channels.list_channels(tx, house.seal, call.principal, agent_id)


@router.post("/{agent_id}/channels", status_code=201, response_model=AgentChannel)
async def set_channel(agent_id: Uuid, body: ChannelSet, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """Instead of the one of this kind that was there."""
    seal = mutation.house.seal
    return await mutation.run(
        lambda change: channels.set_channel(
            change, seal, agent_id, body.kind, body.credentials, body.webhook_secret, now=utc_now()
        ),
        status=201,
    )


@router.delete("/{agent_id}/channels/{kind}", status_code=204)
async def remove_channel(agent_id: Uuid, kind: KindRef, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """Its agent's machine forgets it as well, as soon as it can be told."""
    seal = mutation.house.seal
    return await mutation.run(lambda change: channels.remove_channel(change, seal, agent_id, kind, now=utc_now()))
