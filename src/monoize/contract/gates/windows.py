"""Which budgets of an agent a request counts for: windows of time, and caps of runs and sessions. Pure.

Data planes ask it to hold against these budgets, the control plane to show how much of them is spent.
"""

import datetime as dt
import functools
import hashlib
import zoneinfo
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from monoize.base.money import nano_of_usd
from monoize.contract.budgets import agent_budget
from monoize.contract.governed import Governed
from monoize.contract.policies import globs
from monoize.contract.policies.budgets import Budgets, Period, Window
from monoize.contract.policies.budgets import Scope as Counted
from monoize.contract.policies.cost import CostPolicy

_BUDGETS: Final = "budgets_json"
_COST: Final = "cost_policy_json"
_LASTING: Final = ("day", "week", "month", "total")
NAME_CHARS: Final = 40
_WITHOUT_END: Final = 10**18
"""More than anybody spends: a billion dollars."""
_QUARTER_S: Final = 900
_ONE_DAY: Final = dt.timedelta(days=1)


class Spender(NamedTuple):
    """Whose money it is, and what belongs together, as the caller says: "" is all that nobody has named."""

    user_id: str
    run: str = ""
    session: str = ""


class Account(NamedTuple):
    """What is spent of one budget in one of its windows is added up under `name`."""

    rule_id: str
    name: str
    limit_nano: int
    soft_pct: Sequence[int]
    # Whether it refuses; else it is only noticed.
    binds: bool
    # Only what these providers served counts.
    provider: str | None
    resets_at_s: int | None
    # Whether a cheaper model is served all the same.
    downgrades: bool = False

    @property
    def budget(self) -> str:
        return agent_budget(self.limit_nano, self.name)


def accounts_of(
    budgets: Budgets | None, cost: CostPolicy | None, governed: Governed, spender: Spender, model: str, at_s: int
) -> list[Account]:
    """Each once, though several levels may have said the same of it."""
    made = _Accounts(governed.config_id, governed.tenant_id, spender, at_s)
    windows = made.of_windows(budgets, model) if budgets is not None else ()
    caps = made.of_caps(cost) if cost is not None else ()
    return list({account.budget: account for account in (*windows, *caps)}.values())


def lasting(budgets: Budgets, config_id: str, tenant_id: str, at_s: int) -> list[tuple[Window, Account]]:
    """The windows that stand at this moment whoever asks: those by the calendar, and for good."""
    made = _Accounts(config_id, tenant_id, Spender(""), at_s)
    found = (each for each in budgets.windows if each.period in _LASTING and each.scope.user != "each")
    return [(window, made.of_window(window, budgets.timezone)) for window in found]


def steps_account(budgets: Budgets, config_id: str, tenant_id: str, at_s: int) -> Account:
    """What is spent of this month, whatever on: of that people are told step by step."""
    return _Accounts(config_id, tenant_id, Spender(""), at_s).of_steps(budgets)


class _Accounts:
    def __init__(self, config_id: str, tenant_id: str, spender: Spender, at_s: int) -> None:
        self._whose = config_id, tenant_id
        self._spender = spender
        self._at_s = at_s

    def of_windows(self, budgets: Budgets, model: str) -> Iterator[Account]:
        for window in budgets.windows:
            if window.period != "call" and _is_counted(window.scope, model, self._spender.user_id):
                yield self.of_window(window, budgets.timezone)
        if budgets.steps:
            yield self.of_steps(budgets)

    def of_steps(self, budgets: Budgets) -> Account:
        began, ends = self._bounds("month", budgets.timezone)
        account = self._account(f"{_BUDGETS}/steps", "month", began, ends, _WITHOUT_END)
        return account._replace(binds=False)

    def of_caps(self, cost: CostPolicy) -> Iterator[Account]:
        caps: tuple[tuple[Period, str | None], ...] = (
            ("run", cost.max_cost_per_run_usd),
            ("session", cost.max_cost_per_session_usd),
        )
        for period, limit_usd in caps:
            if limit_usd is not None:
                rule_id = f"{_COST}/max_cost_per_{period}_usd"
                began, ends = self._bounds(period, "UTC")
                yield self._account(rule_id, period, began, ends, nano_of_usd(limit_usd))

    def of_window(self, window: Window, zone: str) -> Account:
        began, ends = self._bounds(window.period, zone)
        user = self._spender.user_id if window.scope.user == "each" else ""
        account = self._account(
            f"{_BUDGETS}/windows/{window.id}", window.period, f"{began}:{user}", ends, nano_of_usd(window.limit_usd)
        )
        return account._replace(
            soft_pct=window.soft_pct,
            binds=window.action != "warn",
            provider=window.scope.provider,
            downgrades=window.action == "downgrade",
        )

    def _account(self, rule_id: str, period: Period, which: str, ends: int | None, limit_nano: int) -> Account:
        name = _name(period, *self._whose, rule_id, which)
        return Account(rule_id, name, limit_nano, (), True, None, ends)

    def _bounds(self, period: Period, zone: str) -> tuple[str, int | None]:
        """(which window of this kind it is, when that is over)"""
        match period:
            case "run" | "session":
                named = self._spender.run if period == "run" else self._spender.session
                if named:
                    return named, None
                # What nobody has named is one of its kind for a day.
                began, ends = _calendar("day", self._at_s, "UTC")
                return f"\0{began}", ends
            case "day" | "week" | "month":
                began, ends = _calendar(period, self._at_s, zone)
                return str(began), ends
        return "", None


@functools.lru_cache(maxsize=4_096)
def _name(period: Period, *whose: str) -> str:
    digest = hashlib.sha256("\n".join(whose).encode()).hexdigest()
    return f"{period}:{digest[:NAME_CHARS]}"


def _is_counted(counted: Counted, model: str, user_id: str) -> bool:
    return (counted.model is None or globs.matches((counted.model,), model)) and counted.user in (
        None,
        "each",
        user_id,
    )


def _calendar(period: Period, at_s: int, zone: str) -> tuple[int, int]:
    """When this day, week or month began and ends, by the clocks of that zone."""
    return _from_quarter(period, at_s - at_s % _QUARTER_S, zone)


@functools.lru_cache(maxsize=1_024)
def _from_quarter(period: Period, at_s: int, zone: str) -> tuple[int, int]:
    """Nowhere does a day begin within a quarter of an hour."""
    place = dt.UTC if zone == "UTC" else zoneinfo.ZoneInfo(zone)
    today = dt.datetime.fromtimestamp(at_s, place).date()
    first = today
    if period == "week":
        first = today - today.weekday() * _ONE_DAY
    elif period == "month":
        first = today.replace(day=1)
    # The 28th and four days are always in the next month.
    after = {"day": first + _ONE_DAY, "week": first + 7 * _ONE_DAY}.get(period)
    after = after or (first.replace(day=28) + 4 * _ONE_DAY).replace(day=1)
    began, ends = (dt.datetime.combine(day, dt.time(), place).timestamp() for day in (first, after))
    return int(began), int(ends)
