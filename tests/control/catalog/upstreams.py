"""What tests of providers work with: their verbs as one line each, and what the gateway would hear afterwards."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Row, Table, event, select
from sqlalchemy.engine import Engine

from monoize.base.principal import SYSTEM, Call
from monoize.contract import snapshot
from monoize.control.catalog.actions import providers, routing
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.catalog.model.providers import ChannelDraft, ModelEntry, ProviderDraft
from monoize.control.edge.wire import Page, Window
from monoize.infra.audit_log import AuditLog, Change
from monoize.infra.db import Database
from monoize.infra.sealed import Seal

BASE_URL: Final = "https://api.example.com/v1"
CREDENTIAL: Final = "sk-upstream-0123456789abcdef"


def models(*names: str, **fields: Any) -> tuple[ModelEntry, ...]:
    return tuple(ModelEntry(name, **fields) for name in names)


def channel(name: str = "first", **fields: Any) -> ChannelDraft:
    return ChannelDraft(**{"name": name, "base_url": BASE_URL, "credential": CREDENTIAL, **fields})


def provider(name: str = "upstream", *channels: ChannelDraft, **fields: Any) -> ProviderDraft:
    given = {"type": "responses", "models": models("gpt-5"), "channels": channels or (channel(),)}
    return ProviderDraft(name=name, **{**given, **fields})


@contextlib.contextmanager
def statements() -> Iterator[list[str]]:
    """All SQL that is sent meanwhile."""
    seen: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


class Upstreams:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.seal = Seal(bytes(32))
        self.audit_log = AuditLog(database, self.seal)

    @contextlib.asynccontextmanager
    async def change(self) -> AsyncIterator[Change]:
        async with self.audit_log.change(Call(SYSTEM, "request")) as change:
            yield change

    async def create(self, *args: Any, **fields: Any) -> ProviderView:
        return await self.write(provider(*args, **fields))

    async def write(self, draft: ProviderDraft) -> ProviderView:
        async with self.change() as change:
            return await providers.create_provider(change, self.seal, draft)

    async def update(self, view: ProviderView, **values: Any) -> ProviderView:
        async with self.change() as change:
            return await providers.update_provider(change, self.seal, view.record.id, values)

    async def delete(self, view: ProviderView) -> None:
        async with self.change() as change:
            await providers.delete_provider(change, view.record.id)

    async def order(self, *views: ProviderView) -> None:
        async with self.change() as change:
            await providers.reorder(change, [view.record.id for view in views])

    async def add_channel(self, view: ProviderView, *args: Any, **fields: Any) -> ProviderView:
        async with self.change() as change:
            return await providers.add_channel(change, self.seal, view.record.id, channel(*args, **fields))

    async def update_channel(self, view: ProviderView, place: int = 0, **values: Any) -> ProviderView:
        wanted = view.record.channels[place].id
        async with self.change() as change:
            return await providers.update_channel(change, self.seal, view.record.id, wanted, values)

    async def delete_channel(self, view: ProviderView, place: int = 0) -> None:
        async with self.change() as change:
            await providers.delete_channel(change, view.record.id, view.record.channels[place].id)

    async def get(self, view: ProviderView) -> ProviderView:
        async with self.database.read() as tx:
            return await providers.get_provider(tx, self.seal, view.record.id)

    async def page(self, limit: int = 200, after: str | None = None) -> Page[ProviderView]:
        async with self.database.read() as tx:
            return await providers.list_providers(tx, self.seal, Window(limit, after))

    async def names(self) -> list[str]:
        return [view.record.name for view in (await self.page()).items]

    async def generation(self) -> int:
        async with self.database.read() as tx:
            return await routing.generation(tx)

    async def load(self) -> Sequence[snapshot.Provider]:
        async with self.database.read() as tx:
            return await routing.load(tx, self.seal)

    async def rows(self, table: Table) -> Sequence[Row[Any]]:
        async with self.database.read() as tx:
            return (await tx.execute(select(table))).all()
