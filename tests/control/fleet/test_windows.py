"""Days, weeks and months as usage is added up over them."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.model.windows import Span, day_of, month_of, week_of

NOW = dt.datetime(2026, 11, 18, 15, 30, tzinfo=dt.UTC)
MOMENTS = st.datetimes(*(NOW.replace(year=year, tzinfo=None) for year in (2000, 2200)), timezones=st.just(dt.UTC))


def at(day: int, month: int = 11, year: int = 2026) -> dt.datetime:
    return dt.datetime(year, month, day, tzinfo=dt.UTC)


def test_a_day_and_a_month_are_those_of_the_calendar_in_utc():
    late_in_new_york = dt.datetime(2026, 11, 30, 22, tzinfo=dt.timezone(dt.timedelta(hours=-5)))

    assert Span(at(18), at(19)) == day_of(NOW)
    assert Span(at(1), at(1, month=12)) == month_of(NOW)
    assert Span(at(1, month=12), at(1, month=1, year=2027)) == month_of(late_in_new_york)


def test_a_week_begins_when_the_account_s_own_does():
    began_at = NOW - dt.timedelta(days=2, hours=3)

    assert Span(began_at, NOW) == week_of(NOW, began_at)


def test_a_week_that_nobody_knows_began_at_midnight_six_days_ago():
    assert Span(at(12), NOW) == week_of(NOW, None)
    assert Span(at(12), NOW) == week_of(NOW, NOW + dt.timedelta(seconds=1))


@given(MOMENTS)
def test_every_moment_lies_in_its_day_and_month_and_months_touch(now: dt.datetime):
    for span in (day_of(now), month_of(now)):
        assert span.since <= now < span.until
    following = month_of(now).until
    assert following == month_of(following).since
