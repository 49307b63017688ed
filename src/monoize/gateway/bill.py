"""The money of one request, and what is written down about it: what to hold, what it came to, how it went."""

import fnmatch
import functools
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from monoize.base.clock import utc_day
from monoize.base.cost.costing import Costing, cost_of, is_of_tokens
from monoize.base.cost.sheet import Rates
from monoize.base.cost.usage import Usage
from monoize.base.ids import new_id
from monoize.base.money import Multiplier, usd_of_nano
from monoize.contract.budgets import key_budget, key_day_budget, key_month_budget, user_budget
from monoize.contract.events import FOLLOWING, Charged, FailedCall, ProviderCall, RequestLog, ToolChoice
from monoize.contract.grant import Grant
from monoize.gateway import pricing, traits
from monoize.gateway.dialects import Seen
from monoize.gateway.errors import ModelUnpriced
from monoize.gateway.job import Job
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.urp import Failed
from monoize.gateway.selection import Attempt
from monoize.gateway.transforms.needs import facts_with_rules
from monoize.infra.holds import Claim

MESSAGE_CHARS_MOST: Final = 1_000
_encoder: Final = msgspec.json.Encoder()
STOPPED: Final = Failed(
    message="The gateway stopped before the answer had come.", code="gateway_stopped", status=503
)
LEFT: Final = Failed(message="The caller left before the answer was complete.", code="caller_left", status=499)


