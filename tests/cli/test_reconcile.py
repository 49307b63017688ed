"""`monoize ledger reconcile`, against a server that has recorded calls."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine
from control.telemetry.bench import DAY_MS, NOON_MS, USAGE_NANO, Bench, event
from support.processes import Outcome
from support.server import forked_server

from monoize.base.cost.sheet import UNPRICED
from monoize.base.money import usd_of_nano
from monoize.contract.events import Charged
from monoize.infra import dsn
from monoize.infra.db import open_database

SECRET = "a-token-for-reconciling"
USD = usd_of_nano(USAGE_NANO)
SONNET = "claude-sonnet-4-6"
# Every test looks at a provider of its own.
CALLS = (
    event(),
    event(),
    event(model="claude-haiku-4-5"),
    event(at_ms=NOON_MS + DAY_MS),
    event(provider="openai", model="gpt-4o"),
    event(provider="openai", model="gpt-4o", sheet=UNPRICED),
    *(event(provider="long", at_ms=NOON_MS + days * DAY_MS) for days in (0, 31, 40, 70)),
)


async def record(database_file: Path, *calls: Charged) -> None:
    database = await open_database(dsn.parse(f"sqlite://{database_file}"), pool_size=1)
    await Bench(database).record(*calls)
    await database.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("reconcile")
    with forked_server(folder, MONOIZE_LOG_LEVEL="error", MONOIZE_ADMIN_TOKEN=SECRET) as server:
        asyncio.run(record(folder / "data" / "monoize.db", *CALLS))
        yield server.address


class Bookkeeper:
    def __init__(self, command_line: CommandLine, address: str) -> None:
        self._command_line = command_line
        self._server = {"MONOIZE_URL": address, "MONOIZE_TOKEN": SECRET}

    def reconciles(self, bill: str, *arguments: str) -> Outcome:
        wanted = ("ledger", "reconcile", "--provider-bill", "-", *arguments)
        return self._command_line.run(*wanted, stdin=bill, **self._server)

    def file(self, content: bytes) -> Path:
        file = self._command_line.home / "bill"
        file.write_bytes(content)
        return file


@pytest.fixture
def bookkeeper(operator: CommandLine, address: str) -> Bookkeeper:
    return Bookkeeper(operator, address)


def csv(*rows: str) -> str:
    return "\n".join(("day,model,cost_usd", *rows))


def table(done: Outcome) -> list[list[str]]:
    return [line.split() for line in done.lines]


def report(model: str | None = "claude-sonnet-4-6-20260101", **page: Any) -> str:
    days = {"starting_at": "2026-02-09T00:00:00Z", "ending_at": "2026-02-10T00:00:00Z"}
    results = [{"currency": "USD", "amount": "1.965", "model": model, "description": "Input Tokens"}]
    return json.dumps({"data": [{**days, "results": results}], "has_more": False, **page})


def test_a_bill_that_is_right_is_shown_with_its_totals(bookkeeper: Bookkeeper):
    bill = csv(
        f"2026-02-08,Claude-Sonnet-4-6,{usd_of_nano(2 * USAGE_NANO)}",
        f"2026-02-08,claude-haiku-4-5-20251001,{USD}",
        f"2026-02-09,claude-sonnet-4-6,{USD}",
    )
    done = bookkeeper.reconciles(bill, "--provider", "anthropic", "--tolerance", "0")

    assert (0, "The bill is right: 2 days within 0 %.\n") == (done.code, done.err)
    assert done.lines[0].split("  ")[0] == "PROVIDER"
    assert [
        ["anthropic", "2026-02-08", "claude-haiku-4-5", USD, USD, "0.00", "0", "1", "0", "-"],
        ["anthropic", "2026-02-08", SONNET, "0.0393", "0.0393", "0.00", "0", "2", "0", "-"],
        ["anthropic", "2026-02-09", SONNET, USD, USD, "0.00", "0", "1", "0", "-"],
    ] == table(done)[1:4]
    assert [
        ["anthropic", "2026-02-08", "0.05895", "0.05895", "0.00", "0", "3", "0", "no"],
        ["anthropic", "2026-02-09", USD, USD, "0.00", "0", "1", "0", "no"],
        ["-", "total", "0.0786", "0.0786", "0.00", "0", "4", "0", "-"],
    ] == table(done)[6:]


def test_a_day_over_the_tolerance_exits_with_1_and_is_named(bookkeeper: Bookkeeper):
    done = bookkeeper.reconciles(csv("2026-02-08,gpt-4o,0.04"), "--provider", "openai")

    assert 1 == done.code
    assert "Calls without a price, which are missing from our side: 1." in done.err
    assert "1 of 1 days drift from the bill by more than 1 %" in done.err
    assert f"openai 2026-02-08: {USD} USD with us, 0.04 USD on the bill" in done.err
    assert "hint: " in done.err
    assert ["openai", "2026-02-08", "gpt-4o", USD, "0.04", "-0.02035", "-50.87", "2", "1", "-"] == table(done)[1]


@pytest.mark.parametrize(("tolerance", "code"), [("50.88", 0), ("50.87", 1), ("0", 1), ("51", 0)])
def test_the_tolerance_is_a_percentage_of_the_bill(bookkeeper: Bookkeeper, tolerance: str, code: int):
    bill = csv("2026-02-08,gpt-4o,0.04")

    assert code == bookkeeper.reconciles(bill, "--provider", "openai", "--tolerance", tolerance).code


def test_a_drift_of_less_than_a_cent_is_no_alarm(bookkeeper: Bookkeeper):
    assert 0 == bookkeeper.reconciles(csv("2026-02-08,gpt-4o,0.01"), "--provider", "openai").code


def test_json_is_whole_also_when_the_answer_is_no(bookkeeper: Bookkeeper):
    done = bookkeeper.reconciles(csv("2026-02-08,dall-e-3,0.04"), "--provider", "openai", "--json")

    sides = {"drift_bp": None, "unpriced_calls": 1, "calls": 2}
    assert 1 == done.code
    assert {
        "rows": [
            {
                "provider": "openai",
                "day": "2026-02-08",
                "model": "dall-e-3",
                "ours_nano_usd": "0",
                "bill_nano_usd": "40000000",
                "drift_nano_usd": "-40000000",
                "drift_bp": -10_000,
                "calls": 0,
                "unpriced_calls": 0,
                "only_in": "bill",
            },
            {
                "provider": "openai",
                "day": "2026-02-08",
                "model": "gpt-4o",
                "ours_nano_usd": str(USAGE_NANO),
                "bill_nano_usd": "0",
                "drift_nano_usd": str(USAGE_NANO),
                **sides,
                "only_in": "ours",
            },
        ],
        "days": [
            {
                "provider": "openai",
                "day": "2026-02-08",
                "ours_nano_usd": str(USAGE_NANO),
                "bill_nano_usd": "40000000",
                "drift_nano_usd": "-20350000",
                **sides,
                "drift_bp": -5_087,
                "over_tolerance": True,
            }
        ],
        "total": {
            "ours_nano_usd": str(USAGE_NANO),
            "bill_nano_usd": "40000000",
            "drift_nano_usd": "-20350000",
            **sides,
            "drift_bp": -5_087,
        },
    } == json.loads(done.out)


def test_the_reports_of_providers_name_the_provider_themselves(bookkeeper: Bookkeeper):
    done = bookkeeper.reconciles(report())
    assert (0, ["anthropic", "2026-02-09", SONNET, USD, USD]) == (done.code, table(done)[1][:5])
    elsewhere = bookkeeper.reconciles(report(), "--provider", "elsewhere")
    assert (1, True) == (elsewhere.code, "There are no calls of elsewhere here" in elsewhere.err)
    paged = bookkeeper.reconciles(report(has_more=True))
    assert (1, "", True) == (paged.code, paged.out, "one page of several" in paged.err)


def test_a_bill_without_models_is_compared_by_day(bookkeeper: Bookkeeper):
    done = bookkeeper.reconciles(report(model=None))

    assert (0, ["anthropic", "2026-02-09", "-", USD, USD]) == (done.code, table(done)[1][:5])


def test_a_long_bill_is_asked_for_in_parts_and_days_that_it_leaves_out_are_drift(bookkeeper: Bookkeeper):
    bill = csv(*(f"{day},{SONNET},{USD}" for day in ("2026-03-11", "2026-04-19", "2026-02-08")))
    done = bookkeeper.reconciles(bill, "--provider", "long")

    assert [f"{number} of 3 parts of our costs …" for number in (1, 2, 3)] == done.err.splitlines()[:3]
    assert [
        ["2026-02-08", USD, USD, "0.00", "0"],
        ["2026-03-11", USD, USD, "0.00", "0"],
        ["2026-03-20", USD, "0.00", USD, "-"],
        ["2026-04-19", USD, USD, "0.00", "0"],
    ] == [row[1:2] + row[3:7] for row in table(done)[1:5]]
    assert 1 == done.code
    assert "1 of 4 days drift" in done.err


def test_several_providers_may_be_on_one_bill(bookkeeper: Bookkeeper):
    bill = "day;provider;amount\n" + "\n".join(
        f"2026-02-08;{provider};{amount}" for provider, amount in (("openai", USD), ("anthropic", "0.05895"))
    )
    done = bookkeeper.reconciles(bill)

    assert (0, True) == (done.code, "2 days within 1 %" in done.err)
    assert ["anthropic", "openai"] == [row[0] for row in table(done)[1:3]]


def test_a_bill_may_be_a_file(bookkeeper: Bookkeeper):
    file = bookkeeper.file(csv(f"2026-02-09,{SONNET},{USD}").encode("utf-8-sig"))

    done = bookkeeper.reconciles("", "--provider", "anthropic", "--provider-bill", str(file))

    assert 0 == done.code


@pytest.mark.parametrize(
    ("bill", "words"),
    [
        ("", "this is no bill"),
        (csv("2026-02-08,gpt-4o,1", "2026-02-08,gpt-4o,$1"), "line 3 of the bill: '$1' is no amount"),
        (csv("2000-01-01,a,1", "2999-12-31,a,1"), "too many days or providers"),
        ("day,cost,provider\n" + "\n".join(f"2026-02-08,1,p{number}" for number in range(501)), "too many days"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(bookkeeper: Bookkeeper, bill: str, words: str):
    done = bookkeeper.reconciles(bill, "--provider", "openai")

    assert (1, "") == (done.code, done.out)
    assert words in done.err
    assert "hint: " in done.err


@pytest.mark.parametrize("tolerance", ["-1", "1.234", "1e2", "1,5", "", "many"])
def test_a_tolerance_that_is_no_percentage_is_a_usage_error(bookkeeper: Bookkeeper, tolerance: str):
    done = bookkeeper.reconciles(csv("2026-02-08,a,1"), "--provider", "p", "--tolerance", tolerance)

    assert (2, True) == (done.code, "is not a percentage" in done.err)


def test_a_bill_that_is_not_there_or_cannot_be_read_is_a_usage_error(bookkeeper: Bookkeeper, tmp_path: Path):
    for place in (tmp_path / "absent", tmp_path):
        done = bookkeeper.reconciles("", "--provider-bill", str(place))
        assert (2, True) == (done.code, "cannot read" in done.err)
    assert 1 == bookkeeper.reconciles(" " * 16_777_217).code
