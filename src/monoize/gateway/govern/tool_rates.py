"""How often tools may be called within a minute, by `per_tool` of `rate_limits_json`.

Each call that a model has made is counted before it is told, by itself and wherever others count: of any number at
once exactly as many are told as there may be. One that is not told for another reason is given back.
"""

from collections import defaultdict, deque
from collections.abc import Sequence

import msgspec

from monoize.base.quotas import Quota
from monoize.contract.gates.decision import Decision
from monoize.contract.policies import globs
from monoize.contract.policies.rate_limits import RateLimits
from monoize.gateway.govern.rates import POLICY, Kind
from monoize.infra.quotas import Admitted, Quotas, Reached


class ToolRates:
    """Of one request. `kind` says whether these bind, `key` where they are counted."""

    def __init__(self, document: RateLimits, kind: Kind, key: str) -> None:
        self._kind = kind
        self._key = key
        self._quotas = [
            (glob, Quota(f"per_tool/{glob}/per_minute", "minute", rate.per_minute))
            for glob, rate in document.per_tool.items()
            if rate.per_minute is not None
        ]
        # Of each tool, what was said of its calls that were not told yet.
        self._said: defaultdict[str, deque[Admitted | Reached]] = defaultdict(deque)

    async def counts(self, quotas: Quotas, calls: Sequence[str]) -> None:
        """Of calls that are about to be told, by the names of their tools."""
        for tool in calls:
            if concerned := self._of(tool):
                self._said[tool].append(await quotas.take(self._key, concerned))

    def takes(self, tool: str) -> Decision | None:
        """One call of it, or why there is none left."""
        if not (concerned := self._of(tool)):
            return None
        said = self._said[tool].popleft() if self._said[tool] else None
        if isinstance(said, Admitted):
            return None
        quota, used = (said.quota, said.used) if said else (concerned[0], concerned[0].most)
        return _denied(quota, used, binds=self._kind == "rates")

    async def gives_back(self, quotas: Quotas) -> None:
        for tool, said in self._said.items():
            for each in said:
                if isinstance(each, Admitted):
                    await quotas.give_back(self._key, self._of(tool), each.at_ms)
        self._said.clear()

    def _of(self, tool: str) -> Sequence[Quota]:
        return [quota for glob, quota in self._quotas if globs.matches((glob,), tool)]


def _denied(quota: Quota, used: int, *, binds: bool) -> Decision:
    decision = Decision(
        gate="tools",
        rule_id=f"{POLICY}/{quota.counter}",
        verdict="deny",
        code="rate_limited",
        numbers={"limit": quota.most, "used": used},
    )
    return decision if binds else msgspec.structs.replace(decision, verdict="would_deny")
