"""Holds against a model that keeps every hold and charge by itself and adds them up anew after each step.

Beside the holds stands an owner's book, which readers, top-ups and postings reach at their own pace. However these
overtake each other, nothing is ever available that the book, less what is held and not posted, does not have.
"""

import asyncio
import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from support.engines import REDIS
from support.redis_server import scratch_namespace

from monoize.infra.holds import (
    AlreadyEnded,
    BudgetState,
    Charges,
    Claim,
    Holds,
    HoldState,
    MemoryHolds,
    NotOpen,
    Placed,
    Refused,
)
from monoize.infra.redis_holds import RedisHolds

BUDGETS = ("a", "b", "c")
OWNERS = ("one", "two")
FOREVER_S = 3600

# Small ones that meet each other's edges, and large ones around the last whole number that a double tells apart.
amounts = st.integers(0, 30) | st.integers(2**53 - 2, 2**53 + 2) | st.integers(0, 10**16)
balances = st.integers(-10, 100) | st.integers(2**53 - 30, 2**54) | st.integers(-(10**16), 10**17)
charges = st.dictionaries(st.sampled_from(BUDGETS), amounts, max_size=3)
claims = st.lists(
    st.builds(
        lambda budget, amount, spare, overdraft: Claim(
            budget, amount, None if spare is None else max(0, amount - spare), overdraft
        ),
        st.sampled_from(BUDGETS),
        amounts,
        st.none() | amounts,
        st.just(0) | amounts,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda claim: claim.budget,
)
hold_ids = st.integers(0, 14).map(str)
budgets = st.sampled_from(BUDGETS)


@dataclasses.dataclass(frozen=True)
class Teller:
    """Somebody who took a mark, and what they are about to tell with it: a balance, or a change of it."""

    budget: str
    mark: int
    moment: int
    amount: int | None


@dataclasses.dataclass(frozen=True)
class Held:
    claims: list[Claim]
    taken: dict[str, int]
    owner: str
    is_expired: bool


class HoldsMachine(RuleBasedStateMachine):
    def __init__(self, make_holds: Callable[[], Holds]) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.holds = make_holds()
        self.book: dict[str, int] = {}
        self.readers: list[Teller] = []
        self.creditors: list[Teller] = []
        # What the holds should know: balances of open budgets, and at which moment each changed last.
        self.known: dict[str, int | None] = {}
        self.moments = Counter[str]()
        self.held: dict[str, Held] = {}
        self.unposted: dict[str, Charges] = {}
        self.ended: set[str] = set()
        self.committed: set[str] = set()

    def teardown(self) -> None:
        self.runner.run(self.holds.close())
        self.runner.close()

    @initialize(book=st.fixed_dictionaries(dict.fromkeys(BUDGETS, balances)))
    def open_the_book(self, book: dict[str, int]) -> None:
        self.book = book
        for budget in BUDGETS[:-1]:
            self.read_and_tell(budget)

    # The owner's side

    @rule(budget=budgets, is_unlimited=st.sampled_from([False, False, False, True]))
    def read(self, budget: str, is_unlimited: bool) -> None:
        mark = self.runner.run(self.holds.mark(budget))
        balance = None if is_unlimited else self.book[budget]
        self.readers.append(Teller(budget, mark, self.moments[budget], balance))

    @rule(which=st.integers(0))
    def tell(self, which: int) -> None:
        if not self.readers:
            return
        reader = self.readers.pop(which % len(self.readers))
        told = self.runner.run(self.holds.refresh(reader.budget, reader.amount, reader.mark))
        assert told == (reader.moment == self.moments[reader.budget])
        if told:
            self.known[reader.budget] = reader.amount
            self.moments[reader.budget] += 1

    @rule(budget=budgets)
    def read_and_tell(self, budget: str) -> None:
        self.read(budget, is_unlimited=False)
        self.tell(len(self.readers) - 1)

    @rule(budget=budgets, delta=amounts | amounts.map(int.__neg__))
    def top_up(self, budget: str, delta: int) -> None:
        mark = self.runner.run(self.holds.mark(budget))
        self.book[budget] += delta
        self.creditors.append(Teller(budget, mark, self.moments[budget], delta))

    @rule(which=st.integers(0))
    def credit(self, which: int) -> None:
        if not self.creditors:
            return
        creditor = self.creditors.pop(which % len(self.creditors))
        assert creditor.amount is not None
        credited = self.runner.run(self.holds.credit(creditor.budget, creditor.amount, creditor.mark))
        assert credited == (creditor.moment == self.moments[creditor.budget])
        if not credited:
            self.read_and_tell(creditor.budget)
            return
        self.moments[creditor.budget] += 1
        self.move_known(creditor.budget, creditor.amount)

    @rule(hold_id=hold_ids)
    def commit(self, hold_id: str) -> None:
        if hold_id in self.unposted and hold_id not in self.committed:
            self.committed.add(hold_id)
            self.move_book(self.unposted[hold_id])

    @rule()
    def post(self) -> None:
        posted = {hold_id: self.unposted[hold_id] for hold_id in self.committed}
        assert len(posted) == self.runner.run(self.holds.posted(posted))
        for hold_id, charged in posted.items():
            self.forget_posted(hold_id, charged)
            del self.unposted[hold_id]
        self.committed.clear()

    @rule(hold_id=hold_ids, charged=charges)
    def post_what_was_not_settled(self, hold_id: str, charged: Charges) -> None:
        if hold_id in self.unposted:
            return
        is_news = hold_id not in self.ended
        assert is_news == self.runner.run(self.holds.posted({hold_id: charged}))
        if is_news:
            self.held.pop(hold_id, None)
            self.move_book(charged)
            self.forget_posted(hold_id, charged)

    def forget_posted(self, hold_id: str, charged: Charges) -> None:
        self.ended.add(hold_id)
        for budget, amount in charged.items():
            if amount:
                self.moments[budget] += 1
                self.move_known(budget, -amount)

    def move_known(self, budget: str, delta: int) -> None:
        balance = self.known.get(budget)
        if balance is not None:
            self.known[budget] = balance + delta

    def move_book(self, charged: Charges) -> None:
        for budget, amount in charged.items():
            self.book[budget] -= amount

    # The requests' side

    @rule(hold_id=hold_ids, asked=claims, owner=st.sampled_from(OWNERS), is_expired=st.booleans())
    def place(self, hold_id: str, asked: list[Claim], owner: str, is_expired: bool) -> None:
        before = self.held.get(hold_id)
        if before:
            asked = before.claims
        placing = self.holds.place(hold_id, asked, owner=owner, lifetime_s=0 if is_expired else FOREVER_S)
        answer = self.runner.run(placing)
        if before:
            assert Placed(tuple(before.taken.values())) == answer
            self.held[hold_id] = dataclasses.replace(before, is_expired=before.is_expired and is_expired)
            return
        if hold_id in self.ended or hold_id in self.unposted:
            assert AlreadyEnded() == answer
            return
        closed = [claim.budget for claim in asked if claim.budget not in self.known]
        if closed:
            assert isinstance(answer, NotOpen) and closed == list(answer.marks)
            return
        shares = [self.share(claim) for claim in asked]
        if None in shares:
            refusing = asked[shares.index(None)]
            assert Refused(refusing.budget, self.available(refusing.budget) or 0, refusing.amount) == answer
            return
        assert Placed(tuple(shares)) == answer
        taken = {claim.budget: share for claim, share in zip(asked, answer.taken, strict=True)}
        self.held[hold_id] = Held(asked, taken, owner, is_expired)

    def share(self, claim: Claim) -> int | None:
        """In the words of the three policies, one after the other."""
        available = self.available(claim.budget)
        if available is None:
            return claim.amount
        if available + claim.overdraft <= 0:
            return None
        if available + claim.overdraft >= claim.amount:
            return claim.amount
        if claim.least is not None and available + claim.overdraft >= claim.least:
            return available + claim.overdraft
        return None

    @rule(hold_id=hold_ids, charged=charges)
    def settle(self, hold_id: str, charged: Charges) -> None:
        assert self.expected_ending(hold_id) == self.runner.run(self.holds.settle(hold_id, charged))
        self.end(hold_id, charged)

    @rule(hold_id=hold_ids)
    def settle_for_what_was_held(self, hold_id: str) -> None:
        if hold_id in self.held:
            self.settle(hold_id, self.held[hold_id].taken)

    @rule(hold_id=hold_ids)
    def release(self, hold_id: str) -> None:
        assert self.expected_ending(hold_id) == self.runner.run(self.holds.release(hold_id))
        self.end(hold_id, {})

    def expected_ending(self, hold_id: str) -> str:
        if hold_id in self.unposted or hold_id in self.ended:
            return "repeated"
        return "ended" if hold_id in self.held else "late"

    def end(self, hold_id: str, charged: Charges) -> None:
        if hold_id in self.unposted or hold_id in self.ended:
            return
        self.held.pop(hold_id, None)
        if any(charged.values()):
            self.unposted[hold_id] = charged
        else:
            self.ended.add(hold_id)

    @rule()
    def sweep(self) -> None:
        expired = {hold_id for hold_id, hold in self.held.items() if hold.is_expired}
        assert expired == set(self.runner.run(self.holds.sweep()))
        for hold_id in expired:
            del self.held[hold_id]

    @rule(owner=st.sampled_from(OWNERS))
    def bury(self, owner: str) -> None:
        others = set(OWNERS) - {owner}
        orphaned = {hold_id for hold_id, hold in self.held.items() if hold.owner == owner}
        assert ((owner,) if orphaned else ()) == self.runner.run(self.holds.orphans(others))
        assert orphaned == set(self.runner.run(self.holds.release_of(owner)))
        for hold_id in orphaned:
            del self.held[hold_id]

    # What is always true

    def held_of(self, budget: str) -> int:
        return sum(hold.taken.get(budget, 0) for hold in self.held.values())

    def unposted_of(self, budget: str) -> int:
        return sum(charged.get(budget, 0) for charged in self.unposted.values())

    def available(self, budget: str) -> int | None:
        balance = self.known.get(budget)
        return None if balance is None else balance - self.held_of(budget) - self.unposted_of(budget)

    @invariant()
    def the_holds_know_what_the_model_knows(self) -> None:
        seen = self.runner.run(self.holds.snapshot())
        untouched = BudgetState("", False, None, 0, 0)
        states = {state.name: state for state in seen.budgets}
        for budget in BUDGETS:
            state = dataclasses.replace(states.get(budget, untouched), name=budget)
            assert state == BudgetState(
                budget,
                budget in self.known,
                self.available(budget),
                self.held_of(budget),
                self.unposted_of(budget),
            )
        held = [HoldState(hold_id, hold.owner, hold.taken) for hold_id, hold in self.held.items()]
        assert sorted(held, key=lambda hold: hold.id) == sorted(seen.holds, key=lambda hold: hold.id)
        assert (len(held), len(self.unposted)) == (seen.hold_count, seen.unposted_count)

    @invariant()
    def nothing_is_available_that_the_book_does_not_have(self) -> None:
        for budget in BUDGETS:
            available = self.available(budget)
            if available is None:
                continue
            outstanding = sum(
                charged.get(budget, 0)
                for hold_id, charged in self.unposted.items()
                if hold_id not in self.committed
            )
            # Somebody took money out of the book and has not told it yet.
            untold = sum(
                -teller.amount
                for teller in self.creditors
                if teller.budget == budget and teller.amount is not None and teller.amount < 0
            )
            assert available <= self.book[budget] + untold - self.held_of(budget) - outstanding


def test_holds_in_memory_do_what_the_model_does():
    examples = settings(max_examples=150, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(lambda: HoldsMachine(MemoryHolds), settings=examples)


def test_holds_in_redis_do_what_the_model_does():
    with scratch_namespace() as namespace:
        numbers = itertools.count()

        def fresh() -> Holds:
            return RedisHolds(REDIS, namespace=f"{namespace}{next(numbers)}:")

        examples = settings(max_examples=30, stateful_step_count=40, deadline=None)
        run_state_machine_as_test(lambda: HoldsMachine(fresh), settings=examples)


@pytest.mark.parametrize(
    "claim", [Claim("a", 5), Claim("a", 5, least=2), Claim("a", 0), Claim("a", 5, overdraft=3)]
)
def test_what_a_claim_takes_is_never_more_than_there_is_nor_less_than_will_do(claim: Claim):
    least = claim.amount if claim.least is None else claim.least
    for available in range(-10, 20):
        taken = claim.taken_from(available)
        if taken is None:
            assert available + claim.overdraft < max(1, least)
        else:
            assert least <= taken <= min(claim.amount, available + claim.overdraft)
