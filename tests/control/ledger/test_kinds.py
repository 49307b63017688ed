"""The table of kinds is the law of the book: nothing is posted that it does not allow."""

from typing import Any, get_args

import pytest
from control.ledger.bench import Bench
from sqlalchemy import exc, text

from monoize.base.ids import new_id
from monoize.control.ledger.actions.book import opened
from monoize.control.ledger.model.kinds import KINDS, KindName, fits


def test_every_kind_has_its_rules_and_moves_something():
    assert set(get_args(KindName)) == set(KINDS)
    assert [] == [name for name, kind in KINDS.items() if kind.on_user is None and kind.on_key is None]


@pytest.mark.parametrize(
    ("kind", "look", "allowed"),
    [
        ("request_charge", {"delta": -1, "on_key": False, "request_id": "r"}, True),
        ("request_charge", {"delta": 1, "on_key": False, "request_id": "r"}, False),
        ("request_charge", {"delta": -1, "on_key": True, "request_id": "r"}, False),
        ("request_charge", {"delta": -1, "on_key": False, "request_id": None}, False),
        ("api_key_charge", {"delta": -1, "on_key": True, "request_id": "r"}, True),
        ("api_key_charge", {"delta": -1, "on_key": False, "request_id": "r"}, False),
        ("top_up", {"delta": 1, "on_key": False, "request_id": None}, True),
        ("top_up", {"delta": 1, "on_key": False, "request_id": "r"}, True),
        ("top_up", {"delta": -1, "on_key": False, "request_id": None}, False),
        ("admin_adjustment", {"delta": -1, "on_key": False, "request_id": None}, True),
        ("admin_adjustment", {"delta": 0, "on_key": False, "request_id": None}, False),
        ("admin_adjustment", {"delta": 1, "on_key": False, "request_id": "r"}, False),
        ("sub_account_refund", {"delta": 1, "on_key": False, "request_id": None}, True),
        ("sub_account_refund", {"delta": 1, "on_key": True, "request_id": None}, False),
    ],
)
def test_a_row_fits_its_kind_or_not(kind: KindName, look: dict[str, Any], allowed: bool):
    assert allowed == fits(kind, **look)


async def test_what_the_table_does_not_allow_cannot_be_posted(sqlite_bench: Bench):
    ada = await sqlite_bench.user()

    for poster, kind, delta, request_id in (
        ("machine", "top_up", 1, None),
        ("person", "request_charge", -1, "r"),
        ("machine", "request_charge", 1, "r"),
        ("machine", "request_charge", -1, None),
    ):
        with pytest.raises(AssertionError, match="cannot post"):
            await posted(sqlite_bench, ada, poster, kind, delta, request_id)

    assert (0, 0) == (await sqlite_bench.balance(ada), len(await sqlite_bench.rows()))


async def posted(bench: Bench, user_id: str, poster: Any, kind: Any, delta: int, request_id: str | None) -> None:
    async with (
        bench.database.write() as tx,
        opened(tx, bench.seal, poster=poster, user_ids=[user_id]) as book,
    ):
        book.post(kind, delta, user_id=user_id, request_id=request_id, meta={})


async def done(bench: Bench, statement: str) -> None:
    async with bench.database.write() as tx:
        await tx.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_ledger SET account_seq = 9",
        f"UPDATE billing_ledger SET account_id = '{new_id()}'",
        "UPDATE billing_ledger SET row_mac = 'x'",
        "UPDATE billing_ledger SET delta_nano_usd = '9'",
        "DELETE FROM billing_ledger",
    ],
    ids=lambda statement: statement[:40],
)
async def test_the_database_itself_refuses_to_change_a_row_in_any_of_its_columns(bench: Bench, statement: str):
    ada = await bench.user()
    await bench.top_up(ada, 5)
    before = await bench.rows()

    with pytest.raises(exc.DBAPIError, match="append-only"):
        await done(bench, statement)

    assert list(before) == list(await bench.rows())
