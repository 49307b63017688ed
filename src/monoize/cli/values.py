"""The kinds of values that arguments have, checked before anything is sent and turned into what the API takes."""

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from monoize.cli.show import NANO_PER_USD

USERNAME_LEAST: Final = 3
USERNAME_MOST: Final = 22
LIST_LIMIT_MOST: Final = 10_000
_USERNAME: Final = re.compile(rf"[A-Za-z0-9_]{{{USERNAME_LEAST},{USERNAME_MOST}}}")
_EMAIL: Final = re.compile(r"[^@\s<>()\[\],;:\\\"]+@[^@\s<>()\[\],;:\\\"]+\.[^@\s.]+")
_USD: Final = re.compile(r"(-?)([0-9]{1,20})(?:\.([0-9]{1,9}))?")


class Time(click.ParamType[str]):
    """A day or a time in ISO 8601; UTC unless it says otherwise."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            given = dt.datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time; write 2027-01-31 or 2027-01-31T12:00:00Z", param, ctx)
        return (given if given.tzinfo else given.replace(tzinfo=dt.UTC)).isoformat()


class Usd(click.ParamType[str]):
    """An amount in USD, as the nano-USD text of the API."""

    name = "usd"

    def __init__(self, *, signed: bool = False) -> None:
        self._signed = signed

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        amount = _USD.fullmatch(value)
        if amount is None or (amount[1] and not self._signed):
            self.fail(f"{value!r} is not an amount; write 25 or 0.5, with at most nine decimals", param, ctx)
        return amount[1] + str(int(amount[2]) * NANO_PER_USD + int((amount[3] or "").ljust(9, "0")))


class Matching(click.ParamType[str]):
    """A text of one shape, in its one spelling."""

    def __init__(
        self, name: str, pattern: re.Pattern[str], rule: str, spelling: Callable[[str], str] = str
    ) -> None:
        self.name, self._pattern, self._rule, self._spelling = name, pattern, rule, spelling

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._pattern.fullmatch(value):
            self.fail(f"{value!r} is not {self._rule}", param, ctx)
        return self._spelling(value)


PORT: Final = click.IntRange(0, 65_535)
TIME: Final = Time()
USD: Final = Usd()
SIGNED_USD: Final = Usd(signed=True)
USERNAME: Final = Matching(
    "username", _USERNAME, f"{USERNAME_LEAST} to {USERNAME_MOST} letters, digits and underscores"
)
EMAIL: Final = Matching("email", _EMAIL, "an e-mail address", str.lower)

limit_option: Final = click.option(
    "--limit",
    type=click.IntRange(1, LIST_LIMIT_MOST),
    default=50,
    show_default=True,
    help="The most to show, newest first.",
)
yes_option: Final = click.option("--yes", is_flag=True, help="Do not ask.")
config_option: Final = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The settings file, instead of MONOIZE_CONFIG or ./monoize.toml.",
)


def username_from(email: str) -> str:
    """The part before the @, made a valid username."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", email.partition("@")[0])
    return name[:USERNAME_MOST].ljust(USERNAME_LEAST, "_")
