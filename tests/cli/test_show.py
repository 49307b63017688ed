"""How values look to people."""

import pytest

from monoize.cli import show


@pytest.mark.parametrize(
    ("nano_usd", "usd"),
    [
        ("0", "0.00"),
        ("1", "0.000000001"),
        ("1500000000", "1.50"),
        ("-1230000000", "-1.23"),
        ("-1", "-0.000000001"),
        ("123456789012345678901234567890", "123456789012345678901.23456789"),
    ],
)
def test_money_is_exact(nano_usd: str, usd: str):
    assert usd == show.usd(nano_usd)


@pytest.mark.parametrize(
    ("field", "raw", "shown"),
    [
        ("name", None, "-"),
        ("name", "", "-"),
        ("enabled", True, "yes"),
        ("enabled", False, "no"),
        ("scopes", [], "-"),
        ("scopes", ["a", "b"], "a, b"),
        ("details", {}, "-"),
        ("details", {"name": "é"}, '{"name": "é"}'),
        ("requests_per_minute", 0, "0"),
        ("created_at", "2026-01-31T12:00:00.5+02:00", "2026-01-31T10:00:00Z"),
        ("balance_nano_usd", "5", "0.000000005"),
        ("name", "a\x1b[31m\u202e\nb", "a\\x1b[31m\\u202e\\nb"),
    ],
)
def test_a_value_looks_as_its_field_says(field: str, raw: object, shown: str):
    assert shown == show.value(field, raw)


def test_columns_stay_aligned_under_wide_characters(capsys: pytest.CaptureFixture[str]):
    show.table(["name", "role"], [["日本", "user"], ["cafe\u0301", "admin"]])

    assert ["NAME  ROLE", "日本  user", "cafe\u0301  admin"] == capsys.readouterr().out.splitlines()
