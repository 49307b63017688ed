"""What the gates cost a request, let through or denied, and a whole governed request beside one nobody governs."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop
from support.gateway import Bench, channel, open_bench, provider
from support.governed import governed, limited
from support.processes import environment

from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.contract.governed import Governed
from monoize.contract.policies.catalogue import PolicyName
from monoize.contract.stops import Stops
from monoize.gateway.dialects import CHAT
from monoize.gateway.exchange import Exchange
from monoize.gateway.facts import read_facts
from monoize.gateway.govern.denials import Denials
from monoize.gateway.govern.stage import Stage
from monoize.gateway.job import Job
from monoize.gateway.selection import Attempt, offers_of
from monoize.infra.paces import MemoryPaces
from monoize.infra.quotas import MemoryQuotas

RUNS, TIMES = 150, 100
ROUNDS: Final = 100
DENIAL_MOST_US: Final = 50.0
UNGOVERNED_MOST_US: Final = 1.0
BODY: Final = {"model": "m", "messages": [{"role": "user", "content": "hello " * 100}], "max_tokens": 100}
PATH: Final = "/v1/chat/completions"
POLICIES: Final[dict[PolicyName, Any]] = {
    "model_policy_json": {
        "allowed_models": ["gpt-*", "claude-*", "m"],
        "blocked_models": ["*-preview", "o1-*"],
        "max_output_tokens": 4_096,
    },
    "cost_policy_json": {"max_cost_per_call_usd": "1", "max_cost_per_session_usd": "10"},
    "rate_limits_json": {"requests_per_minute": 10**6, "tokens_per_day": 10**12, "concurrent_runs": 50},
    "budgets_json": {"windows": [{"id": "day", "period": "day", "limit_usd": "100", "soft_pct": []}]},
}


class Gates:
    """The stage as the relay asks it, with everything around it left out."""

    def __init__(self, bench: Bench, found: Governed | None) -> None:
        self._bench = bench
        self._stage = Stage(MemoryQuotas(), MemoryPaces(), bench, Denials(bench.meter))
        (grant,) = bench.grants.values()
        self._grant = msgspec.structs.replace(grant, governed=found)
        self._body = json.dumps(BODY).encode()
        self._facts = read_facts("chat", BODY)
        self._attempts: Sequence[Attempt] = offers_of(bench.snapshot, grant, "m").attempts

    async def pass_by(self) -> None:
        assert not self._stage.concerns(self._grant, self._bench.snapshot)

    async def pass_through(self) -> None:
        job = self._job()
        assert self._stage.concerns(job.grant, self._bench.snapshot)
        async with self._stage.over(job, self._bench.snapshot) as governing:
            assert governing is not None
            attempts = governing.permitted(self._attempts, lambda _: ())
            governing.priced(attempts, 500_000, 500_000)
            await governing.counted()
            await governing.screened()
            await governing.notices(500_000)
            governing.held()
            await governing.calls()

    async def are_denied(self) -> None:
        try:
            await self.pass_through()
        except Refusal:
            return
        raise AssertionError("it was let through")

    async def make_job(self) -> None:
        self._job()

    def _job(self) -> Job:
        scope = {"method": "POST", "path": PATH, "query_string": b"", "headers": []}
        exchange = Exchange(scope, _nothing, _nothing, request_id=new_id(), ip=None)
        at_ms = time.time_ns() // 1_000_000
        return Job(
            exchange,
            CHAT,
            body=self._body,
            parsed=BODY,
            facts=self._facts,
            grant=self._grant,
            model="m",
            at_ms=at_ms,
        )


async def _nothing(*_: Any) -> Any:
    """Nobody is asked, and nobody is told."""


async def us_each(work: Callable[[], Awaitable[None]], times: int = TIMES) -> float:
    """Of this process' own CPU, in the run that others have disturbed least."""

    async def once() -> float:
        started = time.process_time()
        for _ in range(times):
            await work()
        return (time.process_time() - started) / times * 1e6

    await once()
    return min([await once() for _ in range(RUNS)])


