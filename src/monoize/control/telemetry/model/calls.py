"""Calls of providers as they are kept, and what they add up to. Pure.

What cannot be kept as it is raises ValueError, or `invalid_usage` where the quantities are to blame: whoever brings
it sets it aside, for a person to look at. Nothing is cut to fit.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from monoize.base.cost.costing import NANO_NEURONS_PER_MILLI
from monoize.base.cost.measures import CacheUse, cache_use
from monoize.base.money import round_half_up
from monoize.contract.events import Charged, ProviderCall
from monoize.control.edge.wire import NanoUsd, storable
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.telemetry.model.sums import BIG_INTEGER_MOST
from monoize.control.telemetry.model.tool_prompts import tool_prompt_tokens

Source = Literal["gateway", "reported"]
"""Whether the gateway measured it, or a host says so."""

CacheStrategy = Literal["none", "auto", "explicit", "implicit", "mixed"]

INTEGER_MOST: Final = 2**31 - 1
COST_DAYS_MOST: Final = 31
COSTS_MOST: Final = 50_000
MODEL_CHARS_MOST: Final = 191
PROVIDER_CHARS_MOST: Final = 64

TRACE_ID_CHARS: Final = 32
SPAN_ID_CHARS: Final = 16

_ID_CHARS_MOST: Final = 64
_UUID_CHARS_MOST: Final = 36
_NAME_CHARS_MOST: Final = 191
_ROLE_CHARS_MOST: Final = 128
_EMAIL_CHARS_MOST: Final = 254
_BREAKDOWN_BYTES_MOST: Final = 16_384
_NO_CACHE_USE: Final = CacheUse()
_TIME_MS_MOST: Final = 253_402_300_799_999  # the last moment of the year 9999


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What the calls of one model came to on one day (UTC), of all tenants."""

    provider: str
    day: dt.date
    model: str
    calls: int
    unpriced_calls: int
    cost_nano_usd: NanoUsd
    source: Source = "gateway"


@dataclasses.dataclass(frozen=True, slots=True)
class Costs:
    items: Sequence[Cost]


class RecordedCall(NamedTuple):
    """One call of a provider that can be kept as it is."""

    event: Charged
    call: ProviderCall
    cache: CacheUse

    @classmethod
    def of(cls, event: Charged, call: ProviderCall) -> "RecordedCall":
        _text(event.id, _ID_CHARS_MOST)
        _text(event.request_id, _NAME_CHARS_MOST)
        _text(event.user_id, _UUID_CHARS_MOST)
        _text(call.provider, PROVIDER_CHARS_MOST)
        _text(call.model, MODEL_CHARS_MOST)
        for name, chars_most in (
            (call.tenant_id, _UUID_CHARS_MOST),
            (call.session_id, _NAME_CHARS_MOST),
            (call.agent_id, _ID_CHARS_MOST),
            (call.trace_id, TRACE_ID_CHARS),
            (call.span_id, SPAN_ID_CHARS),
            (call.config_id, _ID_CHARS_MOST),
            (call.role_name, _ROLE_CHARS_MOST),
            (call.agent_email, _EMAIL_CHARS_MOST),
            (call.machine_id, _UUID_CHARS_MOST),
            (event.api_key_id, _UUID_CHARS_MOST),
            (event.log.model if event.log else None, MODEL_CHARS_MOST),
        ):
            if name is not None:
                _text(name, chars_most)
        for failed in event.failed_calls:
            _text(failed.provider, PROVIDER_CHARS_MOST)
            _text(failed.model, MODEL_CHARS_MOST)
            _within(failed.at_ms, _TIME_MS_MOST)
        _within(event.at_ms, _TIME_MS_MOST)
        if len(event.breakdown) > _BREAKDOWN_BYTES_MOST:
            raise ValueError(f"a cost breakdown has at most {_BREAKDOWN_BYTES_MOST} bytes")
        for nano in (event.cost_nano, event.charge_nano, call.estimate_nano):
            if nano is not None:
                _within(nano, BIG_INTEGER_MOST)
        usage = call.usage
        if not (usage.cache_read_tokens or usage.cache_write_tokens):
            return cls(event, call, _NO_CACHE_USE)
        use = cache_use(usage, call.rates, call.book)
        for nano in (use.savings_nano, use.most_savings_nano):
            _within(abs(nano), BIG_INTEGER_MOST)
        return cls(event, call, use)

    @property
    def tenant_id(self) -> str:
        """What belongs to nobody in particular still cost something."""
        return self.call.tenant_id or DEFAULT_TENANT_ID

    @property
    def models(self) -> Iterator[str]:
        """All that were called for it."""
        yield self.call.model
        for failed in self.event.failed_calls:
            yield failed.model

    @property
    def tool_prompt_tokens(self) -> int | None:
        return tool_prompt_tokens(self.call.provider, self.call.model, self.call.tool_choice)

    @property
    def cache_strategy(self) -> CacheStrategy:
        """Who saw to it that the prompt was cached."""
        if self.call.cache_breakpoints:
            return "mixed" if self.call.is_cached_by_rule else "explicit"
        if self.call.is_cached_by_rule:
            return "auto"
        usage = self.call.usage
        return "implicit" if usage.cache_read_tokens or usage.cache_write_tokens else "none"

    @property
    def milli_neurons(self) -> int | None:
        neurons = self.call.neurons
        if neurons is None:
            return None
        return _within(round_half_up(neurons.quantity, NANO_NEURONS_PER_MILLI), INTEGER_MOST)


def _within(number: int, most: int) -> int:
    if not 0 <= number <= most:
        raise ValueError(f"{number} is not within 0 and {most}")
    return number


def _text(value: str, chars_most: int) -> str:
    if not 0 < len(storable(value)) <= chars_most:
        raise ValueError(f"a name here has 1 to {chars_most} characters")
    return value
