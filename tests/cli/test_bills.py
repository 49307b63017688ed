"""A provider's bill is read exactly, or refused with the line that is wrong."""

import contextlib
import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.base.money import NANO_PER_USD, usd_of_nano
from monoize.cli import bills
from monoize.cli.bills import Line, parse
from monoize.cli.failure import Failure

DAY = dt.date(2026, 2, 8)
NIGHT_S = 1_770_508_800
NEXT_NIGHT_S = NIGHT_S + 86_400


def csv(*rows: str) -> bytes:
    return "\n".join(rows).encode()


def amounts(content: bytes, provider: str = "somebody") -> list[int]:
    return [line.nano for line in parse(content, provider=provider)]


def openai(*results: Any, start_time: Any = NIGHT_S, end_time: Any = NEXT_NIGHT_S, **page: Any) -> bytes:
    bucket = {"object": "bucket", "start_time": start_time, "end_time": end_time, "results": list(results)}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None, **page}).encode()


def cost(value: Any, line_item: Any = None, currency: Any = "usd") -> dict[str, Any]:
    return {
        "object": "organization.costs.result",
        "amount": {"value": value, "currency": currency},
        "line_item": line_item,
        "project_id": None,
    }


def anthropic(*results: Any, starting_at: Any = "2026-02-08T00:00:00Z", **bucket: Any) -> bytes:
    days = {"starting_at": starting_at, "ending_at": "2026-02-09T00:00:00Z", "results": list(results), **bucket}
    return json.dumps({"data": [days], "has_more": False, "next_page": None}).encode()


def reported(amount: Any, model: Any = None, currency: Any = "USD") -> dict[str, Any]:
    return {
        "currency": currency,
        "amount": amount,
        "workspace_id": None,
        "description": "Claude Sonnet 4 Usage - Input Tokens",
        "cost_type": "tokens",
        "model": model,
        "service_tier": "standard",
    }


