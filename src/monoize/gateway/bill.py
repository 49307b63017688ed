"""The money of one request, and what is written down about it: what to hold, what it came to, how it went."""

import functools
import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from monoize.base.clock import utc_day
from monoize.base.cost.costing import Costing, cost_of
from monoize.base.cost.usage import Usage
from monoize.base.ids import new_id
from monoize.base.money import Multiplier, usd_of_nano
from monoize.contract.budgets import key_budget, key_day_budget, key_month_budget, user_budget
from monoize.contract.events import Charged, ProviderCall, RequestLog
from monoize.contract.grant import Grant
from monoize.gateway import pricing
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
        bound = pricing.bound_of(attempts, self._facts)
        if bound is None:
            raise ModelUnpriced
        self._bound = bound
        self._budgets = _budgets(job.grant, job.at_ms)
        self._id: str | None = None
        self._held_nano = bound.most
        self._tried: list[dict[str, Any]] = []
        self._seen: Seen | None = None
        self._protocol: urp.Protocol | None = None
        self._failure: Failed | None = LEFT
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

    def claims(self) -> list[Claim]:
        """None for what costs nothing whatever comes of it."""
        if not self._bound.most:
            return []
        return [Claim(budget, self._bound.most, least=self._bound.least) for budget in self._budgets]

    def held(self, nano: int) -> None:
        """What could be held; where it is less than was asked for, the answer is cut to it."""
        self._held_nano = nano
        if nano < self._bound.most:
            self._job.output_most = pricing.affordable_output(self._attempts, self._facts, nano)

    def floor(self) -> Charged:
        """What is charged if this process dies: the prompt, which has been read by then."""
        usage, costing = pricing.floor_of(self._attempts[0], self._facts)
        return self._charged(new_id(), self._attempts[0], usage, costing, is_estimated=True, failure=STOPPED)

    def tries(self, attempt: Attempt) -> None:
        self.attempt = attempt
        self._is_sent = True
        self._tried.append({"channel": attempt.channel.id, "model": attempt.upstream_model})

    def failed(self, failed: Failed) -> None:
        """This attempt, which therefore costs nothing."""
        self._is_sent = False
        self._failure = failed
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
        usage, is_estimated = self._usage()
        costing = cost_of(usage, attempt.sheet) if usage else Costing((), 0, attempt.sheet.book, None, None)
        charged = self._charged(
            self._id,
            attempt,
            usage or Usage(),
            costing,
            is_estimated=is_estimated,
            failure=self._failure,
            is_call=bool(usage),
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
        is_call: bool = True,
    ) -> Charged:
        job, cost_nano = self._job, costing.total_nano
        # Where one rate of a known model is unknown, all that was held for it is taken.
        charge_nano = self._held_nano if cost_nano is None else pricing.charge(attempt, cost_nano)
        return Charged(
            id=id,
            request_id=self.request_id,
            user_id=job.grant.user_id,
            at_ms=job.at_ms,
            charge_nano=charge_nano,
            api_key_id=job.grant.key_id,
            budgets=dict.fromkeys(self._budgets, charge_nano),
            is_estimated=is_estimated or cost_nano is None,
            cost_nano=cost_nano,
            breakdown=pricing.breakdown_json(costing, job.at_ms),
            log=self._log(attempt, usage, failure),
            call=self._call(attempt, usage, costing) if is_call else None,
        )

    def _log(self, attempt: Attempt, usage: Usage, failure: Failed | None) -> RequestLog:
        exchange = self._job.exchange
        first_byte_s = self._first_byte_s
        return RequestLog(
            model=self._job.facts.model,
            is_stream=self._job.facts.stream,
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
            error_message=failure.message[:MESSAGE_CHARS_MOST] if failure else None,
            error_http_status=failure.status if failure else None,
            duration_ms=_ms(time.monotonic() - exchange.started_s),
            ttfb_ms=_ms(first_byte_s - exchange.started_s) if first_byte_s is not None else None,
            request_ip=exchange.ip,
            request_kind=self._job.dialect.name,
            tried_providers_json=_encoder.encode(self._tried).decode(),
            cache_hit=self._job.cache_hit,
        )

    def _call(self, attempt: Attempt, usage: Usage, costing: Costing) -> ProviderCall:
        served = self._seen.model if self._seen else None
        return ProviderCall(
            provider=attempt.channel.price_provider,
            model=(served or attempt.upstream_model)[:191],
            usage=usage,
            rates=attempt.sheet.rates_for(usage),
            book=costing.book,
            neurons=next((line for line in costing.lines if line.item == "neurons"), None),
            tenant_id=self._job.grant.tenant_id,
            agent_id=self._job.grant.agent_id,
        )


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
