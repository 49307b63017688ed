"""/api/metrics and /metrics: what waits, what is held and what is counted, in the text format of Prometheus.

The second is where programs look that collect such figures; it may be opened to those of this machine.
"""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Protocol

from fastapi import Request
from starlette.responses import PlainTextResponse

from monoize.base.exposition import MEDIA_TYPE
from monoize.base.principal import Call
from monoize.control.bridge.figures import money_lines, pool_lines, provider_lines, task_lines
from monoize.control.compute.services import compute_of
from monoize.control.edge.caller import NotPermitted, identify, requires
from monoize.control.edge.here import HouseHere
from monoize.control.edge.house import House
from monoize.control.edge.request_figures import RequestFigures
from monoize.control.edge.routers import Router
from monoize.infra.background import Background
from monoize.infra.holds import Holds
from monoize.infra.spool import Spool

router = Router(tags=["metrics"])
plain_router = Router(include_in_schema=False)


class Bystanders(Protocol):
    """Those who look on while the gateway serves."""

    def figures(self) -> Iterator[str]: ...


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(
    request: Request, house: HouseHere, call: Annotated[Call, requires("metrics.read")]
) -> PlainTextResponse:
    return await _told(request, house)


@plain_router.get("/metrics", response_class=PlainTextResponse)
async def plain_metrics(request: Request, house: HouseHere) -> PlainTextResponse:
    if not (house.settings.metrics_on_loopback and _is_loopback(request.state.ip)):
        call = await identify(request)
        if not call.principal.may("metrics.read"):
            raise NotPermitted(needed="metrics.read")
    return await _told(request, house)


async def _told(request: Request, house: House) -> PlainTextResponse:
    state = request.app.state
    spool: Spool = state.spool
    holds: Holds = state.holds
    bystanders: Bystanders = state.bystanders
    requests: RequestFigures = state.request_figures
    backgrounds: list[Background] = state.backgrounds
    lines = (
        *money_lines(await spool.figures(), await holds.snapshot()),
        *pool_lines(house.database.pools()),
        *task_lines(backgrounds),
        *provider_lines(compute_of(request).reconciler.unanswered),
        *requests.lines(),
        *bystanders.figures(),
    )
    return PlainTextResponse("".join(lines), media_type=MEDIA_TYPE)


def _is_loopback(ip: str | None) -> bool:
    return ip is not None and ipaddress.ip_address(ip).is_loopback
