"""How many requests a second are held, charged durably and booked, beside a plain batch insert of the same rows."""

# needs: postgresql

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop
from sqlalchemy import insert, select
from support.engines import open_scratch
from support.house import open_house, test_settings
from support.money import Till, open_till

from monoize.base.ids import new_id
from monoize.contract.budgets import user_budget
from monoize.contract.events import Charged
from monoize.control.ledger.tables import billing_ledger
from monoize.infra.holds import Claim
from monoize.main.garbage import collect_seldom

WORK: Final = Path(__file__).parents[1] / ".work"
AT_ONCE: Final = 1000
PRICE, START_BALANCE = 1000, 10**17
LIMITS: Final = {"sqlite": 20_000, "postgresql": 4_000}
PAIRS: Final = {"sqlite": 200_000, "postgresql": 40_000}
PLAIN_ROWS: Final = 100_000
BATCH: Final = 1000
MILLION: Final = 1_000_000
GROWTH_MOST_MB: Final = 50


@asynccontextmanager
async def rich(dsn: str, folder: Path) -> AsyncIterator[tuple[Till, str]]:
    async with open_house(test_settings(dsn, folder)) as house, open_till(house) as till:
        collect_seldom()
        yield till, await till.person(START_BALANCE)


async def spend(till: Till, user_id: str, times: int) -> tuple[float, float]:
    """Pairs of hold and charge, a thousand at once, one account; seconds until the last is on disk, and booked."""
    budget = user_budget(user_id)
    claims, budgets = (Claim(budget, 2 * PRICE),), {budget: PRICE}

    async def one_client(requests: int) -> None:
        for _ in range(requests):
            id = new_id()
            event = Charged(id, id, user_id, time.time_ns() // 1_000_000, PRICE, budgets=budgets)
            await till.money.meter.admit(event, claims)
            await till.money.meter.finish(event)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as together:
        for _ in range(AT_ONCE):
            together.create_task(one_client(times // AT_ONCE))
    acknowledged_s = time.perf_counter() - started
    while (await till.money.spool.figures()).finished:
        await asyncio.sleep(0.005)
    return acknowledged_s, time.perf_counter() - started


async def plain_insert(till: Till) -> float:
    """Rows a second of a batch insert of ledger rows that were there before, with nothing around it."""
    database = till.house.house.database
    async with database.read() as tx:
        row = dict((await tx.execute(select(billing_ledger).limit(1))).mappings().one())
    started = time.perf_counter()
    for _ in range(PLAIN_ROWS // BATCH):
        rows = [row | {"id": new_id(), "request_id": new_id(), "account_seq": None} for _ in range(BATCH)]
        async with database.write() as tx:
            await tx.execute(insert(billing_ledger), rows)
    return PLAIN_ROWS / (time.perf_counter() - started)


async def throughput(engine: str, dsn: str, folder: Path) -> tuple[float, float]:
    """(pairs booked a second, plain rows a second)"""
    async with rich(dsn, folder) as (till, user_id):
        await spend(till, user_id, AT_ONCE)
        acknowledged, booked = (PAIRS[engine] / s for s in await spend(till, user_id, PAIRS[engine]))
        assert await till.balance(user_id) == START_BALANCE - PRICE * (PAIRS[engine] + AT_ONCE)
        plain = await plain_insert(till)
    print(
        f"{engine:<12} {booked:7.0f} pairs/s booked of {LIMITS[engine]}, {acknowledged:7.0f} acknowledged, "
        f"plain batch insert {plain:7.0f} rows/s",
        flush=True,
    )
    return booked, plain


async def growth(dsn: str, folder: Path) -> float:
    """By how many MB the process grew between a tenth and the whole of a million charges."""
    async with rich(dsn, folder) as (till, user_id):
        first = 0.0
        for part in range(1, 11):
            await spend(till, user_id, MILLION // 10)
            mb = resource_mb()
            first = first or mb
            print(f"memory       {part * MILLION // 10:9} charges: {mb:6.1f} MB", flush=True)
        return mb - first


def resource_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> int:
    # Beside the project and not where temporary files go: that may be memory, which costs nothing to write through.
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        place = Path(folder)
        sqlite = open_scratch("sqlite", place / "scratch")
        postgresql = open_scratch("postgresql", place)
        try:
            fast, plain = uvloop.run(throughput("sqlite", sqlite.fresh(), place / "sqlite"))
            there, _ = uvloop.run(throughput("postgresql", postgresql.fresh(), place / "postgresql"))
            grown = uvloop.run(growth(sqlite.fresh(), place / "memory"))
        finally:
            postgresql.drop()
    held = fast >= LIMITS["sqlite"] and there >= LIMITS["postgresql"] and grown < GROWTH_MOST_MB
    print(
        f"money: {'holds' if held else 'DOES NOT HOLD'}: sqlite {fast:.0f}/s ({fast / plain:.2f} × plain insert), "
        f"postgresql {there:.0f}/s, memory {grown:+.1f} MB over 10^6 charges"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