class Bill:
    def __init__(self, job: Job, attempts: Sequence[Attempt]) -> None:
        self._job = job
        self._attempts = attempts
        self._facts = facts_with_rules(job, attempts)
        bound = pricing.bound_of(attempts, self._facts, is_clamped=job.grant.is_clamped)
        if bound is None:
            raise ModelUnpriced
        self._bound = bound
        self._budgets = _budgets(job.grant, job.at_ms)
        self._said = _said(job)
        self._id: str | None = None
        # What it may cost at most, by what may be spent on one call.
        self.most = bound.most
        self._held_nano = bound.most
        self._tried: list[dict[str, Any]] = []
        # Those after which another one was made, and when the last one began and failed.
        self._failed_calls: list[FailedCall] = []
        self._tried_s = self._failed_s = 0.0
        self._counted_tool_tokens: int | None = None
        self._seen: Seen | None = None
        self._protocol: urp.Protocol | None = None
        self._failure: Failed | None = LEFT
        self._told: Usage | None = None
        self._is_sent = False
        self._first_byte_s: float | None = None
        self.attempt: Attempt | None = None
        self.is_settled = False
        self.charge_nano = 0

    @property
    def request_id(self) -> str:
        return self._job.exchange.request_id

    @property
    def charge_usd(self) -> str:
        return usd_of_nano(self.charge_nano)

    @property
    def least(self) -> int:
        return self._bound.least

    def capped(self, most: int | None) -> None:
        if most is not None:
            self.most = min(self.most, most)

    def claims(self) -> list[Claim]:
        """None for what costs nothing whatever comes of it."""
        if not self.most:
            return []
        budgets = [*self._budgets, *(spend.budget for spend in self._job.spends if spend.binds)]
        least, grant = min(self._bound.least, self.most), self._job.grant
        debts = {user_budget(grant.user_id): grant.overdraft_nano}
        return [Claim(budget, self.most, least=least, overdraft=debts.get(budget, 0)) for budget in budgets]

    def held(self, nano: int) -> None:
        """What could be held; where it is less than was asked for, the answer is cut to it."""
        self._held_nano = nano
        if nano < self._bound.most:
            affordable = pricing.affordable_output(self._attempts, self._facts, nano)
            self._job.output_most = min(affordable, self._job.output_most or affordable)

    def floor(self) -> Charged:
        """What is charged if this process dies: the prompt, which has been read by then."""
        usage, costing = pricing.floor_of(self._attempts[0], self._facts)
        return self._charged(self.request_id, self._attempts[0], usage, costing, is_estimated=True, failure=STOPPED)

    def so_far(self) -> Charged | None:
        """The same, by what upstream has reported of an answer that is under way; None when that is nothing new."""
        if self._seen is None or self._protocol is None or self.attempt is None:
            return None
        usage = pricing.usage_of(self._protocol, self._seen.report, self.attempt, self._facts)
        if usage is None or usage == self._told:
            return None
        self._told = usage
        costing = cost_of(usage, self.attempt.sheet)
        return self._charged(self.request_id, self.attempt, usage, costing, is_estimated=True, failure=STOPPED)

    def tries(self, attempt: Attempt) -> None:
        if self.attempt is not None and self._failure is not None:
            self._failed_calls.append(self._failed_call(self.attempt, self._failure))
        self.attempt = attempt
        self._tried_s = time.monotonic()
        self._is_sent = True
        self._tried.append({"channel": attempt.channel.id, "model": attempt.upstream_model})

    def failed(self, failed: Failed) -> None:
        """This attempt, which therefore costs nothing."""
        self._is_sent = False
        self._failure = failed
        self._failed_s = time.monotonic()
        self._tried[-1] |= {"status": failed.status, "code": failed.code}

    def sees(self, seen: Seen, protocol: urp.Protocol) -> None:
        """An answer has begun, and this is where it is watched."""
        self._seen, self._protocol, self._failure = seen, protocol, LEFT
        self.answering()

    def answering(self) -> None:
        if self._first_byte_s is None:
            self._first_byte_s = time.monotonic()

    def ended(self, seen: Seen, protocol: urp.Protocol, *, failure: Failed | None) -> None:
        self._seen, self._protocol, self._failure = seen, protocol, failure
        self.answering()

    def total(self) -> Charged | None:
        """None when nothing was tried: then there is nothing to write down."""
        attempt = self.attempt
        if attempt is None:
            return None
        # In the order in which requests end: so whoever watches them can read on from the last.
        self._id = self._id or new_id()
        if self._job.overseer is not None:
            self._job.overseer.concludes()
        usage, is_estimated = self._usage()
        costing = cost_of(usage, attempt.sheet) if usage else Costing((), 0, attempt.sheet.book, None, None)
        charged = self._charged(
            self._id,
            attempt,
            usage or Usage(),
            costing,
            is_estimated=is_estimated,
            failure=self._failure,
            is_failure=usage is None,
        )
        self.charge_nano = charged.charge_nano
        self._job.charged = charged
        return charged

    def _usage(self) -> tuple[Usage | None, bool]:
        """(what was used, whether that is only estimated)"""
        facts, attempt = self._facts, self.attempt
        assert attempt is not None
        if self._seen is not None and self._protocol is not None:
            reported = pricing.usage_of(self._protocol, self._seen.report, attempt, facts)
            if reported:
                return reported, False
            return pricing.guessed_usage(attempt, facts, self._seen.output_chars), True
        return (pricing.guessed_usage(attempt, facts, 0), True) if self._is_sent else (None, False)

    def _charged(
        self,
        id: str,
        attempt: Attempt,
        usage: Usage,
        costing: Costing,
        *,
        is_estimated: bool,
        failure: Failed | None,
        is_failure: bool = False,
    ) -> Charged:
        job, cost_nano, rates = self._job, costing.total_nano, attempt.sheet.rates_for(usage)
        follows = not is_failure and not attempt.markup_bp and is_of_tokens(usage, rates, attempt.sheet.book)
        # Where one rate of a known model is unknown, all that was held for it is taken.
        charge_nano = self._held_nano if cost_nano is None else pricing.charge(attempt, cost_nano)
        return Charged(
            id=id,
            request_id=self.request_id,
            user_id=job.grant.user_id,
            at_ms=job.at_ms,
            charge_nano=charge_nano,
            api_key_id=job.grant.key_id,
            budgets=self._charges(attempt, charge_nano),
            is_estimated=is_estimated or cost_nano is None,
            cost_nano=cost_nano,
            log=self._log(attempt, usage, failure),
            breakdown=FOLLOWING if follows else pricing.breakdown_json(costing, job.at_ms, attempt),
            call=self._call(attempt, usage, costing, rates, is_failure=is_failure),
            failed_calls=tuple(self._failed_calls),
        )

    def _charges(self, attempt: Attempt, charge_nano: int) -> dict[str, int]:
        charges = dict.fromkeys(self._budgets, charge_nano)
        provider = attempt.channel.price_provider
        for spend in self._job.spends:
            is_counted = spend.provider is None or fnmatch.fnmatchcase(provider, spend.provider)
            charges[spend.budget] = charge_nano if is_counted else 0
        return charges

    def _log(self, attempt: Attempt, usage: Usage, failure: Failed | None) -> RequestLog:
        job, exchange = self._job, self._job.exchange
        first_byte_s, governed = self._first_byte_s, self._job.grant.governed
        return RequestLog(
            model=job.facts.model,
            is_stream=job.facts.stream,
            status="success" if failure is None else "error",
            provider_id=attempt.provider.id,
            channel_id=attempt.channel.id,
            upstream_model=attempt.upstream_model,
            multiplier=_multiplier_text(attempt.multiplier),
            input_tokens=usage.total_input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_creation_tokens=usage.cache_write_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            error_code=failure.code if failure else None,
            error_message=_message(failure, job.grant) if failure else None,
            error_http_status=failure.status if failure else None,
            duration_ms=_ms(time.monotonic() - exchange.started_s),
            ttfb_ms=_ms(first_byte_s - exchange.started_s) if first_byte_s is not None else None,
            request_ip=exchange.ip,
            request_kind=job.dialect.name,
            tried_providers_json=_encoder.encode(self._tried).decode() if self._tried else "[]",
            cache_hit=job.cache_hit,
            agent_record_id=governed.config_id if governed is not None else None,
            decisions_json=job.decisions_json if job.decisions else None,
        )

    def _call(
        self, attempt: Attempt, usage: Usage, costing: Costing, rates: Rates, *, is_failure: bool
    ) -> ProviderCall:
        job, said, governed = self._job, self._said, self._job.grant.governed
        served = self._seen.model if self._seen else None
        return ProviderCall(
            provider=attempt.channel.price_provider,
            model=(served or attempt.upstream_model)[:191],
            usage=usage,
            rates=rates,
            book=costing.book,
            neurons=costing.neurons,
            estimate_nano=self._held_nano,
            tenant_id=job.grant.tenant_id,
            session_id=said.session_id,
            agent_id=job.grant.agent_id,
            tool_choice=said.tool_choice,
            trace_id=job.trace.trace_id,
            span_id=job.trace.span_id,
            cache_breakpoints=said.breakpoints,
            is_cached_by_rule=self._facts.writes_cache and not job.facts.writes_cache,
            is_failure=is_failure,
            config_id=governed.config_id if governed else None,
            config_version=governed.config_version if governed else None,
            role_name=governed.policy.role_name if governed else None,
            agent_email=governed.policy.user_email if governed else None,
            machine_id=job.grant.machine_id,
            tool_tokens=self._tool_tokens(),
        )

    def _tool_tokens(self) -> int:
        """Counted once."""
        if self._counted_tool_tokens is None:
            self._counted_tool_tokens = traits.tool_tokens_of(self._job.parsed)
        return self._counted_tool_tokens

    def _failed_call(self, attempt: Attempt, failure: Failed) -> FailedCall:
        began_ms = _ms(self._tried_s - self._job.exchange.started_s)
        return FailedCall(
            provider=attempt.channel.price_provider,
            model=attempt.upstream_model[:191],
            at_ms=self._job.at_ms + began_ms,
            duration_ms=_ms(self._failed_s - self._tried_s),
            provider_id=attempt.provider.id,
            channel_id=attempt.channel.id,
            status=failure.status,
            code=failure.code,
        )


