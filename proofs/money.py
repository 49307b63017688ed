"""Money is exact: nothing is overspent, lost, doubled or edited unseen, whoever comes at once and whatever dies.

(a) 200 requests at once against money for exactly 37 of them, on each engine, with holds in memory and in Redis;
(b) kill -9 at random moments, of a loaded server that is asked over HTTP, and of a service around its money that is
    loaded harder, on SQLite and on PostgreSQL with Redis;
(c) holds, charges, releases, expiries, top-ups, refunds and crashes in any order, against a model;
(d) a ledger row that is edited behind the ledger's back;
(e) the worked examples of what requests cost, which are tests.
"""

# needs: postgresql mariadb redis

import asyncio
import collections
import contextlib
import dataclasses
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import select, update
from support import paying_clients
from support.engines import ENGINES, REDIS, SqliteScratch, open_scratch
from support.house import MASTER_KEY, open_house, test_settings
from support.money import Till, open_till
from support.money_machine import MoneyMachine
from support.paid_service import FLOOR_SHARE
from support.processes import environment
from support.tampering import without_triggers
from support.worked_examples import show

from monoize.base.ids import new_id
from monoize.control.ledger.actions.verification import verify
from monoize.control.ledger.tables import billing_ledger
from monoize.gateway.meter import BudgetExceeded

TESTS = Path(__file__).parents[1] / "tests"
CREDITS, PRICE, AT_ONCE = 37, 1_000_000, 200
ROUNDS = {"sqlite": 60, "postgresql": 40}
CLIENTS, PEOPLE, LOAD_S = 24, 3, (0.05, 0.6)
START_BALANCE = 10**15
READY_S = 120
SERVER_ROUNDS, SERVER_CLIENTS = 20, 8
MACHINE_EXAMPLES = 60


@dataclasses.dataclass
class Tally:
    """What the last line sums up."""

    lost: int = 0
    doubled: int = 0
    drift: int = 0

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.drift)


@dataclasses.dataclass
class Sent:
    """One request, and what it was answered, if it was answered at all."""

    user_id: str
    amount: int
    answer: str = ""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a part of the proof happens: a database of its own, a folder, and Redis or memory for the holds."""

    engine: str
    dsn: str
    folder: Path
    redis_url: str

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Till]:
        settings = test_settings(self.dsn, self.folder, redis_url=self.redis_url)
        async with open_house(settings) as house, open_till(house) as till:
            yield till


def on(
    engine: str, redis_url: str, part: Callable[[Place, Tally], Coroutine[Any, Any, None]], tally: Tally
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scratch = open_scratch(engine, Path(folder, "database"))
        try:
            asyncio.run(part(Place(engine, scratch.fresh(), Path(folder), redis_url), tally))
        finally:
            if engine != "sqlite":
                scratch.drop()


async def at_once(place: Place, tally: Tally) -> None:
    """(a)"""
    async with place.opened() as till:
        user_id = await till.person(CREDITS * PRICE)
        outcomes = await asyncio.gather(
            *(till.spend(user_id, PRICE) for _ in range(AT_ONCE)), return_exceptions=True
        )
        served = sum(isinstance(outcome, str) for outcome in outcomes)
        refused = sum(isinstance(outcome, BudgetExceeded) for outcome in outcomes)
        await till.money.handover.post_all()
        left = await till.balance(user_id)
    if (served, refused, left) != (CREDITS, AT_ONCE - CREDITS, 0):
        tally.drift += 1
    where = "Redis" if place.redis_url else "memory"
    print(f"(a) {place.engine:10} holds in {where:6}: {served} served, {refused} refused, balance {left}")


async def one_life(place: Place, people: list[str]) -> dict[str, Sent]:
    """Start the service, load it, kill it; what was sent, by request id."""
    command = (
        sys.executable,
        "-m",
        "support.paid_service",
        str(place.folder),
        place.dsn,
        place.redis_url,
        MASTER_KEY,
    )
    sent: dict[str, Sent] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(PYTHONPATH=str(TESTS))) as service:
        try:
            assert service.stdout is not None
            port = int(await asyncio.wait_for(asyncio.to_thread(service.stdout.readline), READY_S))
            async with asyncio.TaskGroup() as together:
                for _ in range(CLIENTS):
                    together.create_task(client(port, people, sent))
                await asyncio.sleep(random.uniform(*LOAD_S))
                service.kill()
        finally:
            service.kill()
    return sent


async def client(port: int, people: list[str], sent: dict[str, Sent]) -> None:
    """One request after the other, until the service is gone."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            request_id, mine = new_id(), Sent(random.choice(people), random.randrange(1, 1_000_000))
            sent[request_id] = mine
            writer.write(f"{request_id} {mine.user_id} {mine.amount}\n".encode())
            await writer.drain()
            mine.answer = (await reader.readuntil()).decode().strip()


async def killed(place: Place, tally: Tally) -> None:
    """(b)"""
    async with place.opened() as till:
        people = [await till.person(START_BALANCE) for _ in range(PEOPLE)]
    sent: dict[str, Sent] = {}
    for number in range(1, ROUNDS[place.engine] + 1):
        sent |= await one_life(place, people)
        if number % 20 == 0:
            print(f"(b) {place.engine:10} {number:3} kills, {len(sent)} requests so far", flush=True)
    # One more start puts right what the last one left.
    async with place.opened() as till:
        await examine(till, place.engine, people, sent, tally)


