"""Of 100 at once against a limit of 50 exactly 50 are admitted, wherever they ask; and gates of agents hold.

(a) in one process, in memory; (b) in one process, on Redis; (c) in two processes that start together, on Redis;
(d) through the API of a running house, whose refusals say used, limit and when there is more; (e) through the
gateway, whose refusals say so too, until the next day begins; (f) tokens of one request; (g) tenants that are
blocked or not allowed; (h) a budget of the agent, with what is spent and held; (i) a policy in shadow; (j) the
worked examples of policies, which are tests.
"""

# needs: redis

import asyncio
import collections
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from support.agents import open_agent_runtime
from support.at_once import together
from support.engines import REDIS, SqliteScratch
from support.gateway import Bench, Reply, change, channel, open_bench, provider
from support.governed import OWNER, governed, limited
from support.redis_server import scratch_namespace
from support.worked_examples import show

from monoize.base.clock import DAY_MS
from monoize.base.quotas import Quota
from monoize.contract.gates.decision import read
from monoize.contract.governed import Governed
from monoize.contract.limits import PRESETS, Act, judge
from monoize.contract.policies.scope import TenantScope
from monoize.gateway.facts import read_facts
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


PATH = "/v1/chat/completions"
NOON_MS = 20_000 * DAY_MS + DAY_MS // 2
DOLLAR = 10**9


class Gateway:
    """A gateway of which only what lies above the wall is made up."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def governs(self, found: Governed) -> None:
        self.bench.offer(provider(channel("", "echo", "m")))
        change(self.bench, governed=found)

    def body(self, output: int) -> dict[str, Any]:
        return {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": output}

    async def answer(self, output: int = 1) -> Reply:
        return await self.bench.ask(PATH, self.body(output))

    async def said(self, output: int = 1) -> str:
        reply = await self.answer(output)
        return "ok" if reply.status == 200 else str(reply.json["error"]["code"])


async def through_the_gateway(folder: Path) -> list[bool]:
    """(e) to (i)"""
    moment = [NOON_MS]
    async with open_bench(folder, quotas=MemoryQuotas(clock_ms=lambda: moment[0])) as bench:
        gateway = Gateway(bench)
        return [
            await _calls_of_a_day(gateway, moment),
            await _tokens_of_one_request(gateway),
            await _tenants(gateway),
            await _budget(gateway),
            await _shadow(gateway),
        ]


async def _calls_of_a_day(gateway: Gateway, moment: list[int]) -> bool:
    gateway.governs(governed(limits=limited(max_ai_calls_per_day=LIMIT)))
    statuses = collections.Counter([reply.status for reply in await asyncio.gather(*_many(gateway))])
    refused = await gateway.answer()
    wait_s = int(refused.headers["retry-after"])
    moment[0] += wait_s * 1_000 - 1
    before = await gateway.said()
    moment[0] += 1
    after = await gateway.said()
    print(
        f"(e) through the gateway: {dict(sorted(statuses.items()))}; retry-after {wait_s} s at noon; a millisecond"
    )
    print(f"    before that {before}, then {after}")
    held = statuses == {200: LIMIT, 429: AT_ONCE - LIMIT} and wait_s == DAY_MS // 2_000
    return held and (before, after) == ("limit_reached", "ok")


def _many(gateway: Gateway) -> Iterable[Awaitable[Reply]]:
    return (gateway.answer() for _ in range(AT_ONCE))


async def _tokens_of_one_request(gateway: Gateway) -> bool:
    gateway.governs(governed(limits=limited(max_tokens_per_request=1_000)))
    room = 1_000 - read_facts("chat", gateway.body(1)).input_tokens
    said, refused = await gateway.said(room), await gateway.answer(room + 1)
    print(f"(f) of 1,000 tokens in one request {room} may be answered: {said}; of one more: {refused.status}")
    return (said, refused.status) == ("ok", 413) and b"1001 were asked" in refused.body


async def _tenants(gateway: Gateway) -> bool:
    everybody = TenantScope(owner=OWNER, is_global=True, reach="multi_tenant")
    said = []
    for tenant, changes in (
        (OWNER, {"allowed": (OWNER,), "blocked": (OWNER,)}),
        ("t2", {"is_global": False, "reach": "single_tenant"}),
        ("t2", {}),
        ("t3", {"allowed": ("t2",)}),
    ):
        scope = msgspec.structs.replace(everybody, **changes)
        gateway.governs(governed(tenant_id=tenant, scope=scope))
        said.append(await gateway.said())
    print(f"(g) blocked, of another tenant, of nobody in particular, allowed to others: {', '.join(said)}")
    return said == ["tenant_blocked", "agent_record_not_found", "ok", "tenant_not_allowed"]


async def _budget(gateway: Gateway) -> bool:
    windows = {"windows": [{"id": "day", "period": "day", "limit_usd": "1.00", "soft_pct": []}]}
    gateway.governs(governed(policies={"budgets_json": windows}))
    gateway.bench.agents_spent = DOLLAR * 95 // 100
    # A token of the answer is held at two thousand nano-USD: 0.05 and 0.06 USD, less what the prompt may cost.
    said = [await gateway.said(30_000), await gateway.said(24_000)]
    slow = {"model": "m", "messages": [{"role": "user", "content": "/slow 50\nhi"}], "max_tokens": 20_000}
    both = await asyncio.gather(*(gateway.bench.ask(PATH, slow) for _ in range(2)))
    statuses = sorted(reply.status for reply in both)
    print(f"(h) of a dollar 0.95 are spent: 0.06 {said[0]}, 0.05 {said[1]}; 0.04 twice at once: {statuses}")
    return said == ["budget_exceeded", "ok"] and statuses == [200, 402]


async def _shadow(gateway: Gateway) -> bool:
    found = governed(policies={"model_policy_json": {"blocked_models": ["*"]}}, shadow=("model_policy_json",))
    gateway.governs(found)
    said = await gateway.said()
    log = (await gateway.bench.charged())[-1].log
    rules = [each.rule_id for each in read(log.decisions_json if log else None) if each.verdict == "would_deny"]
    print(f"(i) in shadow: {said}, and written down is that {', '.join(rules)} would have denied it")
    return (said, rules) == ("ok", ["model_policy_json/blocked_models"])


def main() -> int:
    with scratch_namespace() as prefix, tempfile.TemporaryDirectory() as folder:
        dsn = SqliteScratch(Path(folder)).fresh()
        held = [
            asyncio.run(in_one_process("(a) in memory", MemoryQuotas)),
            asyncio.run(in_one_process("(b) on Redis", lambda: RedisQuotas(REDIS, namespace=prefix))),
            across_processes(prefix),
            asyncio.run(through_the_api(dsn, Path(folder))),
            *asyncio.run(through_the_gateway(Path(folder) / "spool")),
        ]
    print("(j) the worked examples of policies, in docs/worked-examples.md:")
    held.append(show(41, 60))
    print(f"{sum(held)} of {len(held)} parts held")
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
