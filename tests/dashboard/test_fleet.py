"""The fleet on pages: hosts, the credential that they share without its secrets, and what holds for all of them."""

import datetime as dt
import json

import pytest
from dashboard.surfer import Page, Surfer

from monoize.control.fleet.model.quota import AccountUsage, HistoryPoint, ShownWindow, Standing
from monoize.dashboard.pages.fleet.quotas import history_chart, quota_meters

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


def _login(access: str, day: int) -> str:
    tokens = {"id_token": "aB3$xY9k" * 8, "access_token": access * 8, "refresh_token": "zX4cV6bN8m" * 8}
    document = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens}
    return json.dumps({**document, "last_refresh": f"2026-07-{day:02}T10:00:00Z"})


@pytest.fixture
async def pool(boss: Surfer) -> str:
    """The address of the pool that is always there."""
    return next(a["href"] for a in Page(await boss.get("/pools")).all("a") if a.text == "default")


async def _host(boss: Surfer, fqdn: str, **fields: str) -> str:
    made = await boss.submit("/hosts", fqdn=fqdn, pool="default", **fields)
    assert made.status_code == 201, made.text
    return next(a["href"] for a in Page(made).all("a") if a.text == "To the host")


async def test_people_without_the_permission_see_nothing_of_the_fleet(alice, pool):
    for address in ("/hosts", "/pools", pool, "/fleet/usage", "/alerts", "/fleet/versions"):
        assert 403 == (await alice.get(address)).status_code, address
    assert 403 == (await alice.submit("/fleet/versions/switch-off")).status_code


async def test_a_host_is_enrolled_once_shown_held_up_and_forgotten(root, boss, pool):
    assert 422 == (await boss.submit("/hosts", fqdn="12345", pool="default")).status_code
    made = await boss.submit("/hosts", fqdn="Build-07.example.com", pool="default", temporary="yes")
    key = Page(made).one("input", id="host-key")["value"]
    command = Page(made).one("code", id="command").text
    host = next(a["href"] for a in Page(made).all("a") if a.text == "To the host")
    listed = (await boss.get("/hosts")).text
    assert "build-07.example.com" in listed and "not installed yet" in listed
    for address in ("/hosts", host):
        shown = (await boss.get(address)).text
        assert key not in shown and command not in shown

    assert "No host was found" in (await boss.get("/hosts?name=zzz")).text
    assert "build-07" in (await boss.get("/hosts?trait=open")).text
    for trait in ("silent", "behind"):
        assert "No host was found" in (await boss.get(f"/hosts?trait={trait}")).text
    await boss.submit(f"{host}/suspend")
    assert "suspended" in (await boss.get("/hosts?status=suspended")).text
    await boss.submit(f"{host}/resume")
    wrong = await boss.submit(host, pool="default", client_version_override="newest")
    assert "client_version_override-error" in {each.get("id") for each in Page(wrong).all("p")}
    await boss.submit(host, pool="default", tags="eu\nci", client_version_override="0.61.0")
    kept = (await root.get(f"/api/fleet{host}")).json()
    # The form does not show how long it lives, and so does not end that.
    assert (["eu", "ci"], False, True) == (kept["tags"], kept["secure"], bool(kept["expires_at"]))
    await boss.submit(f"{host}/window", minutes="20")
    assert "open" in (await boss.get(host)).text
    assert 422 == (await boss.submit(f"{host}/window", minutes="soon")).status_code
    await boss.submit(f"{host}/window/close")
    assert key != Page(await boss.submit(f"{host}/rotate")).one("input", id="host-key")["value"]
    assert 422 == (await boss.submit(f"{host}/delete", name="another")).status_code
    await boss.submit(f"{host}/delete", name="build-07.example.com")
    assert "There are no hosts yet" in (await boss.get("/hosts")).text


async def test_a_credential_is_put_in_force_compared_and_rolled_back_without_being_shown(root, boss, pool):
    first, second = "qW7eR2tY5u", "pO1iU3yT5r"
    refused = await boss.submit(f"{pool}/upload", auth='{"tokens": "' + first * 8 + '"}')
    assert (422, False) == (refused.status_code, first in refused.text)
    for access, day in ((first, 1), (second, 2)):
        done = await boss.submit(f"{pool}/upload", auth=_login(access, day))
        assert f"{pool}?done=credential_uploaded" == done.headers["location"], done.text
    page = Page(await boss.get(pool))
    (compare,) = [a["href"] for a in page.all("a") if a.text.startswith("Compare")]
    (back,) = [button["value"] for button in page.all("button", name="payload_id")]
    difference = (await boss.get(compare)).text
    assert "access_token" in difference
    payload = (await boss.get(f"{pool}/payloads/{back}")).text
    assert "(80 characters" in payload
    assert not [text for text in (difference, payload) if first * 2 in text or second * 2 in text]
    assert 404 == (await boss.get(f"{pool}/payloads/nonsense")).status_code

    await boss.submit(f"{pool}/roll-back", payload_id=back)
    pool_id = pool.rpartition("/")[2]
    canonical = (await root.get(f"/api/fleet/credentials/{pool_id}")).json()["canonical"]
    assert ("rollback", True) == (canonical["origin"], canonical["last_refresh"].startswith("2026-07-01"))
    assert 303 == (await boss.submit(f"{pool}/payloads/{back}/forget")).status_code
    link = await boss.submit(f"{pool}/seed-link")
    assert Page(link).one("code", id="command").text not in (await boss.get(pool)).text


