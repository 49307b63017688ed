"""The time of day. Pure code takes `now` as an argument; only the shell asks here."""

import datetime as dt


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
