"""/wrapper: the courier that hosts run. The same bytes for every host, and no secret in them."""

from starlette.responses import Response

from monoize.control.edge.routers import Router
from monoize.control.fleet.api.host.caller import HostCallerHere, HostRoute, ok
from monoize.control.fleet.drivers.courier_script import courier_script

router = Router(prefix="/wrapper", route_class=HostRoute, tags=["hosts"])


@router.get("")
async def describe_courier(caller: HostCallerHere) -> Response:
    await caller.admit(windowed=False)
    script = courier_script()
    return ok(
        {
            "version": script.version,
            "sha256": script.sha256,
            "size_bytes": len(script.text),
            "updated_at": script.updated_at,
            "url": "/wrapper/download",
        }
    )


@router.get("/download")
async def download_courier(caller: HostCallerHere) -> Response:
    await caller.admit(windowed=False)
    script = courier_script()
    headers = {
        "x-sha256": script.sha256,
        "etag": f'"{script.sha256}"',
        "content-disposition": f'attachment; filename="courier-{script.version}.py"',
    }
    return Response(script.text, headers=headers, media_type="text/x-python; charset=utf-8")
