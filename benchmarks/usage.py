"""How long questions about use take beside millions of calls, and how long the same answer takes from the calls.

`bin/bench usage --rows 10000000` for all of it; without the flag a twentieth.
"""

# needs: postgresql

import argparse
import asyncio
import datetime as dt
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text
from support.databases import borrowed
from support.engines import open_scratch

from monoize.control.telemetry.actions import calls, usage
from monoize.control.telemetry.model.queries import span_of
from monoize.infra.db import Database, Tx

WORK: Final = Path(__file__).parents[1] / ".work"
ENGINES: Final = ("sqlite", "postgresql")
ROWS: Final = 500_000
DAYS: Final = 90
AT_ONCE: Final = 20_000
USERS: Final = 200
MODELS: Final = 8
DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
MOST_S: Final = 1.0
"""No page may wait longer for its figures."""
SERIES: Final = {
    "sqlite": "WITH RECURSIVE s(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM s WHERE n < :last)",
    "postgresql": "WITH s(n) AS (SELECT generate_series(CAST(:first AS bigint), CAST(:last AS bigint)))",
}
CALLS: Final = """
INSERT INTO agent_telemetry (id, tenant_id, created_by, metric_type, metric_name, metric_value, unit, timestamp,
    provider, model_used, input_tokens, output_tokens, cost_nano, metadata_json, cost_breakdown_json)
{series}
SELECT 'c' || n, 't', 'user-' || (n % {users}), 'llm', 'request', 1, 'call',
    CAST(:until AS bigint) - (CAST(n AS bigint) * 7919) % ({days} * CAST({day} AS bigint)),
    'p' || (n % 3), 'm' || (n % {models}), 1000 + n % 500, 100 + n % 50, 1000000 + n % 1000,
    '{{"request_id": "0190f5f4-0000-7000-8000-000000000000", "duration_ms": 812, "model": "m"}}', '{{}}'
FROM s
"""
SUMS: Final = """
INSERT INTO {table} (at_ms, tenant_id, user_id, api_key_id, agent_id, provider, model, served_model,
    calls, input_tokens, output_tokens, cost_nano, charge_nano)
SELECT timestamp - timestamp % {step}, tenant_id, created_by, '', '', provider, model_used, model_used,
    count(*), sum(input_tokens), sum(output_tokens), sum(cost_nano), sum(cost_nano)
FROM agent_telemetry WHERE timestamp >= :since AND timestamp < :until
GROUP BY timestamp - timestamp % {step}, tenant_id, created_by, provider, model_used
"""
FROM_CALLS: Final = """
SELECT model_used, count(*), sum(input_tokens), sum(output_tokens), sum(cost_nano) FROM agent_telemetry
WHERE timestamp >= :since GROUP BY model_used
"""


async def filled(database: Database, engine: str, rows: int, until_ms: int) -> None:
    sizes = {"users": USERS, "models": MODELS, "days": DAYS, "day": DAY_MS}
    started = time.perf_counter()
    statement = text(CALLS.format(series=SERIES[engine], **sizes))
    for first in range(1, rows + 1, AT_ONCE):
        last = min(first + AT_ONCE - 1, rows)
        async with database.write() as tx:
            await tx.execute(statement, {"first": first, "last": last, "until": until_ms})
    midnight_ms = until_ms - until_ms % DAY_MS
    for day in range(DAYS + 1):
        since_ms = midnight_ms - day * DAY_MS
        async with database.write() as tx:
            for table, step in (("usage_hours", HOUR_MS), ("usage_days", DAY_MS)):
                sums = text(SUMS.format(table=table, step=step))
                await tx.execute(sums, {"since": since_ms, "until": since_ms + DAY_MS})
    async with database.write() as tx:
        await tx.execute(text("ANALYZE"))
    print(f"{engine:<11} {rows} calls made in {time.perf_counter() - started:.0f} s", flush=True)


async def seconds(database: Database, question: Callable[[Tx], Awaitable[Any]]) -> float:
    """The best of three."""
    best = float("inf")
    for _ in range(3):
        async with database.read() as tx:
            started = time.perf_counter()
            await question(tx)
            best = min(best, time.perf_counter() - started)
    return best


async def measured(engine: str, dsn: str, rows: int) -> bool:
    now = dt.datetime.now(dt.UTC)
    month, hours = (
        span_of("day", now - dt.timedelta(days=30), now, now),
        span_of("hour", now - dt.timedelta(hours=48), now, now),
    )
    since_ms = month.since_ms
    questions: dict[str, Callable[[Tx], Awaitable[Any]]] = {
        "a month by model and day": lambda tx: usage.usage(
            tx, month, ["model"], {}, in_steps=True, sees_behind=True
        ),
        "48 hours by user": lambda tx: usage.usage(tx, hours, ["user_id"], {}, in_steps=False, sees_behind=True),
        "one user's month": lambda tx: usage.usage(
            tx, month, [], {"user_id": "user-7"}, in_steps=False, sees_behind=False
        ),
        "the summary of the first page": lambda tx: usage.summary(tx, {}, now, sees_behind=True),
        "a month's costs": lambda tx: calls.costs(
            tx, since=now.date() - dt.timedelta(days=30), until=now.date() + dt.timedelta(days=1)
        ),
    }
    held = True
    async with borrowed(dsn, pool_size=5) as database:
        await filled(database, engine, rows, int(now.timestamp() * 1000))
        for name, question in questions.items():
            took_s = await seconds(database, question)
            held = held and took_s <= MOST_S
            print(f"{engine:<11} {name:<32} {took_s * 1000:8.1f} ms", flush=True)
        raw_s = await seconds(database, lambda tx: tx.execute(text(FROM_CALLS), {"since": since_ms}))
        print(f"{engine:<11} {'a month by model, from the calls':<32} {raw_s * 1000:8.1f} ms", flush=True)
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    rows = parser.parse_args().rows
    WORK.mkdir(exist_ok=True)
    held = True
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        for engine in ENGINES:
            scratch = open_scratch(engine, Path(folder) / engine)
            try:
                held = asyncio.run(measured(engine, scratch.fresh(), rows)) and held
            finally:
                scratch.drop()
    verdict = "holds" if held else "DOES NOT HOLD"
    print(f"usage: {verdict}: no question takes longer than {MOST_S:.0f} s beside {rows} calls")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
