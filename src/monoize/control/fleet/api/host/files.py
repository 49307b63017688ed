"""/files: what the operators distribute to the hosts of a pool. A host that has it all is told only that."""

from typing import Annotated

from fastapi import Header
from starlette.responses import Response

from monoize.control.edge.routers import Router
from monoize.control.fleet.actions import files
from monoize.control.fleet.api.host.caller import HostCallerHere, HostRoute, ok

router = Router(route_class=HostRoute, tags=["hosts"])


@router.get("/files")
async def get_files(
    caller: HostCallerHere, if_none_match: Annotated[str | None, Header(max_length=100)] = None
) -> Response:
    caller = await caller.admit()
    published = await caller.fleet.published.current()
    async with caller.house.database.read() as tx:
        etag, manifest = await files.manifest(tx, caller.host, caller.pool, published, if_none_match)
    if caller.pool.mode == "gateway":
        # Such a host asks for no login: this is the call by which it is known to be alive.
        await caller.counted()
    answer = Response(status_code=304) if manifest is None else ok(manifest)
    answer.headers["etag"] = etag
    return answer
