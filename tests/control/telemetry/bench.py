"""What telemetry tests work with: events of calls at real prices, and what is kept of them."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, func, select
from support.price_book import SONNET

from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import cost_of
from monoize.base.cost.sheet import PriceSheet
from monoize.base.cost.usage import Usage
from monoize.base.ids import new_id
from monoize.contract.events import Charged, ProviderCall, RequestLog, decode, encode
from monoize.control.telemetry.actions import calls as actions
from monoize.control.telemetry.model.calls import Cost
from monoize.control.telemetry.model.usage import Figures
from monoize.control.telemetry.tables import agent_telemetry, usage_days
from monoize.infra.db import Database

DAY: Final = dt.date(2026, 2, 8)
NOON_MS: Final = 1_770_552_000_000
DAY_MS: Final = 86_400_000
TENANT: Final = "01a1fc11-0000-7000-8000-00000000000a"
USAGE: Final = Usage(2_000, 500, cache_write_5m_tokens=1_000, cache_read_tokens=8_000, reasoning_tokens=30)
USAGE_NANO: Final = 19_650_000


@dataclasses.dataclass(frozen=True)
class Bench:
    database: Database

    async def record(self, *events: Charged) -> None:
        """As they come out of the spool."""
        async with self.database.write() as tx:
            await actions.record(tx, [decode(encode(event)) for event in events])

    async def rows(self) -> Sequence[Row[Any]]:
        async with self.database.read() as tx:
            return (await tx.execute(select(agent_telemetry).order_by(agent_telemetry.c.id))).all()

    async def days(self) -> Sequence[Row[Any]]:
        async with self.database.read() as tx:
            days = usage_days.c
            named = (days.tenant_id, days.at_ms, days.provider, days.served_model)
            sums = [func.sum(days[name]).label(name) for name in Figures._fields]
            return (await tx.execute(select(*named, *sums).group_by(*named).order_by(*named))).all()

    async def costs(self, **wanted: Any) -> Sequence[Cost]:
        days = {"since": DAY, "until": DAY + dt.timedelta(days=31)} | wanted
        async with self.database.read() as tx:
            return (await actions.costs(tx, **days)).items


def event(
    usage: Usage = USAGE,
    sheet: PriceSheet = SONNET,
    *,
    at_ms: int = NOON_MS,
    estimate_nano: int | None = None,
    changes: dict[str, Any] | None = None,
    **call: Any,
) -> Charged:
    """A call as the gateway reports it; `changes` are to the event, the rest is about the call."""
    costing = cost_of(usage, sheet)
    about = {"provider": "anthropic", "model": "claude-sonnet-4-6", "tenant_id": TENANT} | call
    fields: dict[str, Any] = {
        "id": new_id(),
        "request_id": new_id(),
        "user_id": new_id(),
        "at_ms": at_ms,
        "charge_nano": costing.total_nano or 0,
        "cost_nano": costing.total_nano,
        "breakdown": msgspec.Raw(Breakdown(costing, at_ms, estimate_nano).encoded()),
        "log": RequestLog(model="sonnet"),
        "call": ProviderCall(
            usage=usage,
            rates=sheet.rates_for(usage),
            book=costing.book,
            neurons=next((line for line in costing.lines if line.item == "neurons"), None),
            estimate_nano=estimate_nano,
            **about,
        ),
    }
    return Charged(**fields | (changes or {}))