def refused(content: bytes, provider: str | None = "somebody") -> Failure:
    with pytest.raises(Failure) as caught:
        parse(content, provider=provider)
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("day", ["day", "Date", " usage date "])
@pytest.mark.parametrize("amount", ["amount", "COST", "cost_usd", "amount_usd"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_with_any_known_header_separator_and_mark(
    delimiter: str, day: str, amount: str, encoding: str, end: str
):
    rows = ((day, "model", amount), ("2026-02-08", "größer", "1.5"), ("2026-02-09", "", "-0.000000001"))
    content = end.join(delimiter.join(row) for row in rows).encode(encoding)

    assert [
        Line("somebody", DAY, "größer", 1_500_000_000),
        Line("somebody", DAY + dt.timedelta(days=1), None, -1),
    ] == parse(content, provider="somebody")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_may_have_everything_in_quotes(delimiter: str):
    rows = ('"day"', '"model"', '"amount"'), ('"2026-02-08"', '"a,b;c"', '"1"')

    assert [("a,b;c", NANO_PER_USD)] == [
        (line.model, line.nano) for line in parse(csv(*map(delimiter.join, rows)), provider="somebody")
    ]


def test_csv_says_whose_a_line_is_or_the_caller_does():
    bill = csv("day,amount,provider", "2026-02-08,1,openai", "2026-02-08,2,")

    assert ["openai", "somebody"] == [line.provider for line in parse(bill, provider="somebody")]
    failure = refused(bill, provider=None)
    assert ("line 3" in failure.message, "--provider" in str(failure.hint)) == (True, True)


@pytest.mark.parametrize(
    ("header", "values", "model"),
    [
        ("day,amount", "", None),
        ("day,amount,model", ",gpt-4o", "gpt-4o"),
        ("day,amount,line_item", ',"gpt-4o-2024-08-06, cached input"', "gpt-4o-2024-08-06"),
        ("day,amount,description", ',"Search, by the piece"', "Search, by the piece"),
        ("day,amount,description,model", ",Tokens,gpt-4o", "gpt-4o"),
        ("day,amount,description,model", ",Tokens,", None),
        ("day,amount,line_item", ',", input"', None),
    ],
)
def test_the_model_is_what_names_it_best(header: str, values: str, model: str | None):
    (line,) = parse(csv(header, f"2026-02-08,1{values}"), provider="somebody")

    assert model == line.model


def test_rows_without_any_value_are_no_lines_and_lines_keep_their_numbers():
    assert [1, 2] == [
        nano // NANO_PER_USD for nano in amounts(csv("", "day,amount", "", "2026-02-08,1", ",", "2026-02-08,2"))
    ]
    assert "line 4 " in refused(csv("", "day,amount", "", "2026-02-08,x")).message


@at_leisure
@given(st.lists(st.integers(-(10**18), 10**18), min_size=1, max_size=20), st.sampled_from(",;\t"))
def test_every_amount_of_nano_usd_is_read_exactly(nanos: list[int], delimiter: str):
    rows = [f"2026-02-08{delimiter}{usd_of_nano(nano)}" for nano in nanos]

    assert nanos == amounts(csv(f"day{delimiter}amount", *rows))


@at_leisure
@given(st.decimals(-1000, 1000, allow_nan=False, allow_infinity=False))
def test_more_digits_are_rounded_once_to_the_nearest(amount: Decimal):
    exact, text = Fraction(amount) * NANO_PER_USD, f"{amount:f}"
    assume(len(text) <= 64)

    for content, units_per_usd in (
        (csv("day,amount", f"2026-02-08,{text}"), 1),
        (openai(cost(text)), 1),
        (openai(cost("VALUE")).replace(b'"VALUE"', text.encode()), 1),
        (anthropic(reported(text)), 100),
    ):
        (nano,) = amounts(content)
        assert Fraction(-1, 2) < nano - exact / units_per_usd <= Fraction(1, 2)


def test_a_number_of_json_is_never_a_float():
    content = openai(cost("VALUE")).replace(b'"VALUE"', b"123456789.123456789")

    assert [123_456_789_123_456_789] == amounts(content)


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("1e-9", 1),
        ("1.2E+3", 1_200 * NANO_PER_USD),
        ("+5", 5 * NANO_PER_USD),
        ("-0", 0),
        ("0E-6176", 0),
        ("007", 7 * NANO_PER_USD),
    ],
)
def test_amounts_may_be_written_as_spreadsheets_and_databases_write_them(text: str, nano: int):
    assert [nano] == amounts(csv("day,amount", f"2026-02-08,{text}")) == amounts(openai(cost(text)))


def test_the_costs_of_an_openai_organization_are_read():
    content = openai(
        cost(0.06, "gpt-4o-2024-08-06, input"),
        cost("0.8958740000000000", "gpt-4o-2024-08-06, output"),
        cost(1, "web search tool calls"),
        cost(0.5),
    )

    assert [
        Line("openai", DAY, "gpt-4o-2024-08-06", 60_000_000),
        Line("openai", DAY, "gpt-4o-2024-08-06", 895_874_000),
        Line("openai", DAY, "web search tool calls", NANO_PER_USD),
        Line("openai", DAY, None, 500_000_000),
    ] == parse(content)
    assert {"elsewhere"} == {line.provider for line in parse(content, provider="elsewhere")}


def test_the_cost_report_of_anthropic_is_read_in_cents():
    content = anthropic(reported("123.78912", "claude-sonnet-4-20250514"), reported("-5"))

    assert [
        Line("anthropic", DAY, "claude-sonnet-4-20250514", 1_237_891_200),
        Line("anthropic", DAY, None, -50_000_000),
    ] == parse(content)
    assert {"elsewhere"} == {line.provider for line in parse(content, provider="elsewhere")}


@pytest.mark.parametrize("content", [openai(), anthropic()])
def test_a_day_without_costs_is_billed_with_nought(content: bytes):
    assert [(DAY, None, 0)] == [(line.day, line.model, line.nano) for line in parse(content)]


@pytest.mark.parametrize(
    ("start", "day"),
    [("2026-02-08T00:00:00Z", DAY), ("2026-02-08T02:00:00+02:00", DAY), ("2026-02-08T13:00:00Z", DAY)],
)
def test_the_days_of_buckets_are_those_of_utc(start: str, day: dt.date):
    assert [day] == [line.day for line in parse(anthropic(starting_at=start))]


