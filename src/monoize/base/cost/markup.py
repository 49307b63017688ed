"""What is added to a charge, in basis points of it: a line of its own, rounded once, half up."""

from typing import Final

import msgspec

from monoize.base.money import bounded, round_half_up

BP_MOST: Final = 100_000
_ONE_BP: Final = 10_000


class Markup(msgspec.Struct, frozen=True):
    """The charge is `of_nano` and `nano` together."""

    bp: int
    of_nano: int
    nano: int

    def __post_init__(self) -> None:
        if not 0 < self.bp <= BP_MOST or self.of_nano < 0 or self.nano != _added(self.of_nano, self.bp):
            raise ValueError("a markup is so many basis points of a charge")


def markup_on(charge_nano: int, bp: int) -> Markup | None:
    """None where nothing is added."""
    return Markup(bp, charge_nano, _added(charge_nano, bp)) if bp else None


def with_markup(charge_nano: int, bp: int) -> int:
    return bounded(charge_nano + _added(charge_nano, bp)) if bp else charge_nano


def _added(charge_nano: int, bp: int) -> int:
    return round_half_up(charge_nano * bp, _ONE_BP)
