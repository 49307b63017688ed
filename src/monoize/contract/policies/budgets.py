"""How much money an agent may spend in which window of time."""

from typing import Annotated, Literal

from monoize.contract.policies.tightening import DENIED, INNER, Policy
from monoize.contract.policies.words import Glob, Name, Percent, TimeZone, Usd, check_time_zone

Period = Literal["call", "run", "session", "day", "week", "month", "total"]
Action = Literal["block", "downgrade", "warn"]


class Scope(Policy, frozen=True, kw_only=True):
    """Which spending is counted; "each" gives every user a window of their own."""

    model: Glob | None = None
    provider: Glob | None = None
    user: Name | None = None


class Window(Policy, frozen=True, kw_only=True):
    """Used up, it refuses, leaves what is cheaper among the fallbacks of the model policy, or is only noticed."""

    id: Name
    period: Period
    limit_usd: Usd
    soft_pct: tuple[Percent, ...] = (50, 80)
    action: Action = "block"
    scope: Scope = Scope()


class Step(Policy, frozen=True, kw_only=True):
    """Somebody is told whenever so much more was spent."""

    every_usd: Usd
    notify: bool = True


class Budgets(Policy, frozen=True, kw_only=True):
    """Every window has to have room for a request: what was settled, what is held and its estimate together."""

    windows: Annotated[tuple[Window, ...], DENIED] = ()
    timezone: Annotated[TimeZone, INNER] = "UTC"
    steps: Annotated[tuple[Step, ...], DENIED] = ()

    def __post_init__(self) -> None:
        check_time_zone(self.timezone)
