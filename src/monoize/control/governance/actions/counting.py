"""Requests once more before the gates that count and those that read, in the order in which they were made.

Nothing is taken from anybody: rates and budgets are counted anew from what was recorded, for each version of a
record. What cannot be asked again is said, gate by gate.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from monoize.base.quotas import Quota
from monoize.contract.gates.asked import Asked, Price
from monoize.contract.gates.decision import Decision, Gate, denial
from monoize.contract.gates.order import decide
from monoize.contract.governed import Governed
from monoize.contract.limits import AI_CALL, REQUEST, Act, Denied, judge
from monoize.control.governance.model.replay import Judgement, NotReplayed
from monoize.control.ledger.model.requests import RecordedRequest
from monoize.infra.quotas import MemoryQuotas, Reached

_ENTRANCE: Final[frozenset[Gate]] = frozenset(("kill_switch", "status", "tenant", "auth", "roles"))
_RATES: Final = "rate_limits_json"


class Account(Protocol):
    """What is spent of one budget in one of its windows is added up under `name`."""

    @property
    def rule_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def limit_nano(self) -> int: ...
    @property
    def binds(self) -> bool: ...
    @property
    def provider(self) -> str | None: ...


class Gates(Protocol):
    """What the data plane asks of a request, without its counters: `main/governance` brings it."""

    def quotas(self, governed: Governed, user_id: str, model: str, tokens: int) -> tuple[str, Sequence[Quota]]: ...

    def accounts(self, governed: Governed, user_id: str, model: str, at_s: int) -> Sequence[Account]: ...

    def reads_content(self, governed: Governed) -> bool: ...

    def of_content(self, captured: bytes, governed: Governed) -> Sequence[Decision]:
        """ValueError with what is missing where this cannot be said."""
        ...


class Counting:
    """One version, on its way through the requests. `began_s`: what was spent before is not known."""

    def __init__(self, gates: Gates, captured: Callable[[str], bytes | None], *, began_s: int) -> None:
        self._gates = gates
        self._captured = captured
        self._began_s = began_s
        self._at_ms = 0
        self._quotas = MemoryQuotas(clock_ms=lambda: self._at_ms)
        self._spent: dict[str, int] = {}

    def judged(self, request: RecordedRequest, governed: Governed) -> Judgement:
        self._at_ms = int(request.at.timestamp() * 1000)
        missing: dict[Gate, NotReplayed] = {}
        decisions = [*self._until_content(request, governed, missing)]
        if denial(decisions) is None:
            decisions += self._of_content(request, governed, missing)
        if denial(decisions) is None:
            decisions += self._of_budgets(request, governed, missing)
        return Judgement(decisions, missing)

    def _until_content(
        self, request: RecordedRequest, governed: Governed, missing: dict[Gate, NotReplayed]
    ) -> Sequence[Decision]:
        asked = Asked(model=request.model, input_tokens=request.input_tokens, output_tokens=request.output_tokens)
        charge = request.charge_nano_usd
        found = decide(governed, asked, None if charge is None else Price(charge, charge))
        entrance = [each for each in found if each.gate in _ENTRANCE]
        if charge is None:
            missing["cost"] = "no_cost"
        if denial(entrance) is not None:
            return entrance
        if _counts(governed):
            # All agents of its role count together, also those of other records.
            missing["limits"] = "shared"
        rates = governed.policy.in_force(_RATES)
        if rates is not None and rates.concurrent_runs is not None:
            missing["rate"] = "concurrency"
        rated = self._of_rates(request, governed)
        return [*entrance, *rated] if denial(rated) else [*entrance, *rated, *found[len(entrance) :]]

    def _of_rates(self, request: RecordedRequest, governed: Governed) -> Sequence[Decision]:
        tokens = request.input_tokens + (request.output_tokens or 0)
        key, wanted = self._gates.quotas(governed, request.user_id, request.model, tokens)
        answer = self._quotas.take_at_once(key, wanted) if wanted else None
        if not isinstance(answer, Reached):
            return ()
        quota = answer.quota
        numbers = {"limit": quota.most, "used": answer.used, "asked": quota.wanted}
        rule_id = f"{_RATES}/{quota.counter}"
        return [Decision(gate="rate", rule_id=rule_id, verdict="deny", code="rate_limited", numbers=numbers)]

    def _of_content(
        self, request: RecordedRequest, governed: Governed, missing: dict[Gate, NotReplayed]
    ) -> Sequence[Decision]:
        if not self._gates.reads_content(governed):
            return ()
        captured = self._captured(request.request_id)
        reason: str | None = None
        try:
            if captured is not None:
                if governed.policy.policies.pii_policy_json.scan:
                    # What captures keep of governed requests is without it.
                    missing["content"] = "personal_data"
                return self._gates.of_content(captured, governed)
        except ValueError as problem:
            reason = str(problem)
        missing["tools"] = missing["content"] = _REASONS.get(reason or "", "no_capture")
        return ()

    def _of_budgets(
        self, request: RecordedRequest, governed: Governed, missing: dict[Gate, NotReplayed]
    ) -> Sequence[Decision]:
        at_s = self._at_ms // 1000
        accounts = self._gates.accounts(governed, request.user_id, request.model, at_s)
        charge = request.charge_nano_usd
        cost = governed.policy.in_force("cost_policy_json")
        if cost is not None and (cost.max_cost_per_run_usd or cost.max_cost_per_session_usd):
            missing["budget"] = "runs"
        if charge is None:
            if accounts:
                missing["budget"] = "no_cost"
            return ()
        if any(each.provider is not None for each in accounts):
            missing["budget"] = "provider"
        counted = [each for each in accounts if each.provider is None]
        # The same window as when the recording begins: nobody knows how much was spent of it by then.
        first = {
            each.name for each in self._gates.accounts(governed, request.user_id, request.model, self._began_s)
        }
        if any(each.name in first for each in counted):
            missing["budget"] = "began_before"
        for account in counted:
            spent = self._spent.get(account.name, 0)
            if account.binds and spent + charge > account.limit_nano:
                numbers = {"limit_nano_usd": account.limit_nano, "used_nano_usd": spent, "asked_nano_usd": charge}
                code = "budget_exceeded"
                return [
                    Decision(gate="budget", rule_id=account.rule_id, verdict="deny", code=code, numbers=numbers)
                ]
        for name in {account.name for account in counted}:
            self._spent[name] = self._spent.get(name, 0) + charge
        return ()


_REASONS: Final[Mapping[str, NotReplayed]] = {
    "capture_unreadable": "capture_unreadable",
    "capture_incomplete": "capture_incomplete",
    "not_a_conversation": "not_a_conversation",
}


def _counts(governed: Governed) -> bool:
    wanted = [judge(governed.limits, Act(operation=operation)) for operation in (REQUEST, AI_CALL)]
    return any(found and not isinstance(found, Denied) for found in wanted)
