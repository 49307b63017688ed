"""The rules about addresses, windows and forgetting, for all hosts and moments that there can be."""

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.fleet.errors import BaseUrlUnusable, PoolInUse, WindowClosed
from monoize.control.fleet.model.hosts import (
    PROVISION_WITHIN,
    TEMPORARY_FOR,
    Host,
    address_verdict,
    check_window,
    opened_until,
    prune_reason,
    seen_until,
)
from monoize.control.fleet.model.installs import installer_base
from monoize.control.fleet.model.pools import Pool, check_change
from monoize.control.fleet.model.versions import Published, canonical_version, newest, wanted_version

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)


def host(**values: Any) -> Host:
    blank = dict.fromkeys(field.name for field in dataclasses.fields(Host))
    usual = {
        "id": 1,
        "fqdn": "build-1",
        "status": "active",
        "secure": True,
        "vip": False,
        "roaming": False,
        "api_calls": 1,
        "insecure_window_minutes": 10,
        "tags": [],
        "created_at": NOW - 90 * DAY,
        "updated_at": NOW - 90 * DAY,
    }
    return Host(**{**blank, **usual, **values})


def pool(**values: Any) -> Pool:
    blank = dict.fromkeys(field.name for field in dataclasses.fields(Pool))
    return Pool(**{**blank, "tool": "codex", "mode": "shared", **values})


@pytest.mark.parametrize(
    ("bound", "caller", "roaming", "forced", "verdict"),
    [
        (None, "10.0.0.1", False, False, "bind"),
        ("10.0.0.1", "10.0.0.1", False, False, "same"),
        ("10.0.0.1", "10.0.0.2", False, False, "denied"),
        ("10.0.0.1", "10.0.0.2", True, False, "move"),
        ("10.0.0.1", "10.0.0.2", False, True, "move"),
        ("10.0.0.1", None, False, False, "denied"),
        ("10.0.0.1", None, True, False, "unknown"),
        ("10.0.0.1", None, False, True, "unknown"),
        (None, None, False, False, "unknown"),
    ],
)
def test_where_a_call_may_come_from(bound: str, caller: str, roaming: bool, forced: bool, verdict: str):
    assert verdict == address_verdict(host(ip=bound, roaming=roaming), caller, forced=forced)


@given(offset=st.integers(-3600, 3600), secure=st.booleans())
def test_a_window_is_open_up_to_its_last_moment(offset: int, secure: bool):
    windowed = host(secure=secure, insecure_enabled_until=NOW + offset * SECOND)
    if secure or offset >= 0:
        check_window(windowed, NOW)
    else:
        with pytest.raises(WindowClosed):
            check_window(windowed, NOW)


@given(
    left=st.integers(-100_000, 100_000), minutes=st.integers(0, 480), secure=st.booleans(), temporary=st.booleans()
)
def test_no_call_shortens_anything(left: int, minutes: int, secure: bool, temporary: bool):
    until = NOW + left * SECOND
    caller = host(
        secure=secure,
        insecure_enabled_until=until,
        insecure_window_minutes=minutes,
        expires_at=until if temporary else None,
    )

    renewed = seen_until(caller, NOW)

    assert ("expires_at" in renewed) == temporary
    assert all(moment >= until for moment in renewed.values())
    assert renewed.get("expires_at", NOW + TEMPORARY_FOR) >= NOW + TEMPORARY_FOR
    assert ("insecure_enabled_until" in renewed) == (not secure and left >= 0)


