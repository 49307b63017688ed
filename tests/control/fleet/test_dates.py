"""Dates are read strictly, compared as instants, and bounded on both sides."""

import contextlib
import datetime as dt
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model import dates

NOW: Final = dt.datetime(2026, 11, 21, 12, 0, 0, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T12:00:00Z", "2026-11-21T12:00:00.000000Z"),
        ("2026-11-21T12:00:00.5Z", "2026-11-21T12:00:00.500000Z"),
        ("2026-11-21T12:00:00.123456789Z", "2026-11-21T12:00:00.123456Z"),
        ("2026-11-21T12:00:00.123456001Z", "2026-11-21T12:00:00.123456Z"),
        ("2026-11-21T14:00:00+02:00", "2026-11-21T12:00:00.000000Z"),
        ("2026-11-21T00:00:00-12:00", "2026-11-21T12:00:00.000000Z"),
        ("2026-11-21T12:00:00-00:00", "2026-11-21T12:00:00.000000Z"),
    ],
)
def test_one_instant_has_many_spellings(text: str, instant: str):
    assert instant == dates.written(dates.instant(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1763726400",
        "2026-11-21",
        "2026-11-21T12:00:00",
        "2026-11-21 12:00:00Z",
        "2026-11-21t12:00:00z",
        "2026-11-21T12:00Z",
        "2026-11-21T12:00:00.Z",
        "2026-11-21T12:00:00.1234567890Z",
        "2026-11-21T12:00:00+0200",
        "2026-11-21T12:00:00+2:00",
        "2026-11-21T12:00:00+24:00",
        "2026-11-21T12:00:00+02:60",
        "2026-11-21T24:00:00Z",
        "2026-11-21T12:00:60Z",
        "2026-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "٢٠٢٦-11-21T12:00:00Z",
        " 2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00Z\n",
    ],
)
def test_what_is_not_rfc_3339_is_no_date(text: str):
    with pytest.raises(ValueError, match=r"RFC 3339|calendar"):
        dates.instant(text)


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("1999-12-31T23:59:59.999999Z", "old"),
        ("1999-12-31T23:00:00-00:30", "old"),
        ("2000-01-01T00:00:00Z", None),
        ("2026-11-21T12:05:00Z", None),
        ("2026-11-21T12:05:00.000001Z", "future"),
        ("2026-11-21T12:05:01Z", "future"),
        ("2026-11-21T14:05:00+02:00", None),
    ],
)
def test_a_credential_is_as_old_as_the_century_at_most_and_as_new_as_clocks_differ(moment: str, why: str | None):
    instant = dates.instant(moment)

    if why is None:
        assert instant == dates.plausible(instant, NOW)
    else:
        with pytest.raises(ValueError, match=why):
            dates.plausible(instant, NOW)


@given(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC)))  # noqa: DTZ001
def test_what_is_written_is_read_back(moment: dt.datetime):
    assert moment == dates.instant(dates.written(moment))


@given(st.text(max_size=40))
def test_no_text_is_more_than_a_date_or_a_refusal(text: str):
    with contextlib.suppress(ValueError):
        assert dates.instant(text).tzinfo is dt.UTC


@pytest.mark.parametrize("milliseconds", [-1, 253_402_300_800_000, 10**40])
def test_milliseconds_that_no_calendar_has_are_no_date(milliseconds: int):
    with pytest.raises(ValueError, match="milliseconds"):
        dates.instant_of_unix_ms(milliseconds)
