"""What tests of the price book work with: its verbs as one line each, and what the book says afterwards."""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from sqlalchemy import Row, Table, select
from support.price_book import pico

from monoize.base.clock import utc_now
from monoize.base.cost.price import Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.ids import new_id
from monoize.base.principal import SYSTEM, Call
from monoize.control.catalog.actions import imports, prices, proposals, seed, sheets
from monoize.control.catalog.actions.imports import Import, Imported
from monoize.control.catalog.actions.prices import Decided
from monoize.control.catalog.actions.seed import Planted
from monoize.control.catalog.model.records import ModelKey, PriceFilter, PriceRecord, Proposal, Source
from monoize.control.edge.wire import Window
from monoize.infra.audit_log import AuditLog, Change
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

SOURCE_URL: Final = "https://example.com/prices"
MODEL: Final = ModelKey("somebody", "a-model")


def unix_s(*moment: int) -> int:
    return int(dt.datetime(*moment, tzinfo=dt.UTC).timestamp())


def moment(unix: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix, dt.UTC)


def price(input_usd: str | None = "3", output_usd: str | None = "15", **fields: Any) -> Price:
    known = {"input_pico": input_usd, "output_pico": output_usd}
    return Price(
        **{
            "id": new_id(),
            **MODEL._asdict(),
            **{name: None if usd is None else pico(usd) for name, usd in known.items()},
            **fields,
        }
    )


def proposal(wanted: Price, **fields: Any) -> Proposal:
    source = Source(origin="manual", url=SOURCE_URL, checked_at=utc_now())
    return Proposal(price=wanted, source=source, **fields)


async def alone(_: Tx) -> int:
    return 1


async def in_company(_: Tx) -> int:
    return 2


class Bench:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.audit_log = AuditLog(database, Seal(bytes(32)))

    @contextlib.asynccontextmanager
    async def change(self, call: Call | None = None) -> AsyncIterator[Change]:
        async with self.audit_log.change(call or Call(SYSTEM, "request")) as change:
            yield change

    async def propose(self, wanted: Price, **fields: Any) -> Decided:
        async with self.change() as change:
            return await prices.set_price(change, proposal(wanted, **fields))

    async def set(self, *rates: str | None, **fields: Any) -> PriceRecord:
        """A price that is not steep, or a steep one with its confirmation."""
        decided = await self.propose(price(*rates, **fields))
        return decided.written or await self.confirm(decided.waiting.id)

    async def correct(self, wrong: PriceRecord, *rates: str) -> PriceRecord:
        right = dataclasses.replace(price(*rates), effective_from=wrong.price.effective_from)
        decided = await self.propose(right, corrects_id=wrong.price.id)
        return decided.written or await self.confirm(decided.waiting.id)

    async def end(self, record: PriceRecord, at_s: int) -> PriceRecord:
        async with self.change() as change:
            return await prices.end_price(change, record.price.id, moment(at_s))

    async def confirm(self, pending_id: str) -> PriceRecord:
        async with self.change() as change:
            return await proposals.confirm(change, pending_id, alone)

    async def plant(self) -> Planted:
        async with self.change() as change:
            return await seed.plant(change)

    async def has_news(self) -> bool:
        async with self.database.read() as tx:
            return await seed.is_news(tx)

    async def take_over(self, wanted: Import) -> Imported:
        async with self.change() as change:
            return await imports.take_over(change, wanted, wanted.read())

    async def preview(self, wanted: Import) -> Imported:
        async with self.database.read() as tx:
            return await imports.preview(tx, wanted, wanted.read())

    async def sheet(self, at_s: int, model: ModelKey = MODEL, **options: Any) -> PriceSheet:
        async with self.database.read() as tx:
            return await sheets.sheet(tx, *model, at_s=at_s, **options)

    async def input_at(self, at_s: int, model: ModelKey = MODEL) -> int | None:
        sheet = await self.sheet(at_s, model)
        return sheet.rates_when(fast=False, long=False, batch=False, us_only=False).input_pico

    async def history(self, model: ModelKey = MODEL) -> Sequence[PriceRecord]:
        async with self.database.read() as tx:
            wanted = PriceFilter(provider=model.provider, model_key=model.model_key)
            return (await prices.list_prices(tx, Window(200, None), wanted)).items

    async def pending(self) -> Sequence[Any]:
        async with self.database.read() as tx:
            return (await proposals.list_pending(tx, Window(200, None))).items

    async def rows(self, table: Table) -> Sequence[Row[Any]]:
        async with self.database.read() as tx:
            return (await tx.execute(select(table))).all()