class _Said(NamedTuple):
    """What telemetry keeps of a request."""

    session_id: str | None
    tool_choice: ToolChoice | None
    breakpoints: int | None


def _said(job: Job) -> _Said:
    protocol, body = job.dialect.name, job.parsed
    return _Said(
        traits.session_of(job.exchange.headers, body),
        traits.tool_choice_of(protocol, body),
        traits.breakpoints_of(protocol, body, is_marked=job.facts.writes_cache),
    )


def _message(failure: Failed, grant: Grant) -> str:
    """Providers repeat what they were sent, now and then."""
    if grant.governed is None:
        return failure.message[:MESSAGE_CHARS_MOST]
    # Dozens of patterns, for which no start has to wait.
    from monoize.gateway.govern.written import redaction

    redacted = redaction(grant.governed)
    return (redacted(failure.message) if redacted else failure.message)[:MESSAGE_CHARS_MOST]


def _budgets(grant: Grant, at_ms: int) -> list[str]:
    budgets = [key_budget(grant.key_id) if grant.has_sub_account else user_budget(grant.user_id)]
    if grant.daily_budget_nano is not None:
        budgets.append(key_day_budget(grant.key_id, utc_day(at_ms)))
    if grant.monthly_budget_nano is not None:
        budgets.append(key_month_budget(grant.key_id, utc_day(at_ms)))
    return budgets


@functools.lru_cache(maxsize=1024)
def _multiplier_text(billionths: int) -> str:
    return str(Multiplier(billionths))


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))
