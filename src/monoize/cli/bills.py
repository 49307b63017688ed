"""A provider's bill: what it charges for each day and model, read from the file it hands out. Pure.

Three shapes are told apart by their content: CSV with a header, OpenAI's costs and Anthropic's cost report. What
cannot be read exactly is a Failure that names the line and the cure; no line is left out or guessed.
"""

import csv
import dataclasses
import datetime as dt
import io
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from monoize.base.money import NANO_PER_USD, round_half_up
from monoize.cli.failure import Failure

BILL_MOST_BYTES: Final = 16_777_216
LINES_MOST: Final = 200_000
MODEL_CHARS_MOST: Final = 191
PROVIDER_CHARS_MOST: Final = 64
"""As many as our own names of providers have: none that is longer could be asked for."""
USD_MOST: Final = 10**9

_NANO_PER_CENT: Final = NANO_PER_USD // 100
_COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "day": ("day", "date", "usage_date"),
    "amount": ("amount", "amount_usd", "cost", "cost_usd", "spend", "spend_usd"),
    "model": ("model", "line_item", "description"),
    "provider": ("provider",),
    "currency": ("currency",),
}
_DELIMITERS: Final = ",;\t"
_DAY: Final = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}")
_AMOUNT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?")
_AMOUNT_CHARS_MOST: Final = 64
_DECIMALS_MOST: Final = 64
_WHOLE_DIGITS_MOST: Final = 12
_DAY_S: Final = 86_400
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST_S: Final = 946_684_800  # 2000-01-01
_LAST_S: Final = 32_503_680_000  # 3000-01-01
_SHOWN_CHARS: Final = 40


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """`model` is None where the bill names none; a negative amount is a credit."""

    provider: str
    day: dt.date
    model: str | None
    nano: int