@given(left=st.integers(-100_000, 100_000), minutes=st.integers(0, 480))
def test_an_opened_window_is_open_for_that_long_at_least(left: int, minutes: int):
    until = opened_until(host(secure=False, insecure_enabled_until=NOW + left * SECOND), minutes, NOW)

    assert until == max(NOW, NOW + left * SECOND) + dt.timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("values", "days", "last_active", "reason"),
    [
        ({}, 30, NOW - 30 * DAY, None),
        ({}, 30, NOW - 30 * DAY - SECOND, "inactive"),
        ({}, 0, NOW - 9000 * DAY, None),
        ({"updated_at": NOW - 31 * DAY}, 30, None, "inactive"),
        ({"api_calls": 0, "created_at": NOW - PROVISION_WITHIN}, 30, None, None),
        ({"api_calls": 0, "created_at": NOW - PROVISION_WITHIN - SECOND}, 0, None, "unprovisioned"),
        ({"api_calls": 0, "created_at": NOW - DAY}, 0, NOW - SECOND, None),
        ({"api_calls": 0, "auth_digest": "a"}, 0, None, None),
        ({"api_calls": 0, "created_at": NOW - DAY, "expires_at": NOW + SECOND}, 30, None, None),
        ({"expires_at": NOW}, 30, NOW, None),
        ({"expires_at": NOW - SECOND}, 0, NOW, "expired"),
    ],
)
def test_when_a_host_is_forgotten(values: dict[str, Any], days: int, last_active: dt.datetime, reason: str):
    assert reason == prune_reason(host(**values), NOW, inactivity_days=days, last_active=last_active)


@pytest.mark.parametrize(
    ("change", "hosts", "payloads", "allowed"),
    [
        ({"mode": "hub"}, 5, 5, True),
        ({"mode": "api_key"}, 5, 5, True),
        ({"mode": "gateway"}, 1, 0, False),
        ({"mode": "gateway"}, 0, 9, True),
        ({"tool": "claude"}, 0, 0, True),
        ({"tool": "claude"}, 1, 0, False),
        ({"tool": "claude"}, 0, 1, False),
        ({"tool": "codex", "name": "x"}, 9, 9, True),
    ],
)
def test_what_of_a_pool_may_change(change: dict[str, Any], hosts: int, payloads: int, allowed: bool):
    if allowed:
        check_change(pool(), change, hosts=hosts, payloads=payloads)
    else:
        with pytest.raises(PoolInUse):
            check_change(pool(), change, hosts=hosts, payloads=payloads)
    with pytest.raises(PoolInUse):
        check_change(pool(mode="gateway"), {"mode": "shared"}, hosts=1, payloads=0)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.61.0", "0.61.0"),
        ("v0.61.0", "0.61.0"),
        ("rust-v0.61.0", "0.61.0"),
        (" 1 ", "1"),
        ("0.100.0-alpha.2", "0.100.0-alpha.2"),
    ],
)
def test_a_version_is_written_in_one_way(text: str, version: str):
    assert version == canonical_version(text)


@pytest.mark.parametrize("text", ["", "latest", "0.61.0 ", "0..1", "1.2.3.4.5", "0.1;id", "0.1-$(id)", "9" * 70])
def test_what_is_no_version_is_none(text: str):
    if text.strip() != text:
        text = f"x{text}"
    with pytest.raises(ValueError):
        canonical_version(text)


def test_the_newest_version_is_found_among_whatever_was_reported():
    assert "0.100.0" == newest(["0.9.0", "unknown", "0.100.0", "0.100.0-alpha.9", "", "0.99.9"])
    assert "0.100.0-alpha.10" == newest(["0.99.9", "0.100.0-alpha.10"])
    assert None is newest(["unknown"])


@given(
    override=st.none() | st.just("1"),
    pinned=st.none() | st.just("2"),
    lock=st.none() | st.just("3"),
    offered=st.none() | st.just("4"),
)
def test_the_nearest_pin_counts(override: str | None, pinned: str | None, lock: str | None, offered: str | None):
    published = Published(
        api_disabled=False,
        installation_id="i",
        client_available=offered,
        client_available_at=NOW,
        client_lock=lock,
        client_lock_at=NOW,
        reported_client_version="9",
    )

    wanted = wanted_version(published, pool(client_version=pinned), host(client_version_override=override))

    assert (override or pinned or lock or offered) == wanted.version
    assert wanted.source == ("locked" if override or pinned or lock else "published" if offered else "unknown")


@given(st.text(max_size=40))
def test_no_address_of_an_installer_holds_what_a_shell_reads(text: str):
    try:
        base = installer_base(f"https://host{text}")
    except BaseUrlUnusable:
        return
    assert not set(base) & set(" \t\n\"'`$;&|<>(){}*?!\\#~")
