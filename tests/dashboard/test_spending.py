import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from monoize.control.ledger.model.entries import DaySum
from monoize.dashboard.charts import SERIES_MOST
from monoize.dashboard.spending import Spent, added_up, charged, first_day

TODAY = dt.date(2026, 11, 21)
some = st.builds(
    Spent,
    day=st.dates(first_day(TODAY), TODAY),
    what=st.sampled_from([f"provider-{number}" for number in range(12)]),
    nano_usd=st.integers(0, 10**15),
    calls=st.integers(0, 1000),
)


@given(st.lists(some, max_size=60))
def test_nothing_is_lost_between_days_and_providers(spent):
    spending = added_up(spent, TODAY, "Cost")

    assert spending.month_nano_usd == sum(one.nano_usd for one in spent if one.day.month == 11)
    assert spending.today_nano_usd == sum(one.nano_usd for one in spent if one.day == TODAY)
    assert len(spending.chart.names) <= SERIES_MOST
    assert 30 == len(spending.chart.rows)


def test_the_first_day_is_early_enough_for_the_month_and_the_chart():
    assert dt.date(2026, 10, 23) == first_day(TODAY)
    assert dt.date(2026, 7, 1) == first_day(dt.date(2026, 7, 31))


def test_what_is_moved_is_not_what_is_spent():
    sums = [
        DaySum(TODAY, "user", "request_charge", 2, -500),
        DaySum(TODAY, "sub_account", "api_key_charge", 1, -30),
        DaySum(TODAY, "user", "top_up", 1, 10_000),
        DaySum(TODAY, "user", "sub_account_transfer_out", 1, -70),
    ]

    assert 530 == added_up(charged(sums), TODAY, "Charges").today_nano_usd
