"""Numbers that people enter, as whole numbers of the smallest unit; what cannot be read is refused at its field."""

from decimal import Decimal, InvalidOperation
from typing import Final

from monoize.dashboard.forms import Form, invalid

CHARS_MOST: Final = 30
_WHOLE: Final = "Use a whole number."
_AMOUNT: Final = "Use a number such as 25 or 12.50."


def whole(form: Form, name: str, wrong: str = _WHOLE) -> int | None:
    """None when nothing was entered."""
    written = form.text(name)
    if written is None:
        return None
    if not (written.isascii() and written.isdecimal() and len(written) <= CHARS_MOST):
        raise invalid(**{name: wrong})
    return int(written)


def scaled(form: Form, name: str, unit: int, wrong: str = _AMOUNT, *, exact: bool = False) -> int | None:
    """So many units of `unit`, rounded down; with `exact` what would be rounded is refused."""
    written = form.text(name)
    if written is None:
        return None
    if len(written) > CHARS_MOST:
        raise invalid(**{name: wrong})
    try:
        amount = Decimal(written) * unit
        found = int(amount)
    except (InvalidOperation, ValueError, OverflowError):
        raise invalid(**{name: wrong}) from None
    if found < 0 or amount.adjusted() > CHARS_MOST or (exact and found != amount):
        raise invalid(**{name: wrong})
    return found


def units(amount: int, unit: int) -> str:
    """The way back: what a form shows of an amount, without zeros at its end."""
    written = f"{Decimal(amount) / unit:f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written) or "0"