@pytest.mark.parametrize(
    "bucket",
    [
        openai(end_time=NEXT_NIGHT_S + 1),
        openai(start_time=NIGHT_S - 1),
        openai(start_time=NEXT_NIGHT_S),
        openai(start_time=-(10**30)),
        openai(start_time=0, end_time=1),
        openai(start_time=32_503_680_000, end_time=32_503_680_001),
        openai(start_time=True),
        anthropic(starting_at="2026-02-07T00:00:00Z"),
        anthropic(starting_at="2026-02-08T00:00:00"),
        anthropic(starting_at="0001-01-01T00:00:00+10:00"),
        anthropic(starting_at="today"),
    ],
)
def test_a_bucket_that_is_not_within_one_day_is_refused(bucket: bytes):
    assert "data[0]" in refused(bucket).message


def test_a_page_that_is_not_the_last_is_refused():
    assert "one page of several" in refused(openai(cost(1), has_more=True)).message


@pytest.mark.parametrize(
    "amount",
    [
        "",
        "$1",
        "1,5",
        "1.234,5",
        "1_000",
        "1.",
        ".5",
        "--1",
        "٣",
        "NaN",
        "Infinity",
        "0x1",
        "1e99999",
        "1 USD",
        "1" * 65,
    ],
)
def test_what_is_no_amount_is_refused(amount: str):
    failures = [refused(csv("day;amount", "2026-02-08;1", f"2026-02-08;{amount}")), refused(openai(cost(amount)))]

    assert ["line 3 of the bill", "data[0].results[0] of the bill"] == [
        failure.message.partition(":")[0] for failure in failures
    ]
    assert all("is no amount" in failure.message for failure in failures)


@pytest.mark.parametrize("amount", [None, True, [], {}])
def test_what_is_no_amount_in_json_is_refused(amount: Any):
    assert "is no amount" in refused(openai(cost(amount))).message
    assert "is no amount" in refused(anthropic(reported(amount))).message


@pytest.mark.parametrize("literal", ["NaN", "-Infinity", "1e99999999999999999999", "1" * 5_000])
def test_numbers_that_json_does_not_have_or_nobody_can_hold_are_refused(literal: str):
    assert "is not JSON" in refused(openai(cost("VALUE")).replace(b'"VALUE"', literal.encode())).message


@pytest.mark.parametrize("amount", ["1000000000.000000001", "-1000000001", "1e13", "1e9999", "1e-65", "-1e-9999"])
def test_an_amount_out_of_range_is_refused(amount: str):
    assert "out of range" in refused(csv("day,amount", f"2026-02-08,{amount}")).message
    assert "out of range" in refused(openai(cost(amount))).message


@pytest.mark.parametrize("literal", ["1e999999999999", "-1e-999999999999"])
def test_an_amount_of_a_trillion_digits_is_refused_before_it_is_counted_out(literal: str):
    assert "out of range" in refused(openai(cost("VALUE")).replace(b'"VALUE"', literal.encode())).message


def test_the_largest_amounts_are_read():
    bill = csv("day,amount", "2026-02-08,1000000000", "2026-02-08,-1000000000", "2026-02-08,1e-64")

    assert [10**18, -(10**18), 0] == amounts(bill)


@pytest.mark.parametrize(
    "day",
    [
        "",
        "1999-12-31",
        "3000-01-01",
        "2026-02-30",
        "20260208",
        "2026-W06-7",
        "08.02.2026",
        "2026-02-08T00:00:00Z",
        "Total",
    ],
)
def test_what_is_no_day_is_refused(day: str):
    failure = refused(csv("day,amount", f"{day},1"))

    assert ("line 2 " in failure.message, "2027-01-31" in str(failure.hint)) == (True, True)


@pytest.mark.parametrize("day", ["2000-01-01", "2999-12-31"])
def test_the_first_and_the_last_day_are_read(day: str):
    assert [day] == [line.day.isoformat() for line in parse(csv("day,amount", f"{day},1"), provider="p")]


