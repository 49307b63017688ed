"""The stage at which requests of governed agents pass their gates: kill switch, status, tenant, how callers showed
who they are, roles, rates, model, cost, limits, content, and the budgets with the money that is held.

The first gate that denies answers. The hold comes last, since it is all that writes to a disk. Counting fails open
to each process by itself, as `infra/quotas` does; everything else fails closed.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from monoize.base.errors import Refusal
from monoize.base.quotas import Quota
from monoize.contract import limits
from monoize.contract.gates import bounds, costs, models
from monoize.contract.gates.asked import Asked, Price
from monoize.contract.gates.decision import Decision, Gate, denial
from monoize.contract.gates.entrance import at_the_entrance, barred, stop_of, stopped_by
from monoize.contract.gates.trials import shadowed
from monoize.contract.gates.windows import Account, Spender, accounts_of
from monoize.contract.governed import Governed
from monoize.contract.grant import Grant
from monoize.contract.limits import AI_CALL, REQUEST, Act, Denied
from monoize.contract.policies.budgets import Budgets as BudgetsPolicy
from monoize.contract.policies.catalogue import PolicyName
from monoize.contract.policies.cost import CostPolicy
from monoize.contract.policies.rate_limits import RateLimits
from monoize.contract.snapshot import Snapshot
from monoize.gateway.govern import rates
from monoize.gateway.govern.asking import asked_of, with_channels
from monoize.gateway.govern.denials import Denials
from monoize.gateway.govern.plain import is_plain
from monoize.gateway.govern.prices import at_prices
from monoize.gateway.govern.refusals import refusal_of
from monoize.gateway.govern.spent import Spent
from monoize.gateway.govern.tool_rates import ToolRates
from monoize.gateway.job import Job, Outcome, Spend
from monoize.gateway.meter import BudgetExceeded, Budgets
from monoize.gateway.protocol.urp import is_conversation
from monoize.gateway.selection import Attempt
from monoize.gateway.slices import AT_ONCE_MOST, Slices
from monoize.infra.paces import Paces, TooMany
from monoize.infra.quotas import Quotas, Reached

if TYPE_CHECKING:
    from monoize.gateway.govern.told import Told

RUN: Final = b"x-monoize-run"
SESSION: Final = b"x-monoize-session"
NAME_CHARS_MOST: Final = 128
_BUDGETS: Final[PolicyName] = "budgets_json"
_COST: Final[PolicyName] = "cost_policy_json"
_RATES_PASSED: Final = Decision(gate="rate", rule_id=rates.POLICY)
_BUDGETS_PASSED: Final = Decision(gate="budget", rule_id=_BUDGETS)


class Stage:
    def __init__(self, quotas: Quotas, paces: Paces, budgets: Budgets, denials: Denials) -> None:
        self.quotas = quotas
        self.paces = paces
        self.spent = Spent(budgets)
        self.denials = denials
        self.slices = Slices()

    def concerns(self, grant: Grant, snapshot: Snapshot) -> bool:
        return grant.governed is not None or grant.is_barred or not snapshot.stopped.is_empty

    def over(self, job: Job, snapshot: Snapshot) -> "Over":
        return Over(self, job, snapshot)


class Over:
    """As long as the request lasts; None where nothing more is to be asked of it. Denials are noted at the end."""

    def __init__(self, stage: Stage, job: Job, snapshot: Snapshot) -> None:
        self._stage = stage
        self._job = job
        self._snapshot = snapshot
        self._governing: Governing | None = None

    async def __aenter__(self) -> "Governing | None":
        job, governed = self._job, self._job.grant.governed
        try:
            if governed is None:
                _ungoverned(job, self._snapshot)
                return None
            self._governing = job.overseer = Governing(self._stage, job, governed)
            await self._governing.enters(self._snapshot)
        except BaseException as problem:
            await self.__aexit__(type(problem), problem, None)
            raise
        return self._governing

    async def __aexit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        if self._governing is not None:
            await self._governing.leaves(is_refused=isinstance(problem, Refusal))
        # A request that has come as far as to be tried has a row of its own.
        if isinstance(problem, Refusal) and self._job.charged is None and (denied := denial(self._job.decisions)):
            self._stage.denials.note(self._job, denied, problem.status)


class Downgraded(Exception):
    """A budget has no room for this model, and lets cheaper ones pass. Where there is none, the refusal holds."""

    def __init__(self, refusal: Refusal, denied: Decision, models: Sequence[str]) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.denied = denied
        self.models = models


class _Count(NamedTuple):
    """What was counted, and when."""

    quotas: Sequence[Quota]
    at_ms: int


class Governing:
    """One request before its gates. Every verb writes down what they say, and raises what they refuse."""

    def __init__(self, stage: Stage, job: Job, governed: Governed) -> None:
        self._stage = stage
        self._job = job
        self._governed = governed
        # Where it is counted among those that are under way, and as what.
        self._under_way: list[tuple[str, str]] = []
        # What the limits of its role have counted of it, as long as that may be given back.
        self._request: _Count | None = None
        self._call: _Count | None = None
        self._retellings: Sequence[Told] = ()
        self._tool_rates: list[ToolRates] = []
        self._is_downgraded = False
        self._asked = asked_of(job, job.model)
        self._accounts: Sequence[Account] = ()

    async def enters(self, snapshot: Snapshot) -> None:
        """All that can be asked before it is known which channels there are."""
        stops, governed = snapshot.stopped, self._governed
        stop = None if stops.is_empty else stop_of(governed, stops)
        self._says(at_the_entrance(governed, stops, self._asked.auth), reason=stop.reason if stop else None)
        await self._rated()
        self._says(models.of_models(self._governed.policy, self._asked))
        if self._asked.output_tokens is None and self._job.dialect.is_conversation:
            self._cut()

    def permitted(
        self, attempts: Sequence[Attempt], others: Callable[[str], Sequence[Attempt]]
    ) -> Sequence[Attempt]:
        """Without those that know the model by a blocked name; `others` finds those of another model."""
        policy, found, asked = self._governed.policy, list(attempts), self._job.model
        if not self._is_downgraded:
            for model in self._fallbacks():
                found += others(model)
        kept = [
            each
            for each in found
            if each.upstream_model == asked or not models.is_blocked(policy, each.upstream_model)
        ]
        if found and not kept:
            self._says([_blocked_upstream()])
        if kept:
            self._says(models.of_capabilities(policy, [each.capabilities for each in kept]))
        return at_prices(policy, [each for each in kept if models.is_capable(policy, each.capabilities)])

    def priced(self, attempts: Sequence[Attempt], most: int, least: int) -> int | None:
        """What it may cost at most by itself; None: as much as it likes."""
        policy = self._governed.policy
        asked = self._asked = with_channels(msgspec.structs.replace(self._asked, model=self._job.model), attempts)
        self._says(costs.of_costs(policy, asked, Price(most, least)))
        self._says(bounds.of_limits(self._governed, asked))
        self._accounts = self._budgeted(asked)
        shadow = [each._replace(binds=False) for each in self._in_shadow()]
        self._job.spends = [Spend(each.budget, each.provider, each.binds) for each in (*self._accounts, *shadow)]
        return costs.call_most(policy, asked.model)

    async def counted(self) -> None:
        """By the limits of its role. What is under way is given back at the end, a request if it is refused."""
        most = self._governed.limits.max_concurrent
        if most is not None:
            await self._at_once(f"limits:{self._governed.limits_key}", most, "limits", "max_concurrent")
        self._request = await self._counts(REQUEST)

    async def screened(self) -> None:
        """What it says, before its money is held: nobody pays for what may not go out."""
        # Dozens of patterns, for which no start has to wait.
        from monoize.gateway.govern import content

        job, governed = self._job, self._governed
        if not content.needs_content(governed.policy):
            return
        protocol = job.dialect.name
        if not is_conversation(protocol):
            told = await self.unhurried(len(job.body), lambda: content.reworded(job.parsed, governed))
            job.decisions += told.decisions
            if told.refusal is not None:
                raise told.refusal
            job.reworded(told.body)
            if content.reads_answers(governed.policy, protocol):
                job.reread = self._reread
            return
        if not content.needs_words(governed.policy) and is_plain(protocol, job.parsed):
            return
        found = await self.unhurried(len(job.body), lambda: content.screened(job.request, governed))
        job.decisions += found.decisions
        if found.refusal is not None:
            raise found.refusal
        job.replaced(found.request)
        if content.looks_at_answers(governed.policy):
            job.retold = self._retold

    async def notices(self, most: int) -> None:
        """How far budgets are used, where somebody wants to know, and what those in shadow would refuse."""
        if self._is_downgraded:
            return
        for account in self._accounts:
            if account.soft_pct or not account.binds:
                spent = await self._stage.spent.of(account)
                self._job.decisions += _noticed(account, spent, most) if spent is not None else ()
        for account in self._in_shadow():
            spent = await self._stage.spent.of(account)
            if spent is not None and spent + most > account.limit_nano:
                self._job.decisions.append(shadowed(_over(account, spent, most)))

    def held(self) -> None:
        if self._accounts:
            self._job.decisions.append(_BUDGETS_PASSED)

    def refused(self, refusal: BudgetExceeded) -> Refusal | Downgraded:
        """Of a budget of the agent: which rule it is, and from when on there is room."""
        account = next((each for each in self._accounts if each.budget == refusal.details["budget"]), None)
        if account is None:
            return refusal
        left, asked = (int(refusal.details[name]) for name in ("available_nano_usd", "asked_nano_usd"))
        denied = _over(account, account.limit_nano - left, asked)
        if account.downgrades and (cheaper := self._fallbacks()):
            return Downgraded(refusal_of(denied), denied, cheaper)
        self._job.decisions.append(denied)
        return refusal_of(denied)

    def downgrades(self, model: str) -> None:
        """It goes on with this one if that is cheaper: budgets that say so do not refuse it."""
        self._is_downgraded = True
        self._job.model = model

    def downgraded(self, to: Downgraded) -> None:
        decision = msgspec.structs.replace(
            to.denied, verdict="allow", code="budget_downgraded", allowed=(self._job.model,)
        )
        self._job.decisions.append(decision)

    def _fallbacks(self) -> Sequence[str]:
        policy, asked = self._governed.policy, self._job.model
        named = policy.policies.model_policy_json.fallbacks
        return [model for model in named if model != asked and models.may_ask_for(policy, model)]

    async def leaves(self, *, is_refused: bool) -> None:
        """What is refused, and a call that has not left, do not count."""
        while self._under_way:
            await self._stage.paces.give_back(*self._under_way.pop())
        for each in self._tool_rates:
            await each.gives_back(self._stage.quotas)
        for count in (self._call, self._request if is_refused else None):
            if count is not None:
                await self._stage.quotas.give_back(self._governed.limits_key, count.quotas, count.at_ms)

    async def calls(self) -> None:
        """A channel is about to be asked: each attempt counts. One that has not left counts for the next."""
        self._call = self._call or await self._counts(AI_CALL)

    async def expects(self, calls: Sequence[str]) -> None:
        for each in self._tool_rates:
            await each.counts(self._stage.quotas, calls)

    async def unhurried(self, size: int, work: Callable[[], Outcome]) -> Outcome:
        return work() if size <= AT_ONCE_MOST else await self._stage.slices.run(work)

    def sent(self) -> None:
        self._call = self._request = None

    def concludes(self) -> None:
        for each in self._retellings:
            each.writes_down()

    def _retold(self) -> Sequence["Told"]:
        """For one answer; of an earlier one, which nobody was told, it stays written down what was found."""
        from monoize.gateway.govern import content

        self.concludes()
        self._retellings = content.retellings(self._governed, self._job.decisions.append, self._tool_rates)
        return self._retellings

    def _reread(self, body: bytes) -> bytes:
        from monoize.gateway.govern import content

        told = content.reread(body, self._job.dialect.name, self._governed)
        self._job.decisions += told.decisions
        if told.refusal is not None:
            raise told.refusal
        return told.body

    def _says(self, decisions: Iterable[Decision], *, reason: str | None = None) -> None:
        said = list(decisions)
        self._job.decisions += said
        denied = denial(said)
        if denied is not None:
            raise refusal_of(denied, reason=reason)

    def _cut(self) -> None:
        """An answer of which nobody said how long it may be is as long as policies and limits allow."""
        caps = [
            most
            for most in (
                models.output_most(self._governed.policy),
                bounds.room_for_output(self._governed, self._asked.input_tokens),
            )
            if most is not None
        ]
        if caps and (most := min(caps)) > 0:
            self._job.cut(max(1, most // self._job.facts.choices))

    async def _rated(self) -> None:
        policy = self._governed.policy
        in_force, in_shadow = policy.in_force(rates.POLICY), policy.in_shadow(rates.POLICY)
        if in_force is not None:
            if in_force.concurrent_runs is not None:
                key = rates.counted_at(in_force, self._governed, self._job.grant.user_id, "rates")
                await self._at_once(key, in_force.concurrent_runs, "rate", "concurrent_runs")
            self._says([await self._rate(in_force, "rates") or _RATES_PASSED])
        if in_shadow is not None and (denied := await self._rate(in_shadow, "shadow")):
            self._job.decisions.append(shadowed(denied))
        self._paces_tools(in_force, "rates")
        self._paces_tools(in_shadow, "shadow")

    def _paces_tools(self, document: RateLimits | None, kind: rates.Kind) -> None:
        if document is not None and document.per_tool:
            key = rates.counted_at(document, self._governed, self._job.grant.user_id, kind)
            self._tool_rates.append(ToolRates(document, kind, key))

    async def _rate(self, document: RateLimits, kind: rates.Kind) -> Decision | None:
        asked = self._asked
        wanted = rates.quotas_of(document, asked.model, asked.input_tokens + (asked.output_tokens or 0))
        if not wanted:
            return None
        key = rates.counted_at(document, self._governed, self._job.grant.user_id, kind)
        answer = await self._stage.quotas.take(key, wanted)
        return _reached(answer, "rate", rates.POLICY, "rate_limited") if isinstance(answer, Reached) else None

    async def _counts(self, operation: str) -> "_Count | None":
        wanted = limits.judge(self._governed.limits, Act(operation=operation))
        if isinstance(wanted, Denied) or not wanted:
            return None
        answer = await self._stage.quotas.take(self._governed.limits_key, wanted)
        if isinstance(answer, Reached):
            self._says([_reached(answer, "limits", bounds.LIMITS, "limit_reached")])
        return _Count(wanted, answer.at_ms)

    async def _at_once(self, key: str, most: int, gate: Gate, name: str) -> None:
        id = self._job.exchange.request_id
        if isinstance(await self._stage.paces.take(key, id, {}, at_once=most), TooMany):
            rule_id = f"{rates.POLICY if gate == 'rate' else bounds.LIMITS}/{name}"
            code = "rate_limited" if gate == "rate" else "limit_reached"
            numbers = {"limit": most, "used": most, "retry_after_s": 1}
            self._says([Decision(gate=gate, rule_id=rule_id, verdict="deny", code=code, numbers=numbers)])
        self._under_way.append((key, id))

    def _budgeted(self, asked: Asked) -> Sequence[Account]:
        policy = self._governed.policy
        return self._accounts_of(policy.in_force(_BUDGETS), policy.in_force(_COST), asked)

    def _in_shadow(self) -> Iterable[Account]:
        policy, bound = self._governed.policy, {each.budget for each in self._accounts}
        if policy.trial is None:
            return ()
        found = self._accounts_of(policy.in_shadow(_BUDGETS), policy.in_shadow(_COST), self._asked)
        return [each for each in found if each.budget not in bound]

    def _accounts_of(
        self, budgets: BudgetsPolicy | None, cost: CostPolicy | None, asked: Asked
    ) -> Sequence[Account]:
        exchange = self._job.exchange
        spender = Spender(self._job.grant.user_id, _name(exchange.header(RUN)), _name(exchange.header(SESSION)))
        found = accounts_of(budgets, cost, self._governed, spender, asked.model, self._job.at_ms // 1000)
        if not self._is_downgraded:
            return found
        return [each._replace(binds=each.binds and not each.downgrades) for each in found]


def _ungoverned(job: Job, snapshot: Snapshot) -> None:
    """Stops hold for everybody; and whoever has a record that nobody can trust may do nothing."""
    denied, reason = None, None
    if stop := snapshot.stopped.of(job.grant.tenant_id):
        denied, reason = stopped_by(stop), stop.reason
    elif job.grant.is_barred:
        denied = barred()
    if denied is not None:
        job.decisions.append(denied)
        raise refusal_of(denied, reason=reason)


def _blocked_upstream() -> Decision:
    rule_id = "model_policy_json/blocked_models"
    return Decision(gate="model", rule_id=rule_id, verdict="deny", code="model_not_allowed")


def _reached(answer: Reached, gate: Gate, policy: str, code: str) -> Decision:
    quota = answer.quota
    numbers = {
        "limit": quota.most,
        "used": answer.used,
        "asked": quota.wanted,
        "retry_after_s": max(1, math.ceil((answer.resets_at_ms - answer.at_ms) / 1000)),
        "resets_at_s": math.ceil(answer.resets_at_ms / 1000),
    }
    return Decision(gate=gate, rule_id=f"{policy}/{quota.counter}", verdict="deny", code=code, numbers=numbers)


def _over(account: Account, used: int, asked: int) -> Decision:
    numbers = {"limit_nano_usd": account.limit_nano, "used_nano_usd": used, "asked_nano_usd": asked}
    if account.resets_at_s is not None:
        numbers["resets_at_s"] = account.resets_at_s
    return Decision(gate="budget", rule_id=account.rule_id, verdict="deny", code="budget_exceeded", numbers=numbers)


def _noticed(account: Account, spent: int, asked: int) -> Iterable[Decision]:
    numbers = {"limit_nano_usd": account.limit_nano, "used_nano_usd": spent, "asked_nano_usd": asked}
    if spent + asked > account.limit_nano and not account.binds:
        yield Decision(gate="budget", rule_id=account.rule_id, code="budget_warning", numbers=numbers)
        return
    passed = [pct for pct in account.soft_pct if spent * 100 >= pct * account.limit_nano]
    if passed:
        numbers["passed_pct"] = max(passed)
        yield Decision(gate="budget", rule_id=account.rule_id, code="budget_soft", numbers=numbers)


def _name(said: str | None) -> str:
    """What is no name of ours is none: the request then belongs to what nobody has named."""
    return said if said and len(said) <= NAME_CHARS_MOST and said.isascii() and said.isprintable() else ""
