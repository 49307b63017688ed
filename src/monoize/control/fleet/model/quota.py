"""How much of an account's allowance is used, what that comes to at this pace, and whether a host may go on. Pure.

An account has a short window (five hours) and a long one (a week); a pool may divide the week into days on top.
What is not known stops nobody: a quota saves patience, not money.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

Verdict = Literal["ok", "warn", "refuse"]
Reason = Literal["limit_reached", "five_hours", "week", "day"]
Status = Literal["ok", "error"]
WeekPartition = Literal[0, 5, 7]

LIMIT_PERCENT_LEAST: Final = 50
LIMIT_PERCENT_MOST: Final = 100
WARNS_BELOW_LIMIT: Final = 10

_INTEGER_MOST: Final = 2**31 - 1
_BIG_INTEGER_MOST: Final = 2**63 - 1
_PLAN_CHARS_MOST: Final = 64
_BALANCE_CHARS_MOST: Final = 128
_EPOCH_MOST: Final = 253_402_300_799  # the last second of the year 9999
_PROJECTED_FROM: Final = 50
"""Nothing is said of the end of a window while less than one part in this many of it is over."""


@dataclasses.dataclass(frozen=True, slots=True)
class LimitWindow:
    """As the account's owner told it at one moment."""

    used_percent: int | None = None
    limit_seconds: int | None = None
    reset_after_seconds: int | None = None
    reset_at: dt.datetime | None = None

    def aged(self, fetched_at: dt.datetime, now: dt.datetime) -> "LimitWindow":
        """The same window later: less is left of it, and once it is over nothing of the next one is used."""
        ends_at = self._ends_at(fetched_at)
        if ends_at is None:
            return self
        left_s = max(0, round((ends_at - now).total_seconds()))
        used_percent = self.used_percent if left_s else 0
        return dataclasses.replace(self, used_percent=used_percent, reset_after_seconds=left_s)

    def began_at(self, fetched_at: dt.datetime) -> dt.datetime | None:
        ends_at = self._ends_at(fetched_at)
        if ends_at is None or self.limit_seconds is None:
            return None
        try:
            return ends_at - dt.timedelta(seconds=self.limit_seconds)
        except OverflowError:
            return None

    @property
    def projected_percent(self) -> int | None:
        """What will be used at its end if it goes on as it began."""
        if self.used_percent is None or self.limit_seconds is None or self.reset_after_seconds is None:
            return None
        return _projected(self.used_percent, self.limit_seconds - self.reset_after_seconds, self.limit_seconds)

    def _ends_at(self, fetched_at: dt.datetime) -> dt.datetime | None:
        # Counted from our own clock where possible: theirs may differ.
        if self.reset_after_seconds is None:
            return self.reset_at
        try:
            return fetched_at + dt.timedelta(seconds=self.reset_after_seconds)
        except OverflowError:
            return None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an account's owner says about it; None: not said, or not to be believed."""

    plan_type: str | None = None
    rate_allowed: bool | None = None
    rate_limit_reached: bool | None = None
    primary: LimitWindow = LimitWindow()
    secondary: LimitWindow = LimitWindow()
    has_credits: bool | None = None
    unlimited: bool | None = None
    credit_balance: str | None = None
    approx_local_messages: str | None = None
    approx_cloud_messages: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One attempt to ask; `reading` is None where it failed, and `error` says how."""

    fetched_at: dt.datetime
    next_eligible_at: dt.datetime
    reading: Reading | None = None
    error: str | None = None

    @property
    def status(self) -> Status:
        return "error" if self.reading is None else "ok"


class Baseline(NamedTuple):
    """How much of the week was used when the day began."""

    at: dt.datetime
    used_percent: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class HistoryPoint:
    fetched_at: dt.datetime
    primary_used_percent: int | None
    secondary_used_percent: int | None


class Known(NamedTuple):
    """What the snapshots of a pool say: the newest, the newest that worked, and the first of today that did."""

    newest: Snapshot | None = None
    working: Snapshot | None = None
    baseline: Baseline | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a pool lets its hosts use."""

    hard_fail: bool = True
    limit_percent: int = LIMIT_PERCENT_MOST
    week_partition: int = 0

    @property
    def limit(self) -> int:
        return min(LIMIT_PERCENT_MOST, max(LIMIT_PERCENT_LEAST, self.limit_percent))

    @property
    def daily_allowance(self) -> int | None:
        """The percent of the week that a day may take."""
        days = self.week_partition
        return (self.limit + days // 2) // days if days else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownWindow:
    used_percent: int | None
    limit_seconds: int | None
    reset_after_seconds: int | None
    reset_at: dt.datetime | None
    projected_percent: int | None

    @classmethod
    def of(cls, window: LimitWindow) -> "ShownWindow":
        return cls(**dataclasses.asdict(window), projected_percent=window.projected_percent)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccountUsage:
    """`status` and `error` are of the newest attempt, the figures of the newest that worked, brought up to now."""

    status: Status
    error: str | None
    plan_type: str | None
    rate_allowed: bool | None
    rate_limit_reached: bool | None
    fetched_at: dt.datetime
    next_eligible_at: dt.datetime
    primary_window: ShownWindow | None
    secondary_window: ShownWindow | None
    daily_used_percent: int | None
    daily_projected_percent: int | None
    daily_baseline_at: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a host is told about its pool's allowance."""

    quota_hard_fail: bool
    quota_limit_percent: int
    quota_week_partition: int
    quota_verdict: Verdict
    quota_reasons: Sequence[Reason]
    chatgpt_usage: AccountUsage | None

    def for_vip(self) -> "Standing":
        """Very important hosts are warned, and never refused."""
        verdict: Verdict = "warn" if self.quota_verdict == "refuse" else self.quota_verdict
        return dataclasses.replace(self, quota_hard_fail=False, quota_verdict=verdict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PoolQuota:
    """How the account of one pool stands."""

    pool_id: str
    pool: str
    standing: Standing


def standing_of(policy: Policy, known: Known, now: dt.datetime) -> Standing:
    usage = _usage(known, now)
    verdict, reasons = gate(policy, usage)
    return Standing(
        quota_hard_fail=policy.hard_fail,
        quota_limit_percent=policy.limit,
        quota_week_partition=policy.week_partition,
        quota_verdict=verdict,
        quota_reasons=reasons,
        chatgpt_usage=usage,
    )


def gate(policy: Policy, usage: AccountUsage | None) -> tuple[Verdict, tuple[Reason, ...]]:
    """Whether a host may start its tool, and everything that speaks against it, or for a warning."""
    if usage is None:
        return "ok", ()
    shares = _shares(policy, usage)
    over = tuple(reason for reason, share in shares.items() if share >= policy.limit)
    if over:
        return "refuse" if policy.hard_fail else "warn", over
    near = tuple(reason for reason, share in shares.items() if share >= policy.limit - WARNS_BELOW_LIMIT)
    return "warn" if near else "ok", near


def _shares(policy: Policy, usage: AccountUsage) -> dict[Reason, int]:
    """How many percent of each allowance are used, on the scale on which the limit of the pool is."""
    shares: dict[Reason, int] = {}
    if usage.rate_limit_reached and not _begins_anew(usage):
        shares["limit_reached"] = LIMIT_PERCENT_MOST
    windows: Mapping[Reason, ShownWindow | None] = {
        "five_hours": usage.primary_window,
        "week": usage.secondary_window,
    }
    for reason, window in windows.items():
        if window is not None and window.used_percent is not None:
            shares[reason] = window.used_percent
    allowance = policy.daily_allowance
    if allowance is not None and usage.daily_used_percent is not None:
        shares["day"] = usage.daily_used_percent * policy.limit // allowance
    return shares


def _begins_anew(usage: AccountUsage) -> bool:
    """Whether a window has ended since the limit was reached: it may have been that one."""
    windows = (usage.primary_window, usage.secondary_window)
    return any(window is not None and window.reset_after_seconds == 0 for window in windows)


def _usage(known: Known, now: dt.datetime) -> AccountUsage | None:
    newest, working = known.newest, known.working
    if newest is None:
        return None
    reading = (working.reading if working else None) or Reading()
    fetched_at = (working or newest).fetched_at
    primary, secondary = (window.aged(fetched_at, now) for window in (reading.primary, reading.secondary))
    daily = _used_today(secondary, known.baseline)
    return AccountUsage(
        status=newest.status,
        error=newest.error,
        plan_type=reading.plan_type,
        rate_allowed=reading.rate_allowed,
        rate_limit_reached=reading.rate_limit_reached,
        fetched_at=fetched_at,
        next_eligible_at=newest.next_eligible_at,
        primary_window=ShownWindow.of(primary) if working else None,
        secondary_window=ShownWindow.of(secondary) if working else None,
        daily_used_percent=daily,
        daily_projected_percent=None if daily is None else _projected(daily, _seconds_of_day(now), 86_400),
        daily_baseline_at=known.baseline.at if known.baseline else None,
    )


def _used_today(secondary: LimitWindow, baseline: Baseline | None) -> int | None:
    if secondary.used_percent is None or baseline is None or baseline.used_percent is None:
        return None
    used = secondary.used_percent - baseline.used_percent
    # Less than in the morning: the week began anew meanwhile.
    return used if used >= 0 else secondary.used_percent


def _projected(used_percent: int, elapsed_s: int, whole_s: int) -> int | None:
    if whole_s <= 0 or elapsed_s * _PROJECTED_FROM < whole_s:
        return None
    return (2 * used_percent * whole_s + elapsed_s) // (2 * elapsed_s)


def _seconds_of_day(now: dt.datetime) -> int:
    return now.hour * 3600 + now.minute * 60 + now.second


def reading_of(body: Mapping[str, Any]) -> Reading:
    """Out of the account's answer, field by field; nothing in it can be wrong enough to raise."""
    limits, credits_ = _object(body, "rate_limit"), _object(body, "credits")
    return Reading(
        plan_type=_text(body.get("plan_type"), _PLAN_CHARS_MOST),
        rate_allowed=_flag(limits.get("allowed")),
        rate_limit_reached=_flag(limits.get("limit_reached")),
        primary=_window(_object(limits, "primary_window")),
        secondary=_window(_object(limits, "secondary_window")),
        has_credits=_flag(credits_.get("has_credits")),
        unlimited=_flag(credits_.get("unlimited")),
        credit_balance=_text(credits_.get("balance"), _BALANCE_CHARS_MOST),
        approx_local_messages=_pair(credits_.get("approx_local_messages")),
        approx_cloud_messages=_pair(credits_.get("approx_cloud_messages")),
    )


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, Mapping) else {}


def _window(told: Mapping[str, Any]) -> LimitWindow:
    reset_at = _count(told.get("reset_at"), _EPOCH_MOST)
    return LimitWindow(
        used_percent=_count(told.get("used_percent"), _INTEGER_MOST),
        limit_seconds=_count(told.get("limit_window_seconds"), _BIG_INTEGER_MOST),
        reset_after_seconds=_count(told.get("reset_after_seconds"), _BIG_INTEGER_MOST),
        reset_at=None if reset_at is None else dt.datetime.fromtimestamp(reset_at, dt.UTC),
    )


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: object, most: int) -> int | None:
    """A whole number; of a broken one its whole part, as JSON may spell 12 as 12.0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        return None
    return int(value)


def _text(value: object, chars_most: int) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.isprintable():
        return None
    return value[:chars_most] or None


def _pair(value: object) -> str | None:
    """A range of messages, as JSON text."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    counts = [_count(each, _BIG_INTEGER_MOST) for each in value]
    return None if None in counts else json.dumps(counts)