def parse(content: bytes, *, provider: str | None = None) -> Sequence[Line]:
    """The lines of a bill; those that do not say whose they are belong to `provider`."""
    if len(content) > BILL_MOST_BYTES:
        raise Failure(f"the bill is larger than {BILL_MOST_BYTES} bytes", hint="Split it by days.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Failure("the bill is not text in UTF-8", hint="Save it again, as CSV in UTF-8.") from None
    found = _json_lines(text, provider) if text.lstrip().startswith(("{", "[")) else _csv_lines(text, provider)
    lines = list(itertools.islice(found, LINES_MOST + 1))
    if len(lines) > LINES_MOST:
        raise Failure(f"the bill has more than {LINES_MOST} lines", hint="Split it by days.")
    if not lines:
        raise Failure("the bill has no lines", hint="Ask the provider for days on which something was used.")
    return lines


def _csv_lines(text: str, provider: str | None) -> Iterator[Line]:
    for delimiter in _DELIMITERS:
        rows = _csv_rows(text, delimiter)
        try:
            _, header = next(rows, ("", ()))
        except Failure:
            continue  # The quotes of another separator.
        names = [name.strip().casefold().replace(" ", "_") for name in header]
        columns = _columns(names)
        if "day" in columns and "amount" in columns:
            for place, row in rows:
                yield _csv_line(place, row, names, columns, provider)
            return
    raise _unknown_bill()


def _csv_rows(text: str, delimiter: str) -> Iterator[tuple[str, Sequence[str]]]:
    """(where it stands, its cells)"""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            if any(row):
                yield f"line {rows.line_num}", row
    except csv.Error as problem:
        raise _wrong(f"line {rows.line_num}", f"is not CSV: {problem}", "Mend its quotes.") from problem


def _columns(names: Sequence[str]) -> Mapping[str, int]:
    """Where each thing stands that the header names."""
    columns: dict[str, int] = {}
    for thing, known in _COLUMNS.items():
        found = [name for name in known for each in names if each == name]
        # A model may be described beside its name; of two days or two amounts we cannot know which one is meant.
        if len(found) > 1 and (thing != "model" or found[0] == found[1]):
            raise Failure(
                f"the header of the bill names the {thing} more than once: {', '.join(found)}",
                hint="Take all of these columns out but one.",
            )
        if found:
            columns[thing] = names.index(found[0])
    return columns


def _csv_line(
    place: str, row: Sequence[str], names: Sequence[str], columns: Mapping[str, int], provider: str | None
) -> Line:
    if len(row) != len(names):
        raise _wrong(
            place,
            f"has {len(row)} columns where the header has {len(names)}",
            "Put values with separators in them in quotes.",
        )
    cells = {thing: row[index].strip() for thing, index in columns.items()}
    if "currency" in cells:
        _check_currency(place, cells["currency"])
    model = cells.get("model") or None
    if model and names[columns["model"]] == "line_item":
        model = _model_of_item(model)
    owner = cells.get("provider") or provider
    if owner is None:
        raise _wrong(place, "does not say whose it is", "Name the provider with --provider.")
    return Line(
        _provider(place, owner),
        _day(place, cells["day"]),
        _model(place, model),
        _nano(place, cells["amount"], NANO_PER_USD),
    )


def _json_lines(text: str, provider: str | None) -> Iterator[Line]:
    try:
        bill = json.loads(text, parse_float=_exact, parse_constant=_exact)
    except (ValueError, RecursionError) as problem:
        raise Failure(f"the bill is not JSON: {problem}", hint="Take the provider's answer as it is.") from problem
    buckets = bill.get("data") if isinstance(bill, dict) else None
    if not isinstance(buckets, list):
        raise _unknown_bill()
    if bill.get("has_more"):
        raise Failure(
            "the bill is one page of several",
            hint="Ask the provider for fewer days, or for more of them on a page with `limit`.",
        )
    for number, bucket in enumerate(buckets):
        yield from _bucket_lines(f"data[{number}]", bucket, provider)


def _bucket_lines(place: str, bucket: Any, provider: str | None) -> Iterator[Line]:
    match bucket:
        case {"start_time": int(start_s), "end_time": int(end_s), "results": list(results)}:
            owner, read = provider or "openai", _openai_result
        case {"starting_at": str(start), "ending_at": str(end), "results": list(results)}:
            start_s, end_s = _seconds(place, start), _seconds(place, end)
            owner, read = provider or "anthropic", _anthropic_result
        case _:
            raise _wrong(place, "is no bucket of costs", "Take the answer of the costs API, not of the usage API.")
    owner, day = _provider(place, owner), _day_of_bucket(place, start_s, end_s)
    if not results:
        # That a day cost nothing is a statement too: what we computed for it is drift.
        yield Line(owner, day, None, 0)
    for number, result in enumerate(results):
        model, nano = read(f"{place}.results[{number}]", result)
        yield Line(owner, day, model, nano)


def _openai_result(place: str, result: Any) -> tuple[str | None, int]:
    match result:
        case {"amount": {"value": value, "currency": currency}}:
            _check_currency(place, currency)
            item = result.get("line_item")
            model = _model_of_item(item) if isinstance(item, str) else item
            return _model(place, model), _nano(place, value, NANO_PER_USD)
        case _:
            raise _no_amount(place)


def _anthropic_result(place: str, result: Any) -> tuple[str | None, int]:
    match result:
        case {"amount": amount, "currency": currency}:
            _check_currency(place, currency)
            return _model(place, result.get("model")), _nano(place, amount, _NANO_PER_CENT)
        case _:
            raise _no_amount(place)


def _model_of_item(item: str) -> str | None:
    """From "gpt-4o-2024-08-06, input": what else is in a line item says what of the model was used."""
    return item.partition(",")[0].strip() or None


def _provider(place: str, provider: str) -> str:
    return _name(place, "provider", provider, PROVIDER_CHARS_MOST)


def _model(place: str, model: Any) -> str | None:
    return None if model is None else _name(place, "model", model, MODEL_CHARS_MOST)


def _name(place: str, what: str, name: Any, chars_most: int) -> str:
    if not (isinstance(name, str) and name.strip() and len(name) <= chars_most and name.isprintable()):
        raise _wrong(
            place, f"{_shown(name)} is no {what}", f"A name here has 1 to {chars_most} printable characters."
        )
    return name.strip()


def _check_currency(place: str, currency: Any) -> None:
    if not (isinstance(currency, str) and currency.casefold() == "usd"):
        raise _wrong(place, f"its currency is {_shown(currency)}", "Only bills in USD can be compared.")


def _nano(place: str, amount: Any, nano_per_unit: int) -> int:
    """Rounded once for each line, since providers print more digits than nano-USD have."""
    exact = _decimal(amount)
    if exact is None:
        raise _wrong(
            place, f"{_shown(amount)} is no amount", "Write it as 1234.5: without a currency, and with one point."
        )
    if not exact:
        return 0  # However it is written: the zero of a decimal of 128 bits has 6176 decimals.
    exponent = exact.as_tuple().exponent
    if exact.adjusted() < _WHOLE_DIGITS_MOST and isinstance(exponent, int) and exponent >= -_DECIMALS_MOST:
        numerator, denominator = exact.as_integer_ratio()
        nano = round_half_up(numerator * nano_per_unit, denominator)
        if abs(nano) <= USD_MOST * NANO_PER_USD:
            return nano
    raise _wrong(
        place,
        f"{_shown(amount)} is out of range",
        f"An amount has at most {_DECIMALS_MOST} decimals and is at most {USD_MOST} USD.",
    )


def _decimal(amount: Any) -> Decimal | None:
    match amount:
        case bool():
            return None
        case int() | Decimal():
            return Decimal(amount)
        case str() if len(amount) <= _AMOUNT_CHARS_MOST and _AMOUNT.fullmatch(amount):
            return Decimal(amount)
        case _:
            return None


def _day(place: str, text: str) -> dt.date:
    try:
        if _DAY.fullmatch(text):
            return dt.date.fromisoformat(text)
    except ValueError:
        pass
    raise _wrong(place, f"{_shown(text)} is no day", "Write days as 2027-01-31, of the years 2000 to 2999.")


def _seconds(place: str, text: str) -> int:
    try:
        return (dt.datetime.fromisoformat(text) - _EPOCH) // dt.timedelta(seconds=1)
    except (ValueError, TypeError, OverflowError):
        # TypeError: without an offset from UTC it is no moment.
        raise _wrong(place, f"{_shown(text)} is no time", "Take the provider's answer as it is.") from None


def _day_of_bucket(place: str, start_s: int, end_s: int) -> dt.date:
    number = start_s // _DAY_S
    if not (_FIRST_S <= start_s < end_s <= _LAST_S and number == (end_s - 1) // _DAY_S):
        raise _wrong(
            place, "is not within one day (UTC) of the years 2000 to 2999", "Ask for buckets of a day (`1d`)."
        )
    return _EPOCH.date() + dt.timedelta(days=number)


def _exact(number: str) -> Decimal:
    try:
        exact = Decimal(number)
    except ArithmeticError:
        raise ValueError(f"{_shown(number)} is out of range") from None
    if not exact.is_finite():
        raise ValueError(f"{number} is no number")
    return exact


def _no_amount(place: str) -> Failure:
    return _wrong(place, "has no amount with a currency", "Take the answer of the costs API, not of the usage API.")


def _unknown_bill() -> Failure:
    days, amounts = (", ".join(_COLUMNS[thing]) for thing in ("day", "amount"))
    return Failure(
        "this is no bill that is known here",
        hint=f"It is CSV whose header names a day ({days}) and an amount ({amounts}), "
        "or the JSON of OpenAI's or Anthropic's costs.",
    )


def _wrong(place: str, what: str, cure: str) -> Failure:
    return Failure(f"{place} of the bill: {what}", hint=cure)


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")
