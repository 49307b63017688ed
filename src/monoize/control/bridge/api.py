"""/api/metrics: what waits, what is held and what the gateway counts, in the text format of Prometheus."""

from collections.abc import Iterator
from typing import Annotated, Protocol

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from monoize.base.exposition import MEDIA_TYPE, single
from monoize.base.principal import Call
from monoize.control.edge.caller import requires
from monoize.infra.holds import Holds, Snapshot
from monoize.infra.spool import Figures, Spool

router = APIRouter(tags=["metrics"])


class Bystanders(Protocol):
    """Those who look on while the gateway serves."""

    def figures(self) -> Iterator[str]: ...


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request, call: Annotated[Call, requires("metrics.read")]) -> PlainTextResponse:
    spool: Spool = request.app.state.spool
    holds: Holds = request.app.state.holds
    bystanders: Bystanders = request.app.state.bystanders
    lines = [*_lines(await spool.figures(), await holds.snapshot()), *bystanders.figures()]
    return PlainTextResponse("".join(lines), media_type=MEDIA_TYPE)


def _lines(spool: Figures, holds: Snapshot) -> Iterator[str]:
    for name, help, value in (
        ("requests_in_flight", "Requests that were sent and have not ended.", spool.in_flight),
        ("charges_waiting", "Charges on disk that are not in the ledger yet.", spool.finished),
        ("charges_oldest_age_seconds", "How long the oldest of them has waited.", f"{spool.oldest_age_s:.3f}"),
        ("charges_set_aside", "Charges that can never be booked as they are.", spool.set_aside),
        ("holds", "Requests that hold money.", holds.hold_count),
        ("holds_unposted", "Requests that were charged and are not in the ledger yet.", holds.unposted_count),
        ("budgets_open", "Budgets that requests are counted against.", holds.budget_count),
    ):
        yield from single(name, "gauge", help, value)
