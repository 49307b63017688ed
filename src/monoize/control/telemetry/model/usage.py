"""What calls add up to: by the hour and by the day, of whom, with which model, through which provider. Pure.

Everything here is a whole number that can be added up. What people read (rates, percentiles) is made of sums when
somebody asks, and never of averages.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeVar

from monoize.base.clock import DAY_MS
from monoize.control.telemetry.model.calls import RecordedCall
from monoize.control.telemetry.model.sums import added

HOUR_MS: Final = 3_600_000
NOBODY: Final = ""
"""In the sums, where there is no key, no agent, or no name."""
DURATION_BOUNDS_MS: Final = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000)
"""Inclusive. What took longer than the last is counted apart."""


class UsageKey(NamedTuple):
    """What calls have in common that are summed up together. `at_ms`: when its hour or its day began."""

    at_ms: int
    tenant_id: str
    user_id: str
    api_key_id: str
    agent_id: str
    provider: str
    # As it was asked for, and as it was served.
    model: str
    served_model: str


class ModelKey(NamedTuple):
    """The same without whose they were: so few sums that a question of the whole house reads them at once."""

    at_ms: int
    tenant_id: str
    provider: str
    model: str
    served_model: str


class Figures(NamedTuple):
    """Amounts are nano-USD. `cost` adds up the priced calls; `unpriced`, a part of `calls`, are missing from it.
    Nobody answered the `unanswered`, which are among the `failed`.

    `saved` and `most_saved` leave out the `unmeasured`. `compared` calls had an estimate before they were made.
    """

    calls: int = 0
    failed: int = 0
    unanswered: int = 0
    estimated: int = 0
    unpriced: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano: int = 0
    charge_nano: int = 0
    saved_nano: int = 0
    most_saved_nano: int = 0
    unmeasured: int = 0
    compared: int = 0
    compared_estimate_nano: int = 0
    compared_charge_nano: int = 0
    first_bytes: int = 0
    first_byte_ms: int = 0
    duration_ms: int = 0
    within_100ms: int = 0
    within_250ms: int = 0
    within_500ms: int = 0
    within_1s: int = 0
    within_2500ms: int = 0
    within_5s: int = 0
    within_10s: int = 0
    within_30s: int = 0
    within_60s: int = 0
    within_120s: int = 0
    within_300s: int = 0
    beyond_300s: int = 0

    @property
    def durations(self) -> tuple[int, ...]:
        """How many calls took how long, bucket by bucket."""
        return self[_FIRST_BUCKET:]


_FIRST_BUCKET: Final = Figures._fields.index("within_100ms")
Key = TypeVar("Key", UsageKey, ModelKey)


def total(figures: Iterable[Figures]) -> Figures:
    return Figures(*added(figures)) if (figures := list(figures)) else Figures()


def without(whole: Figures, parts: Iterable[Figures]) -> Figures:
    return Figures(*(all - some for all, some in zip(whole, total(parts), strict=True)))


def by_hour(calls: Iterable[RecordedCall]) -> dict[UsageKey, Figures]:
    sums: dict[UsageKey, list[Figures]] = {}
    for call in calls:
        sums.setdefault(_key(call), []).append(_figures(call))
    return _summed_up(sums)


def by_day(hours: Mapping[UsageKey, Figures]) -> dict[UsageKey, Figures]:
    sums: dict[UsageKey, list[Figures]] = {}
    for key, figures in hours.items():
        sums.setdefault(key._replace(at_ms=begin(key.at_ms, DAY_MS)), []).append(figures)
    return _summed_up(sums)


def by_model(sums: Mapping[UsageKey, Figures]) -> dict[ModelKey, Figures]:
    """Of hours or of days."""
    together: dict[ModelKey, list[Figures]] = {}
    for key, figures in sums.items():
        known = ModelKey(key.at_ms, key.tenant_id, key.provider, key.model, key.served_model)
        together.setdefault(known, []).append(figures)
    return _summed_up(together)


def begin(at_ms: int, step_ms: int) -> int:
    """Of the hour or the day, in UTC, that this moment lies in."""
    return at_ms - at_ms % step_ms


def percentile_ms(durations: tuple[int, ...], share: float) -> int | None:
    """Within which time this share of the calls ended, as near as the buckets tell; None where there were none.

    Calls are taken to lie evenly within their bucket; those beyond the last bound count as that long.
    """
    rank = share * sum(durations)
    so_far, low_ms = 0, 0
    for count, high_ms in zip(durations, (*DURATION_BOUNDS_MS, DURATION_BOUNDS_MS[-1]), strict=True):
        if count and so_far + count >= rank:
            return round(low_ms + (high_ms - low_ms) * (rank - so_far) / count)
        so_far, low_ms = so_far + count, high_ms
    return None


def _summed_up(sums: Mapping[Key, list[Figures]]) -> dict[Key, Figures]:
    return {key: each[0] if len(each) == 1 else total(each) for key, each in sums.items()}


def _key(recorded: RecordedCall) -> UsageKey:
    event, call, _ = recorded
    return UsageKey(
        begin(event.at_ms, HOUR_MS),
        recorded.tenant_id,
        event.user_id,
        event.api_key_id or NOBODY,
        call.agent_id or NOBODY,
        call.provider,
        event.log.model if event.log else NOBODY,
        call.model,
    )


def _figures(recorded: RecordedCall) -> Figures:
    event, call, cache = recorded
    usage, log, estimate_nano = call.usage, event.log, call.estimate_nano
    return Figures(
        1,
        int(log is not None and log.status == "error"),
        int(call.is_failure),
        int(event.is_estimated),
        int(event.cost_nano is None),
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_write_tokens,
        usage.cache_read_tokens,
        usage.reasoning_tokens,
        event.cost_nano or 0,
        event.charge_nano,
        cache.savings_nano,
        cache.most_savings_nano,
        cache.unpriced_calls,
        int(estimate_nano is not None),
        estimate_nano or 0,
        0 if estimate_nano is None else event.charge_nano,
        int(log is not None and log.ttfb_ms is not None),
        (log.ttfb_ms or 0) if log else 0,
        (log.duration_ms or 0) if log else 0,
        *_bucket(log.duration_ms if log else None),
    )


def _bucket(duration_ms: int | None) -> tuple[int, ...]:
    return _NO_BUCKET if duration_ms is None else _BUCKETS[bisect_left(DURATION_BOUNDS_MS, duration_ms)]


_PLACES: Final = range(len(DURATION_BOUNDS_MS) + 1)
_BUCKETS: Final = [tuple(int(place == one) for place in _PLACES) for one in _PLACES]
_NO_BUCKET: Final = (0,) * len(_PLACES)
