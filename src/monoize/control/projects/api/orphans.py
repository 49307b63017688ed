"""/api/orphans: containers that bear our label and belong to no service. Only people remove them, by id."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.projects.api.here import EngineHere
from monoize.control.projects.drivers.engine import Engine, readable
from monoize.control.projects.errors import NoSuchOrphan, OrphanRuns
from monoize.control.projects.model.instances import Instance
from monoize.control.projects.store import services
from monoize.infra.audit_log import Change

router = APIRouter(prefix="/orphans", tags=["services"])

ContainerId = Annotated[str, Path(pattern=r"^[0-9a-f-]{12,64}$")]


@router.get("")
async def list_orphans(
    house: HouseHere, engine: EngineHere, call: Annotated[Call, requires("projects.admin")]
) -> Sequence[Instance]:
    return await _orphans(house, engine)


@router.delete("/{container_id}", status_code=204)
async def remove_orphan(
    container_id: ContainerId,
    engine: EngineHere,
    mutation: Annotated[Mutation, mutates("projects.admin")],
    force: Annotated[bool, Query(description="Also one that is running.")] = False,
) -> Response:
    found = [one for one in await _orphans(mutation.house, engine) if one.container_id.startswith(container_id)]
    if len(found) != 1:
        raise NoSuchOrphan
    orphan = found[0]
    if orphan.state in ("running", "restarting", "paused") and not force:
        raise OrphanRuns

    async def told(change: Change) -> None:
        change.record("orphan.remove", "container", orphan.container_id, name=orphan.name)

    # Said first: what was removed and not written down would be gone without a trace.
    answer = await mutation.run(told)
    with readable():
        await engine.remove(orphan.container_id)
    return answer


async def _orphans(house: House, engine: Engine) -> Sequence[Instance]:
    with readable():
        instances = await engine.instances()
    async with house.database.read() as tx:
        known = {service.id for service in await services.every(tx)}
    return [one for one in instances if one.service_id not in known]
