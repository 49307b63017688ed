"""Money as a state machine: the real meter, holds, spool, intake and ledger beside a model of a few dictionaries.

Crashes happen between any two steps: holds and caches are gone, and whatever is on disk is found again.
"""

import asyncio
import contextlib
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monoize.base.ids import new_id
from monoize.contract.budgets import user_budget
from monoize.control.bridge.budgets import LedgerBudgets
from monoize.control.bridge.intake import Intake
from monoize.control.ledger.actions import corrections
from monoize.control.ledger.actions.verification import verify
from monoize.gateway.handover import Handover
from monoize.gateway.meter import BudgetExceeded, Meter
from monoize.gateway.refresher import Refresher
from monoize.infra.background import Background
from monoize.infra.holds import Claim, MemoryHolds
from monoize.infra.spool import open_spool
from monoize.main.money import Money
from support.engines import SqliteScratch
from support.house import open_house, test_settings
from support.money import Till, request

FLOOR = 1
PEOPLE = 2
some_amount = st.integers(0, 60)
somebody = st.integers(0, PEOPLE - 1)


@dataclasses.dataclass
class Person:
    """`booked` is the balance in the ledger. What is on its way there is not part of it yet."""

    id: str
    booked: int = 0
    held: dict[str, int] = dataclasses.field(default_factory=dict)
    unposted: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def available(self) -> int:
        return self.booked - sum(self.held.values()) - sum(self.unposted.values())


class MoneyMachine(RuleBasedStateMachine):
    template: SqliteScratch

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        # Requests that were admitted and have not ended, and whose they are.
        self.under_way: dict[str, Person] = {}
        self.charged: dict[str, int] = {}
        self.refundable: dict[str, Person] = {}
        self.runner.run(self._open())

    async def _open(self) -> None:
        settings = test_settings(self.template.fresh(), self.folder)
        self.house = await self.stack.enter_async_context(open_house(settings))
        await self._start()
        self.people = [Person(await self.till.person()) for _ in range(PEOPLE)]

    async def _start(self) -> None:
        house = self.house.house
        holds, spool = MemoryHolds(), await open_spool(self.folder / "spool")
        budgets = LedgerBudgets(house.database)
        meter = Meter(holds, spool, budgets, owner=spool.owner, hold_lifetime_s=0)
        handover = Handover(spool, Intake(house.database, house.seal), holds, budgets.posting)
        await handover.settle_what_was_left()
        self.till = Till(self.house, Money(meter, holds, spool, handover, Refresher(holds, budgets), Background()))

    def teardown(self) -> None:
        async def close() -> None:
            await self.till.money.spool.close()
            await self.stack.aclose()

        self.runner.run(close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(who=somebody, amount=st.integers(1, 200))
    def top_up(self, who: int, amount: int) -> None:
        person = self.people[who]
        self.runner.run(self.till.top_up(person.id, amount))
        person.booked += amount
        self._tell(person)

    @rule(who=somebody, delta=st.integers(-80, 80).filter(bool))
    def adjust(self, who: int, delta: int) -> None:
        person = self.people[who]

        async def adjusted() -> None:
            async with self.till.change() as change:
                await corrections.adjust(change, self.house.house.seal, person.id, delta, reason="machine")

        self.runner.run(adjusted())
        person.booked += delta
        self._tell(person)

    @precondition(lambda self: self.refundable)
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.refundable)))
        person = self.refundable.pop(request_id)

        async def refunded() -> None:
            async with self.till.change() as change:
                entry_id = await self.till.entry_of(request_id)
                await corrections.refund(change, self.house.house.seal, entry_id, reason="machine")

        self.runner.run(refunded())
        person.booked += self.charged[request_id]
        self._tell(person)

    def _tell(self, person: Person) -> None:
        """What the refresher does a moment later."""

        async def told() -> None:
            budget = user_budget(person.id)
            mark = await self.till.money.holds.mark(budget)
            assert await self.till.money.holds.refresh(budget, await self.till.balance(person.id), mark)

        self.runner.run(told())

    @rule(who=somebody, amount=some_amount)
    def admit(self, who: int, amount: int) -> None:
        person, request_id = self.people[who], new_id()
        floor = request(request_id, person.id, FLOOR, is_estimated=True)
        enough = person.available >= amount and person.available > 0
        try:
            self.runner.run(self.till.money.meter.admit(floor, [Claim(user_budget(person.id), amount)]))
        except BudgetExceeded:
            assert not enough
        else:
            assert enough
            person.held[request_id] = amount
            self.under_way[request_id] = person

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), amount=some_amount, twice=st.booleans())
    def finish(self, data: st.DataObject, amount: int, twice: bool) -> None:
        request_id, person = self._some_request(data)
        for _ in range(1 + twice):
            self.runner.run(self.till.money.meter.finish(request(request_id, person.id, amount)))
        person.held.pop(request_id, None)
        person.unposted[request_id] = amount

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        request_id, person = self._some_request(data)
        self.runner.run(self.till.money.meter.abandon(request_id))
        person.held.pop(request_id, None)

    def _some_request(self, data: st.DataObject) -> tuple[str, Person]:
        request_id = data.draw(st.sampled_from(sorted(self.under_way)))
        return request_id, self.under_way.pop(request_id)

    @rule()
    def expire(self) -> None:
        """The sweeper releases what outlived its time; ending such a request later charges it all the same."""
        self.runner.run(self.till.money.holds.sweep())
        for person in self.people:
            person.held.clear()

    @rule()
    def post(self) -> None:
        self.runner.run(self.till.money.handover.post_all())
        self._posted()

    def _posted(self) -> None:
        for person in self.people:
            for request_id, amount in person.unposted.items():
                person.booked -= amount
                self.charged[request_id] = amount
                if amount:
                    self.refundable[request_id] = person
            person.unposted.clear()

    @rule()
    def crash(self) -> None:
        """Nothing is said goodbye to: only what is on disk is there at the next start."""
        self.runner.run(self.till.money.spool.close())
        self.runner.run(self._start())
        for request_id, person in self.under_way.items():
            person.unposted[request_id] = FLOOR
        self.under_way.clear()
        for person in self.people:
            person.held.clear()
        self._posted()

    @invariant()
    def the_ledger_has_what_was_posted(self) -> None:
        async def balances() -> list[int]:
            return [await self.till.balance(person.id) for person in self.people]

        assert [person.booked for person in self.people] == self.runner.run(balances())

    @invariant()
    def what_is_available_is_what_nobody_holds_or_used(self) -> None:
        snapshot = self.runner.run(self.till.money.holds.snapshot())
        found = {budget.name: budget for budget in snapshot.budgets if budget.is_open}
        for person in self.people:
            budget = found.get(user_budget(person.id))
            if budget is not None:
                assert (person.available, sum(person.held.values())) == (budget.available, budget.held)

    @invariant()
    def every_charge_is_booked_once(self) -> None:
        booked = self.runner.run(self.till.booked(list(self.charged)))
        assert {id: [amount] if amount else [] for id, amount in self.charged.items()} == booked

    @invariant()
    def the_ledger_is_whole(self) -> None:
        async def problems() -> Any:
            async with self.house.house.database.read() as tx:
                return (await verify(tx, self.house.house.seal)).problems

        assert [] == list(self.runner.run(problems()))
