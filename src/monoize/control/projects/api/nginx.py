"""/api/nginx: what nginx serves, what it was last told, and a reload by hand."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from monoize.base.principal import Call
from monoize.control.edge.caller import Mutation, mutates, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.routers import Router
from monoize.control.projects.actions import generations
from monoize.control.projects.api.answers import Preview
from monoize.control.projects.api.here import ProxyHere
from monoize.control.projects.model.generations import Generation
from monoize.infra.audit_log import Change

router = Router(prefix="/nginx", tags=["routes"])


@dataclasses.dataclass(frozen=True, slots=True)
class NginxStatus:
    """`generation` is the one that nginx was shown to serve; `trouble` says why it is not the newest."""

    set_up: bool
    running: bool
    generation: int | None
    routes: int
    trouble: str | None
    history: Sequence[Generation]


@router.get("")
async def status(
    house: HouseHere, proxy: ProxyHere, call: Annotated[Call, requires("projects.admin")]
) -> NginxStatus:
    async with house.database.read() as tx:
        history = await generations.newest(tx)
    standing = proxy.standing
    return NginxStatus(
        standing.set_up, proxy.is_running(), standing.generation, standing.routes, standing.trouble, history
    )


@router.get("/config")
async def preview(proxy: ProxyHere, call: Annotated[Call, requires("projects.admin")]) -> Preview:
    """What nginx would read now."""
    return Preview(await proxy.preview())


@router.post("/reload", status_code=204)
async def reload(proxy: ProxyHere, mutation: Annotated[Mutation, mutates("projects.admin")]) -> None:
    """Make nginx serve what there is, even where nothing seems to have changed."""
    standing = await proxy.reload()

    async def note(change: Change) -> None:
        change.record("nginx.reload", "nginx", standing.generation)

    await mutation.run(note)