SPREAD_MOST: Final = {"by default": 1.5, "by all policies": 2.5}
"""How many times the CPU of a request that nobody governs one may take that is governed like this."""
EVERYTHING: Final[dict[PolicyName, Any]] = {
    **POLICIES,
    "pii_policy_json": {"scan": ["input", "tool_args", "tool_result", "output"]},
    "tool_permissions_json": {"rules": [{"tool": "*", "effect": "allow"}, {"tool": "drop_*", "effect": "deny"}]},
    "security_policy_json": {"hosts_allow": ["*.example.com"], "injection": "block"},
}
EVERYTHING["model_policy_json"] = {**POLICIES["model_policy_json"], "max_tool_loop": 20}
EVERYTHING["cost_policy_json"] = {**POLICIES["cost_policy_json"], "markup_bp": 500}


async def ratios(folder: Path) -> dict[str, float]:
    """Of whole requests to a provider over HTTP, each kind in its turn, so that what disturbs them disturbs all."""
    upstream = subprocess.Popen(
        (sys.executable, "-m", "support.fast_upstream"),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH="tests"),
    )
    try:
        assert upstream.stdout
        address = f"http://127.0.0.1:{upstream.stdout.readline().strip()}"
        async with open_bench(folder) as bench:
            bench.offer(provider(channel(address, "chat_completion", "m")))
            (key, grant), *_ = bench.grants.items()
            kinds = {
                "by nobody": None,
                "by default": governed(),
                "by all policies": governed(policies=EVERYTHING, limits=limited(max_ai_calls_per_day=10**9)),
            }
            took: dict[str, list[float]] = {name: [] for name in kinds}
            for _ in range(ROUNDS):
                for name, found in kinds.items():
                    bench.grants[key] = msgspec.structs.replace(grant, governed=found)
                    bench.keys.forget()
                    started = time.process_time()
                    for _ in range(TIMES // 5):
                        assert (await bench.ask(PATH, BODY)).status == 200
                    took[name].append((time.process_time() - started) / (TIMES // 5) * 1e6)
    finally:
        upstream.terminate()
        upstream.wait(10)
    return {name: min(each) for name, each in took.items()}


async def measured(folder: Path) -> dict[str, float]:
    async with open_bench(folder) as bench:
        bench.offer(provider(channel("", "echo", "m")))

        async def whole() -> None:
            assert (await bench.ask(PATH, BODY)).status == 200

        figures = {"a whole request, not governed": await us_each(whole, TIMES // 5)}
        figures["passing by: not governed"] = await us_each(Gates(bench, None).pass_by)
        open_to = Gates(bench, governed(policies=POLICIES, limits=limited(max_ai_calls_per_day=10**9)))
        job_us = await us_each(open_to.make_job)
        figures["passing all gates"] = await us_each(open_to.pass_through) - job_us
        for name, found in (
            ("denied at the entrance", governed(policies=POLICIES, status="paused")),
            ("denied by its rate", governed(policies={**POLICIES, "rate_limits_json": {"requests_per_day": 0}})),
            ("denied its model", governed(policies={**POLICIES, "model_policy_json": {"allowed_models": ["x"]}})),
            ("denied by its limits", governed(policies=POLICIES, limits=limited(max_tokens_per_request=1))),
        ):
            figures[name] = await us_each(Gates(bench, found).are_denied) - job_us
        bench.snapshot = msgspec.structs.replace(bench.snapshot, stopped=Stops(globally="incident"))
        figures["denied by a stop"] = await us_each(Gates(bench, governed(policies=POLICIES)).are_denied) - job_us
    return figures


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(measured(Path(folder) / "spool"))
        whole = uvloop.run(ratios(Path(folder) / "spool of ratios"))
    for name, us in figures.items():
        print(f"{name:<32} {us:8.2f} µs")
    for name, us in whole.items():
        print(f"a request governed {name:<13} {us:8.2f} µs = {us / whole['by nobody']:.2f} × one by nobody")
    denied = max(us for name, us in figures.items() if name.startswith("denied"))
    beside = figures["passing by: not governed"]
    spread = {name: whole[name] / whole["by nobody"] for name in SPREAD_MOST}
    held = (
        denied < DENIAL_MOST_US
        and beside < UNGOVERNED_MOST_US
        and all(spread[name] < most for name, most in SPREAD_MOST.items())
    )
    print(
        f"govern: {'holds' if held else 'DOES NOT HOLD'}: a denial {denied:.1f} µs (of {DENIAL_MOST_US:.0f}), "
        f"{beside:.2f} µs where nobody governs (of {UNGOVERNED_MOST_US:.0f}), "
        + ", ".join(f"{spread[name]:.2f} × the CPU {name} (of {most})" for name, most in SPREAD_MOST.items())
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
