import datetime as dt

import pytest

from monoize.dashboard.format import (
    ago,
    facts,
    long_bytes,
    milliseconds,
    moment,
    percent,
    program,
    role,
    short_count,
    short_id,
    short_usd,
    usd,
)


@pytest.mark.parametrize(
    ("nano_usd", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (10_000_000, "$0.01"),
        (1_500_000_000, "$1.50"),
        (1_234_567_890_123_456_789, "$1,234,567,890.123456789"),
        (-1, "-$0.000000001"),
        (-2_000_000_000, "-$2.00"),
    ],
)
def test_money_is_exact(nano_usd, shown):
    assert shown == usd(nano_usd)


@pytest.mark.parametrize(
    ("nano_usd", "shown"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (4_250_000, "$0.0043"),
        (9_990_000, "$0.01"),
        (12_345_678_901, "$12.35"),
        (9_999_000_000_000, "$9,999.00"),
        (84_100_000_000_000, "$84.1K"),
        (1_250_000_000_000_000, "$1.25M"),
        (-3_400_000, "-$0.0034"),
    ],
)
def test_money_at_a_glance_keeps_its_size(nano_usd, shown):
    assert shown == short_usd(nano_usd)


def test_numbers_at_a_glance():
    assert ["0", "9,999", "12.3K", "4.56M", "78.9B"] == [
        short_count(n) for n in (0, 9_999, 12_345, 4_560_000, 78_900_000_000)
    ]
    assert ["3 ms", "1.24 s", "59.9 s", "3 min 12 s", "2 h 05 min", "–"] == [
        milliseconds(ms) for ms in (3.2, 1_240, 59_900, 192_000, 7_500_000, None)
    ]
    assert ["512 B", "3 GiB", "1.4 MiB"] == [long_bytes(size) for size in (512, 3 << 30, 1_500_000)]


def test_a_share_is_not_rounded_to_all_or_nothing():
    assert ["33.3 %", "0 %", "100 %", ">99.9 %", "<0.1 %", "–"] == [
        percent(*pair) for pair in ((1, 3), (0, 3), (3, 3), (99_999, 100_000), (1, 100_000), (1, 0))
    ]


def test_how_long_ago_something_was():
    now = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)
    since = [dt.timedelta(seconds=s) for s in (5, 200, 7_300, 100_000, 200_000)]

    assert ["just now", "3 min ago", "2 h ago", "1 day ago", "2 days ago"] == [ago(now - s, now) for s in since]
    assert ["in a moment", "in 3 min"] == [ago(now + s, now) for s in since[:2]]


def test_a_moment_reads_like_a_date():
    assert "3 Nov 2026, 07:05" == moment(dt.datetime(2026, 11, 3, 7, 5, 59, tzinfo=dt.UTC))


def test_long_ids_show_what_tells_them_apart():
    assert "…f3b2a1c0" == short_id("0197a1b2-c3d4-7e5f-8a9b-0c1df3b2a1c0")
    assert "ci" == short_id("ci")


def test_roles_read_like_words():
    assert ["User", "Administrator", "Super administrator"] == [role(r) for r in ("user", "admin", "super_admin")]


def test_facts_leave_away_what_says_nothing():
    details = {"changed": ["email", "name"], "scopes": None, "groups": [], "created": True, "user_id": "7"}

    assert [("changed", "email, name"), ("created", "yes"), ("user id", "7")] == facts(details)


@pytest.mark.parametrize(
    ("user_agent", "shown"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("monoize/0.1.0", "monoize"),
        ("", "Unknown program"),
        (None, "Unknown program"),
    ],
)
def test_programs_have_the_name_people_know(user_agent, shown):
    assert shown == program(user_agent)
