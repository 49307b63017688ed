"""Whatever people and machines do in whatever order, balances are what a plain model says, and verifying agrees."""

import asyncio
import contextlib
from typing import Any, Final

import pytest
from control.ledger.bench import Bench, charge
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from monoize.base.ids import new_id
from monoize.control.ledger.errors import AlreadyRefunded, InsufficientBalance, RefundTooLarge, SubAccountOff
from monoize.infra import dsn
from monoize.infra.db import open_database

AMOUNTS: Final = st.integers(1, 1000) | st.integers(1, 10**30)
PEOPLE: Final = 3


class Ledger(RuleBasedStateMachine):
    """`address` is set by each test; everybody in it is new, so that examples do not meet."""

    address = ""
    charges = Bundle("charges")
    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.bench = Bench(self.run(open_database(dsn.parse(self.address), pool_size=3)))
        self.balance: dict[str, int] = {}
        self.purse: dict[str, int] = {}
        self.owner: dict[str, str] = {}
        self.refunded: dict[str, int] = {}

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        assert [] == self.run(self.bench.problems())
        self.run(self.bench.database.close())
        self.runner.close()

    @initialize()
    def people(self) -> None:
        for number in range(PEOPLE):
            self.balance[self.run(self.bench.user(unlimited=number == 0))] = 0
        self.names = list(self.balance)

    @rule(target=keys, who=st.integers(0, PEOPLE - 1))
    def make_key(self, who: int) -> str:
        key = self.run(self.bench.key(self.names[who]))
        self.owner[key] = self.names[who]
        return str(key)

    @rule(target=charges, wanted=st.lists(st.tuples(st.integers(0, PEOPLE - 1), AMOUNTS), min_size=1, max_size=4))
    def charge_people(self, wanted: list[tuple[int, int]]) -> Any:
        batch = [charge(self.names[who], amount) for who, amount in wanted]
        posted = self.run(self.bench.charged(*batch, batch[0]))[: len(batch)]
        for one in batch:
            self.balance[one.user_id] -= one.amount_nano_usd
        return multiple(*posted)

    @rule(target=charges, key=keys, amount=AMOUNTS)
    def charge_key(self, key: str, amount: int) -> Any:
        posted = self.run(self.bench.charged(charge(self.owner[key], amount, api_key_id=key)))
        if key in self.purse:
            self.purse[key] -= amount
        else:
            self.balance[self.owner[key]] -= amount
        return posted[0]

    @rule(target=charges, who=st.integers(0, PEOPLE - 1), amount=AMOUNTS)
    def top_up(self, who: int, amount: int) -> Any:
        self.balance[self.names[who]] += amount
        return self.run(self.bench.top_up(self.names[who], amount, new_id()))

    @rule(who=st.integers(0, PEOPLE - 1), delta=AMOUNTS | AMOUNTS.map(lambda amount: -amount))
    def adjust(self, who: int, delta: int) -> None:
        self.balance[self.names[who]] += delta
        self.run(self.bench.adjust(self.names[who], delta))

    @rule(entry=charges, amount=st.none() | AMOUNTS)
    def refund(self, entry: Any, amount: int | None) -> None:
        most = abs(entry.delta_nano_usd)
        wanted = most if amount is None else amount
        if wanted > most:
            expected: Any = pytest.raises(RefundTooLarge)
        elif self.refunded.get(entry.id, wanted) != wanted:
            expected = pytest.raises(AlreadyRefunded)
        else:
            expected = contextlib.nullcontext()
            if entry.id not in self.refunded:
                self._give_back(entry, wanted if entry.delta_nano_usd < 0 else -wanted)
            self.refunded[entry.id] = wanted
        with expected:
            self.run(self.bench.refund(entry.id, amount))

    def _give_back(self, entry: Any, delta: int) -> None:
        if entry.account == "sub_account" and entry.api_key_id in self.purse:
            self.purse[entry.api_key_id] += delta
        else:
            self.balance[entry.user_id] += delta

    @rule(key=keys)
    def enable(self, key: str) -> None:
        self.purse.setdefault(key, 0)
        self.run(self.bench.enable(key))

    @rule(key=keys)
    def disable(self, key: str) -> None:
        self.balance[self.owner[key]] += self.purse.pop(key, 0)
        self.run(self.bench.enable(key, False))

    @rule(key=consumes(keys))
    def delete_key(self, key: str) -> None:
        self.balance[self.owner[key]] += self.purse.pop(key, 0)
        self.run(self.bench.delete_key(key))

    @rule(key=keys, amount=AMOUNTS)
    def transfer(self, key: str, amount: int) -> None:
        owner = self.owner[key]
        if key not in self.purse:
            expected: Any = pytest.raises(SubAccountOff)
        elif self.balance[owner] < amount and owner != self.names[0]:
            expected = pytest.raises(InsufficientBalance)
        else:
            expected = contextlib.nullcontext()
            self.balance[owner] -= amount
            self.purse[key] += amount
        with expected:
            self.run(self.bench.transfer(key, amount))

    @rule(key=keys, balance=AMOUNTS)
    def set_balance(self, key: str, balance: int) -> None:
        if key not in self.purse:
            with pytest.raises(SubAccountOff):
                self.run(self.bench.set_balance(key, balance))
            return
        self.balance[self.owner[key]] += max(0, self.purse[key] - balance)
        self.purse[key] = balance
        self.run(self.bench.set_balance(key, balance))

    @invariant()
    def every_balance_is_the_model_s(self) -> None:
        assert self.balance == {user: self.run(self.bench.balance(user)) for user in self.balance}
        assert self.purse == {key: self.run(self.bench.on_key(key)) for key in self.purse}


def explored(address: str, *, examples: int, steps: int) -> None:
    Ledger.address = address
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_ledger_does_what_a_model_of_it_does(sqlite: str):
    explored(sqlite, examples=12, steps=25)


def test_the_ledger_does_the_same_on_every_engine(engine: str):
    explored(engine, examples=2, steps=20)