async def test_a_pool_is_made_and_its_terms_are_changed(root, boss):
    assert 422 == (await boss.submit("/pools", name="Not Lower", tool="codex", mode="hub")).status_code
    made = await boss.submit("/pools", name="team", tool="claude", mode="shared")
    pool = made.headers["location"].split("?")[0]
    form = Page(await boss.get(pool))
    numbers = {
        id: form.one("input", id=id)["value"] for id in ("payloads_kept", "inactivity_days", "quota_limit_percent")
    }
    terms = {"tool": "claude", "mode": "shared", "validation": "off", "quota_week_partition": "0"}
    assert 422 == (await boss.submit(pool, name="team", **terms, **(numbers | {"payloads_kept": "0"}))).status_code
    await boss.submit(pool, name="team-2", **terms, **(numbers | {"payloads_kept": "7"}))
    kept = (await root.get(f"/api/fleet{pool}")).json()
    assert ("team-2", 7) == (kept["name"], kept["payloads_kept"])
    assert "/pools?done=pool_deleted" == (await boss.submit(f"{pool}/delete", name="team-2")).headers["location"]


async def test_the_fleet_is_switched_off_and_on_and_told_its_version(root, boss):
    await boss.submit("/fleet/versions/switch-off")
    assert "No host is served" in (await boss.get("/hosts")).text
    await boss.submit("/fleet/versions/switch-on")
    assert "No host is served" not in (await boss.get("/hosts")).text
    assert 422 == (await boss.submit("/fleet/versions", client_available="newest")).status_code
    await boss.submit("/fleet/versions", client_available="v0.61.0", client_lock="")
    told = (await root.get("/api/fleet/versions")).json()
    assert ("0.61.0", None) == (told["client_available"], told["client_lock"])
    assert "Nothing to see to" in (await boss.get("/alerts")).text
    assert "No host has reported yet" in (await boss.get("/fleet/usage")).text


def _standing(usage: AccountUsage | None) -> Standing:
    return Standing(
        quota_hard_fail=True,
        quota_limit_percent=100,
        quota_week_partition=0,
        quota_verdict="ok",
        quota_reasons=(),
        chatgpt_usage=usage,
    )


def test_a_meter_stands_for_each_window_that_is_told_of():
    week = ShownWindow(
        used_percent=42, limit_seconds=604_800, reset_after_seconds=7200, reset_at=None, projected_percent=None
    )
    usage = AccountUsage(
        status="ok",
        error=None,
        plan_type="pro",
        rate_allowed=True,
        rate_limit_reached=False,
        fetched_at=NOW,
        next_eligible_at=NOW,
        primary_window=None,
        secondary_window=week,
        daily_used_percent=6,
        daily_projected_percent=None,
        daily_baseline_at=None,
    )
    assert [] == list(quota_meters(_standing(None)))
    assert [("Week", 42.0, "42 %, begins anew in 2 h 00 min"), ("Today", 6.0, "6 % of the week's")] == [
        tuple(meter) for meter in quota_meters(_standing(usage))
    ]


async def test_files_of_hosts_are_written_changed_by_one_at_a_time_and_deleted(boss, pool):
    made = await boss.submit("/fleet/files", kind="prompt", name="review", body="Look.\r\nTwice.\r\n")
    file = made.headers["location"].partition("?")[0]
    assert "Look.\nTwice.\n" == Page(await boss.get(file)).one("textarea", name="body").text.removeprefix("\n")
    assert 422 == (await boss.submit("/fleet/files", kind="prompt", body="No name.")).status_code

    assert 303 == (await boss.submit(file, body="Look.", revision="1")).status_code
    late = await boss.submit(file, body="Look away.", revision="1")
    assert 409 == late.status_code and "Look away." in late.text
    assert "review" in (await boss.get("/fleet/files?kind=prompt")).text
    assert "Nothing was found" in (await boss.get("/fleet/files?kind=skill")).text
    assert 303 == (await boss.submit(f"{file}/delete", name="review")).status_code
    assert "There are no files yet" in (await boss.get("/fleet/files")).text


def test_the_chart_of_an_allowance_has_the_most_of_each_day_and_gaps():
    points = [
        HistoryPoint(NOW - dt.timedelta(days=days), five_hours, None)
        for days, five_hours in ((2, 10), (2, 30), (0, 5), (400, 99))
    ]
    chart = history_chart(points, NOW.date())

    newest = [values for _, values in chart.rows][-3:]
    assert [("30 %", "–"), ("–", "–"), ("5 %", "–")] == [tuple(values) for values in newest]
