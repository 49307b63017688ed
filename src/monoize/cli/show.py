"""What people read on stdout: aligned tables and records, or with --json the API's own JSON.

How a value looks follows from its field's name, so that every noun shows times, money and nulls alike. Text that
others chose is printed without control characters, which could otherwise command the reader's terminal.
"""

import datetime as dt
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

NOTHING: Final = "-"
NANO_PER_USD: Final = 10**9
_MONEY: Final = "_nano_usd"
_TIMES: Final = frozenset(
    {"expires", "email_verified", "first_seen", "last_seen", "last_refresh", "insecure_enabled_until"}
)
_GAP: Final = "  "


def said(sentence: str) -> None:
    """What was done and what comes next: for people, on stderr, so that stdout holds results alone."""
    click.echo(clean(sentence), err=True)


def as_json(data: Any) -> None:
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def as_json_line(data: Any) -> None:
    """One of many, for whoever reads them as they come."""
    click.echo(json.dumps(data, ensure_ascii=False))


def listing(page: Mapping[str, Any], columns: Sequence[str], *, as_text: bool) -> None:
    """A page as a table; a line on stderr tells when there is more."""
    if as_text:
        table(
            [label(name) for name in columns],
            [[value(name, item[name]) for name in columns] for item in page["items"]],
        )
    else:
        as_json(page)
    if page["next_cursor"] is not None:
        said(f"These are the newest {len(page['items'])}; ask for more with --limit.")


def thing(item: Mapping[str, Any], *, as_text: bool) -> None:
    """One thing with all its fields."""
    if as_text:
        record([(label(name), value(name, raw)) for name, raw in item.items()])
    else:
        as_json(item)


def secret(created: Mapping[str, Any], *, as_text: bool) -> None:
    """A new secret alone, so that it can be piped to where it belongs."""
    if as_text:
        click.echo(created["secret"])
    else:
        as_json(created)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [[title.upper() for title in titles], *rows]
    widths = [max(_width(line[index]) for line in lines) for index in range(len(titles))]
    for line in lines:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        click.echo(_GAP.join(padded).rstrip())


def record(pairs: Sequence[tuple[str, str]]) -> None:
    width = max(_width(name) for name, _ in pairs)
    for name, text in pairs:
        click.echo(f"{name:<{width}}{_GAP}{text}")


def label(field: str) -> str:
    return field.replace(_MONEY, "_usd").replace("_", " ")


def value(field: str, raw: Any) -> str:
    match raw:
        case None | "" | []:
            return NOTHING
        case bool():
            return "yes" if raw else "no"
        case list():
            return clean(", ".join(map(str, raw)))
        case dict():
            return clean(json.dumps(raw, ensure_ascii=False)) if raw else NOTHING
        case str() if field.endswith(_MONEY):
            return usd(raw)
        case str() if field.endswith("_at") or field in _TIMES:
            return time(raw)
        case _:
            return clean(str(raw))


def usd(nano_usd: str) -> str:
    """Exact, with two decimals or as many more as it takes."""
    amount = int(nano_usd)
    whole, fraction = divmod(abs(amount), NANO_PER_USD)
    return f"{'-' if amount < 0 else ''}{whole}.{f'{fraction:09}'.rstrip('0').ljust(2, '0')}"


def time(text: str) -> str:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clean(text: str) -> str:
    """The text with everything that would not print written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _width(text: str) -> int:
    """Columns on a terminal: East Asian characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