@pytest.mark.parametrize("currency", ["EUR", "", None, 5])
def test_only_usd_is_taken(currency: Any):
    assert "currency" in refused(openai(cost(1, currency=currency))).message
    assert "currency" in refused(anthropic(reported("1", currency=currency))).message
    if currency is None or isinstance(currency, str):
        bill = csv("day,amount,currency", "2026-02-08,1,usd", f"2026-02-08,1,{currency or ''}")
        assert "line 3" in refused(bill).message


@pytest.mark.parametrize("name", ["m" * 192, "a\x1bb", "a\x00b"])
def test_a_name_that_is_too_long_or_does_not_print_is_refused(name: str):
    assert "is no model" in refused(csv("day,amount,model", f"2026-02-08,1,{name}")).message
    assert "is no provider" in refused(csv("day,amount,provider", f"2026-02-08,1,{name}")).message
    assert "is no model" in refused(openai(cost(1, name))).message
    assert "is no provider" in refused(openai(cost(1)), provider=name).message


def test_the_longest_names_are_read():
    (line,) = parse(csv("day,amount,model", f"2026-02-08,1,{'m' * 191}"), provider="p" * 64)

    assert (191, 64) == (len(line.model or ""), len(line.provider))


@pytest.mark.parametrize("model", [5, [], {}, "\ud800", " "])
def test_what_is_no_model_in_json_is_refused(model: Any):
    assert "is no model" in refused(anthropic(reported("1", model))).message


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("day,amount,cost", "amount, cost"),
        ("day,date,amount", "day, date"),
        ("day,amount,model,model", "model, model"),
        ("day,amount,currency,currency", "currency, currency"),
    ],
)
def test_a_header_that_leaves_a_choice_is_refused(header: str, words: str):
    assert words in refused(csv(header, "2026-02-08,1,2,3")).message


@pytest.mark.parametrize(
    "row",
    ["2026-02-08", "2026-02-08,1,2,3", '2026-02-08,"1,m', '2026-02-08,"1"2,m'],
    ids=["few", "many", "open", "after"],
)
def test_a_row_that_does_not_fit_its_header_is_refused(row: str):
    assert "line 2 " in refused(csv("day,amount,model", row)).message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"day,amount",
        b"2026-02-08,1",
        b"day,price\n2026-02-08,1",
        b"[]",
        b"{}",
        b"{",
        b"[" * 100_000,
        b'{"data": {}}',
        b'{"data": []}',
        b'{"data": [1]}',
        b'{"data": [{"results": []}]}',
        openai({"object": "organization.usage.completions.result", "input_tokens": 5}),
        openai(None),
        openai({"amount": 5}),
        anthropic({"amount": "5"}),
    ],
)
def test_what_is_no_bill_is_refused(content: bytes):
    refused(content)


def test_a_bill_is_bounded_in_size_and_lines():
    header, row = b"day,amount\n", b"2026-02-08,1\n"

    assert bills.LINES_MOST == len(parse(header + row * bills.LINES_MOST, provider="p"))
    assert f"more than {bills.LINES_MOST} lines" in refused(header + row * (bills.LINES_MOST + 1)).message
    assert f"larger than {bills.BILL_MOST_BYTES} bytes" in refused(b" " * (bills.BILL_MOST_BYTES + 1)).message


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1", "usd", "2026-02-08"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "results", "amount", "value", "currency", "model"]), inner)
    ),
    max_leaves=8,
)
shapes: list[Callable[[Any], bytes]] = [
    lambda value: json.dumps(value).encode(),
    lambda value: openai(value),
    lambda value: openai(cost(value, value)),
    lambda value: openai(start_time=value),
    lambda value: anthropic(reported(value, value, value)),
    lambda value: anthropic(starting_at=value),
    lambda value: csv("day,amount,model", f"2026-02-08,{value}"),
    lambda value: csv("day;amount;model", f"{value};1;m"),
]


@at_leisure
@given(st.binary() | st.builds(lambda shape, value: shape(value), st.sampled_from(shapes), values))
def test_anything_else_is_read_or_refused_and_nothing_breaks(content: bytes):
    with contextlib.suppress(Failure):
        assert all(type(line.nano) is int for line in parse(content, provider="somebody"))