async def examine(till: Till, engine: str, people: list[str], sent: dict[str, Sent], tally: Tally) -> None:
    await till.money.holds.sweep()
    snapshot, left = await till.money.holds.snapshot(), await till.money.spool.left_in_flight()
    booked = await till.booked(list(sent))
    answers = collections.Counter(request.answer.partition(" ")[0] or "unanswered" for request in sent.values())
    wrong = estimated = 0
    for request_id, request in sent.items():
        rows = booked[request_id]
        tally.doubled += len(rows) > 1
        floor = request.amount // FLOOR_SHARE
        match request.answer:
            case "charged":
                tally.lost += request.amount not in rows
            case "":
                # Never sent on, charged in full, or charged what was known when the service died.
                wrong += sum(rows) not in (0, floor, request.amount)
                estimated += bool(rows) and sum(rows) == floor
            case _:
                wrong += bool(rows)
    spent = dict.fromkeys(people, 0)
    for request_id, rows in booked.items():
        spent[sent[request_id].user_id] += sum(rows)
    drifted = [person for person in people if await till.balance(person) != START_BALANCE - spent[person]]
    problems = await ledger_problems(till)
    orphans = snapshot.hold_count + snapshot.unposted_count + len(left)
    tally.drift += wrong + len(drifted) + len(problems) + orphans
    print(
        f"(b) {engine:10} {answers['charged']} charged, {answers['abandoned']} abandoned, "
        f"{answers['unanswered']} cut off ({estimated} charged their floor), {orphans} orphans, "
        f"{len(problems)} problems in the ledger"
    )


async def ledger_problems(till: Till) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        async with till.house.house.database.read() as tx:
            step = await verify(tx, till.house.house.seal, cursor=cursor)
        found += step.problems
        cursor = step.cursor
        if cursor is None:
            return found


def killed_server(tally: Tally) -> None:
    """(b)"""
    charges: dict[str, int] = {}
    sent = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with paying_clients.started(folder) as server:
            user_id, key = paying_clients.opened(server, START_BALANCE)
        for _ in range(SERVER_ROUNDS):
            with paying_clients.started(folder) as server:
                clients = paying_clients.Clients(server, key, SERVER_CLIENTS)
                time.sleep(random.uniform(*LOAD_S))
                server.kill()
                clients.join()
            charges |= clients.charges
            sent += clients.sent
        # One more start puts right what the last one left.
        with paying_clients.started(folder) as server:
            booked = paying_clients.booked(server, user_id)
            balance = int(paying_clients.call(server, "GET", f"/api/users/{user_id}")["balance_nano_usd"])
            problems = paying_clients.call(server, "GET", "/api/ledger/verification")["problems"]
    # What was cut off is charged at most once as well, under an id that its caller never learned.
    others = [rows for request_id, rows in booked.items() if request_id not in charges]
    tally.lost += sum(charges[request_id] not in booked.get(request_id, ()) for request_id in charges)
    tally.doubled += sum(len(rows) > 1 for rows in booked.values()) + max(0, len(others) - (sent - len(charges)))
    tally.drift += (START_BALANCE - sum(map(sum, booked.values())) != balance) + len(problems)
    print(
        f"(b) a server over HTTP, {SERVER_ROUNDS} kills: {len(charges)} answered and charged, "
        f"{sent - len(charges)} cut off ({len(others)} of them charged), {len(problems)} problems in the ledger"
    )


def any_order(tally: Tally) -> None:
    """(c)"""
    with tempfile.TemporaryDirectory() as folder:
        MoneyMachine.template = SqliteScratch(Path(folder))
        wanted = hypothesis_settings(
            max_examples=MACHINE_EXAMPLES, stateful_step_count=40, deadline=None, database=None
        )
        try:
            run_state_machine_as_test(MoneyMachine, settings=wanted)
        except AssertionError as problem:
            tally.drift += 1
            print(f"(c) the model was contradicted: {problem}")
        else:
            print(f"(c) {MACHINE_EXAMPLES} histories of up to 40 steps agree with the model")


async def edited(place: Place, tally: Tally) -> None:
    """(d)"""
    async with place.opened() as till:
        user_id = await till.person(1000)
        for amount in (1, 2, 3):
            await till.spend(user_id, amount)
        await till.money.handover.post_all()
        assert not await ledger_problems(till)
        async with without_triggers(till.house.house.database, billing_ledger) as tx:
            row = await tx.scalar(select(billing_ledger.c.id).where(billing_ledger.c.delta_nano_usd == -2))
            await tx.execute(update(billing_ledger).where(billing_ledger.c.id == row).values(delta_nano_usd=-1))
        problems = await ledger_problems(till)
    tally.drift += not problems
    print(f"(d) {place.engine:10} an edited row: {problems[0] if problems else 'NOT NOTICED'}")


def main() -> int:
    tally = Tally()
    for engine in ENGINES:
        for redis_url in ("", REDIS):
            on(engine, redis_url, at_once, tally)
    killed_server(tally)
    on("sqlite", "", killed, tally)
    on("postgresql", REDIS, killed, tally)
    any_order(tally)
    for engine in ENGINES:
        on(engine, "", edited, tally)
    print("(e) the worked examples of what requests cost, in docs/worked-examples.md:")
    examples_hold = show(1, 40)
    print(f"lost {tally.lost} doubled {tally.doubled} drift {tally.drift}")
    return 0 if tally.holds and examples_hold else 1


if __name__ == "__main__":
    sys.exit(main())
