"""Of 100 at once against a limit of 50 exactly 50 are admitted, in one process and across two on Redis.

(a) in one process, in memory; (b) in one process, on Redis; (c) in two processes that start together, on Redis;
(d) through the API of a running house, whose refusals say used, limit and when there is more.
"""

# needs: redis

import asyncio
import collections
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from support.agents import open_agent_runtime
from support.engines import REDIS, SqliteScratch
from support.processes import together
from support.redis_server import scratch_namespace

from monoize.base.quotas import Quota
from monoize.contract.limits import PRESETS, Act, judge
from monoize.infra.quotas import Admitted, MemoryQuotas, Quotas
from monoize.infra.redis_quotas import RedisQuotas

AT_ONCE, LIMIT, ROUNDS = 100, 50, 10
WANTED = judge(PRESETS["free"], Act(operation="ai_call"))


async def admitted(quotas: Quotas, key: str) -> int:
    assert (Quota("max_ai_calls_per_day", "day", LIMIT, 1),) == WANTED
    outcomes = await asyncio.gather(*(quotas.take(key, WANTED) for _ in range(AT_ONCE)))
    return sum(isinstance(outcome, Admitted) for outcome in outcomes)


async def in_one_process(name: str, make: Callable[[], Quotas]) -> bool:
    """(a) and (b)"""
    quotas = make()
    counts = [await admitted(quotas, f"tenant:role-{number}") for number in range(ROUNDS)]
    await quotas.close()
    print(f"{name}: {ROUNDS} rounds of {AT_ONCE} at once against {LIMIT} a day: {sorted(set(counts))} admitted")
    return set(counts) == {LIMIT}


def across_processes(prefix: str) -> bool:
    """(c)"""
    totals = []
    for number in range(ROUNDS):
        deed = ("take_quota", REDIS, prefix, f"tenant:shared-{number}", str(LIMIT), str(AT_ONCE // 2))
        totals.append([int(outcome.lines[-1]) for outcome in together(deed, deed)])
    print(f"(c) two processes on Redis, {AT_ONCE // 2} at once in each, {ROUNDS} rounds: {totals} admitted")
    return all(sum(counts) == LIMIT for counts in totals)


async def through_the_api(dsn: str, folder: Path) -> bool:
    """(d)"""
    async with open_agent_runtime(dsn, folder) as runtime:
        answers = await asyncio.gather(*(runtime.check(operation="ai_call") for _ in range(AT_ONCE)))
    codes = collections.Counter(answer.status_code for answer in answers)
    refusal = next(answer for answer in answers if answer.status_code != 200).json()
    print(f"(d) POST /api/agents/…/operations/check: {dict(sorted(codes.items()))}; {refusal['code']}, used")
    print(f"    {refusal['used']} of {refusal['limit']}, again from {refusal['resets_at']} on")
    told = refusal["code"], refusal["used"], refusal["limit"]
    return codes == {200: LIMIT, 429: AT_ONCE - LIMIT} and told == ("limit_reached", LIMIT, LIMIT)


def main() -> int:
    with scratch_namespace() as prefix, tempfile.TemporaryDirectory() as folder:
        dsn = SqliteScratch(Path(folder)).fresh()
        held = [
            asyncio.run(in_one_process("(a) in memory", MemoryQuotas)),
            asyncio.run(in_one_process("(b) on Redis", lambda: RedisQuotas(REDIS, namespace=prefix))),
            across_processes(prefix),
            asyncio.run(through_the_api(dsn, Path(folder))),
        ]
    print(f"{sum(held)} of {len(held)} parts held")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
