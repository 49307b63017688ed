"""A house whose money can be moved: users with a balance, requests that cost something, and what became of them."""

import contextlib
import dataclasses
import time
from collections.abc import AsyncIterator, Sequence

from sqlalchemy import select

from monoize.base.ids import new_id
from monoize.contract.budgets import user_budget
from monoize.contract.events import Charged, RequestLog
from monoize.contract.snapshot import Snapshot
from monoize.control.edge.request_figures import RequestFigures
from monoize.control.identity.actions import balances, first_account
from monoize.control.ledger.actions import corrections
from monoize.control.ledger.model.entries import Entry
from monoize.control.ledger.tables import billing_ledger
from monoize.gateway.answer_cache import AnswerCache
from monoize.gateway.bystanders import Bystanders
from monoize.gateway.health import Health
from monoize.gateway.keys import Keys
from monoize.infra.audit_log import Change
from monoize.infra.holds import Claim
from monoize.main.bridge import Bridge
from monoize.main.money import Money, open_money
from support.house import RunningHouse


@dataclasses.dataclass
class Till:
    house: RunningHouse
    money: Money

    async def person(self, balance_nano: int = 0) -> str:
        """The id of a new user with so much money."""
        root = await self.house.make_root()
        user_id: str = (await root.post("/api/users", json={"username": f"u_{new_id()[-12:]}"})).json()["id"]
        if balance_nano:
            await self.top_up(user_id, balance_nano)
        return user_id

    async def top_up(self, user_id: str, amount: int) -> Entry:
        async with self.change() as change:
            return await corrections.top_up(change, self.house.house.seal, user_id, amount)

    def change(self) -> contextlib.AbstractAsyncContextManager[Change]:
        return self.house.house.audit_log.change(first_account.system_call())

    async def spend(self, user_id: str, amount: int, *, hold: int | None = None) -> str:
        """One request from its hold to its charge; the id of the request."""
        request_id = new_id()
        held = amount if hold is None else hold
        await self.money.meter.admit(request(request_id, user_id, 0), [Claim(user_budget(user_id), held)])
        await self.money.meter.finish(request(request_id, user_id, amount))
        return request_id

    async def balance(self, user_id: str) -> int:
        async with self.house.house.database.read() as tx:
            return (await balances.get_user_balance(tx, user_id)).balance_nano_usd

    async def entry_of(self, request_id: str) -> str:
        """The id of the ledger row that charges this request."""
        async with self.house.house.database.read() as tx:
            query = select(billing_ledger.c.id).where(billing_ledger.c.request_id == request_id)
            return str(await tx.scalar(query))

    async def booked(self, request_ids: Sequence[str]) -> dict[str, list[int]]:
        """What each of these requests was charged, row by row."""
        columns = billing_ledger.c
        found: dict[str, list[int]] = {request_id: [] for request_id in request_ids}
        async with self.house.house.database.read() as tx:
            rows = await tx.execute(select(columns.request_id, columns.delta_nano_usd))
            for row in rows:
                if row.request_id in found:
                    found[row.request_id].append(-row.delta_nano_usd)
        return found


def request(request_id: str, user_id: str, amount: int, *, is_estimated: bool = False) -> Charged:
    return Charged(
        id=new_id(),
        request_id=request_id,
        user_id=user_id,
        at_ms=time.time_ns() // 1_000_000,
        charge_nano=amount,
        cost_nano=amount,
        budgets={user_budget(user_id): amount},
        is_estimated=is_estimated,
        log=RequestLog(model="model"),
    )


@contextlib.asynccontextmanager
async def open_till(house: RunningHouse) -> AsyncIterator[Till]:
    bridge = Bridge(house.house, house.identity)
    async with open_money(house.house.settings, bridge.above) as money:
        bridge.tells(Keys(bridge.above.grants), money.refresher)
        house.app.state.spool, house.app.state.holds = money.spool, money.holds
        house.app.state.backgrounds, house.app.state.request_figures = [money.background], RequestFigures()
        house.app.state.bystanders = Bystanders(AnswerCache(money.meter), None, Health(), lambda: Snapshot(0))
        yield Till(house, money)
