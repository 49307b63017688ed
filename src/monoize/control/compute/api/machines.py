"""/api/vpses and /api/agents/{id}/vps: machines and what one ask of them; one's own, or with a permission all."""

from typing import Annotated, Any, Final

from fastapi import Depends
from pydantic import TypeAdapter
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.compute.actions import power, requests
from monoize.control.compute.actions.power import Verb
from monoize.control.compute.actions.reconciling import Orphans
from monoize.control.compute.api.here import ComputeHere
from monoize.control.compute.api.wire import Everybody, Whose, owner_or_all
from monoize.control.compute.model.machine import MachineStateName
from monoize.control.compute.model.shown import Asked, ShownMachine, shown
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.edge.windows import uuid_window
from monoize.control.edge.wire import Page, Uuid, Window, Wire
from monoize.infra.audit_log import Change

router = Router(prefix="/vpses", tags=["machines"])
of_agents = Router(prefix="/agents/{agent_id}/vps", tags=["machines"])

_ASKED: Final = TypeAdapter(Asked)
_BEGUN: Any = {"status_code": 202, "response_model": Asked, "responses": {200: {"model": Asked}}}
"""202 with the operation that was begun; 200 without one when it is so already."""


class MachineRequest(Wire):
    vps_config_id: Uuid


@router.get("")
async def list_machines(
    house: HouseHere,
    window: Annotated[Window, Depends(uuid_window)],
    call: Annotated[Call, requires("self")],
    user_id: Whose = None,
    everybody: Everybody = False,
    state: MachineStateName | None = None,
) -> Page[ShownMachine]:
    whose = owner_or_all(call, user_id, everybody=everybody)
    async with house.database.read() as tx:
        return await power.list_machines(tx, window, user_id=whose, state=state)


@router.get("/orphans")
async def list_orphans(compute: ComputeHere, call: Annotated[Call, requires("compute.read")]) -> Orphans:
    """Machines with our label that no row answers for, as every provider tells now. Nothing deletes them."""
    return await compute.reconciler.orphans()


@router.get("/{vps_id}")
async def get_machine(vps_id: Uuid, house: HouseHere, call: Annotated[Call, requires("self")]) -> ShownMachine:
    async with house.database.read() as tx:
        return shown(await power.find(tx, call.principal, vps_id))


@router.post("/{vps_id}/start", **_BEGUN)
async def start_machine(vps_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    return await _asked(mutation, vps_id, "start")


@router.post("/{vps_id}/stop", **_BEGUN)
async def stop_machine(vps_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    return await _asked(mutation, vps_id, "stop")


@router.post("/{vps_id}/restart", **_BEGUN)
async def restart_machine(vps_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    return await _asked(mutation, vps_id, "restart")


@router.delete("/{vps_id}", **_BEGUN)
async def destroy_machine(vps_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """It is gone once its provider says so: the operation tells."""
    return await _asked(mutation, vps_id, "destroy")


@of_agents.post("", status_code=202, response_model=Asked)
async def request_machine(
    agent_id: Uuid, body: MachineRequest, compute: ComputeHere, mutation: Annotated[Mutation, mutates("self")]
) -> Response:
    """A machine for an agent that has none, made from a preset of its user's plan."""

    async def requested(change: Change) -> Asked:
        made = await requests.request_machine(change, agent_id, vps_config_id=body.vps_config_id, now=utc_now())
        # One whose provider is not set up could never be made: then it was not asked for either.
        compute.drivers.of(made.machine.provider)
        return Asked(shown(made.machine), made.operation)

    return await mutation.run(requested, status=202)


@of_agents.post("/start", **_BEGUN)
async def start_agent(agent_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    return await _asked(mutation, await _machine_of(mutation, agent_id), "start")


@of_agents.post("/stop", **_BEGUN)
async def stop_agent(agent_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    return await _asked(mutation, await _machine_of(mutation, agent_id), "stop")


@of_agents.delete("", **_BEGUN)
async def destroy_agents_machine(agent_id: Uuid, mutation: Annotated[Mutation, mutates("self")]) -> Response:
    """The agent stays, and may be given another one."""
    return await _asked(mutation, await _machine_of(mutation, agent_id), "destroy")


async def _asked(mutation: Mutation, vps_id: str, verb: Verb) -> Response:
    """What is so already is answered without a change: there is nothing to record."""
    async with mutation.house.database.read() as tx:
        machine = await power.find(tx, mutation.call.principal, vps_id, to_change=True)
    if power.is_so_already(machine, verb):
        return Response(_ASKED.dump_json(Asked(shown(machine), None)), 200, media_type="application/json")
    return await mutation.run(lambda change: power.VERBS[verb](change, vps_id, utc_now()), status=202)


async def _machine_of(mutation: Mutation, agent_id: str) -> str:
    async with mutation.house.database.read() as tx:
        return await power.machine_of(tx, mutation.call.principal, agent_id)
