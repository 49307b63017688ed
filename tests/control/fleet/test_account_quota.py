"""What an account is asked, how often, what its hosts hear of it, and that its troubles reach nobody else."""

import dataclasses
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.chatgpt import ChatGpt
from sqlalchemy import select, update
from support.answers import granted, refusal
from support.fleet import EnrolledHost, enrol, stored, told
from support.house import Client, RunningHouse, test_settings
from support.logins import digest, login
from support.rows import every_row

from monoize.base.clock import utc_now
from monoize.control.fleet.actions.quota import COOL_DOWN, KEPT_FOR, QuotaWatch
from monoize.control.fleet.drivers.account_usage import AccountUsage
from monoize.control.fleet.tables import chatgpt_usage_snapshots
from monoize.infra.counters import Counters, MemoryCounters
from monoize.infra.settings import Settings

LOGIN = login()
ACCESS_TOKEN = LOGIN["tokens"]["access_token"]
QUOTA = "/api/fleet/quota/default"
_snapshots = chatgpt_usage_snapshots.c


@pytest.fixture
def chatgpt() -> Iterator[ChatGpt]:
    with ChatGpt(ACCESS_TOKEN) as running:
        yield running


@pytest.fixture
def settings(sqlite: str, tmp_path: Path, chatgpt: ChatGpt) -> Settings:
    return test_settings(sqlite, tmp_path, fleet_account_url=chatgpt.url)


def watch(house: RunningHouse, chatgpt: ChatGpt, counters: Counters | None = None) -> QuotaWatch:
    """Of a process of its own, unless it shares counters with another."""
    counting = dataclasses.replace(house.house, counters=counters or MemoryCounters())
    return QuotaWatch(counting, AccountUsage(chatgpt.url))


async def logged_in(root: Client) -> None:
    granted(await root.post("/api/fleet/credentials/default", json={"auth": LOGIN}))


async def refreshed(root: Client) -> Any:
    return granted(await root.post(f"{QUOTA}/refresh"))["standing"]["chatgpt_usage"]


async def let_pass(house: RunningHouse, span: dt.timedelta) -> None:
    """As if everything so far had happened that much earlier."""
    async with house.house.database.write() as tx:
        for row in (await tx.execute(select(chatgpt_usage_snapshots))).all():
            values = {
                "fetched_at": row.fetched_at - span,
                "next_eligible_at": row.next_eligible_at - span,
            }
            await tx.execute(update(chatgpt_usage_snapshots).where(_snapshots.id == row.id).values(**values))


async def synced(host: EnrolledHost) -> Any:
    body = {"command": "retrieve", "digest": digest(LOGIN), "last_refresh": LOGIN["last_refresh"]}
    return told(await host.calls().post("/auth", json=body))


async def test_an_account_is_asked_with_its_own_token_and_what_it_says_is_remembered(
    house_everywhere: RunningHouse, chatgpt: ChatGpt
):
    house, root = house_everywhere, await house_everywhere.make_root()
    await logged_in(root)

    await watch(house, chatgpt).run()

    (asked,) = chatgpt.asked
    assert (f"Bearer {ACCESS_TOKEN}", "account-1") == (asked["authorization"], asked["chatgpt-account-id"])
    usage = granted(await root.get(QUOTA))["standing"]["chatgpt_usage"]
    assert ("ok", None, "pro", True, False) == (
        *(usage["status"], usage["error"], usage["plan_type"]),
        *(usage["rate_allowed"], usage["rate_limit_reached"]),
    )
    primary, secondary = usage["primary_window"], usage["secondary_window"]
    assert (40, 18_000, 80) == (primary["used_percent"], primary["limit_seconds"], primary["projected_percent"])
    assert 8_900 < primary["reset_after_seconds"] <= 9_000
    assert (30, 604_800, 60) == (
        *(secondary["used_percent"], secondary["limit_seconds"]),
        secondary["projected_percent"],
    )
    assert 0 == usage["daily_used_percent"]
    async with house.house.database.read() as tx:
        (row,) = await tx.execute(select(chatgpt_usage_snapshots))
    assert (False, "0", "[10, 20]", "[3, 4]") == (
        *(row.unlimited, row.credit_balance),
        *(row.approx_local_messages, row.approx_cloud_messages),
    )


async def test_hosts_hear_how_their_account_stands(house: RunningHouse, root: Client, chatgpt: ChatGpt):
    await logged_in(root)
    host, vip = await enrol(root, house), await enrol(root, house, "vip.example.com", vip=True)
    granted(await root.patch("/api/fleet/pools/default", json={"quota_limit_percent": 80}))
    chatgpt.uses(secondary=80)
    assert ("ok", None) == ((heard := await synced(host))["quota_verdict"], heard["chatgpt_usage"])

    await refreshed(root)

    heard = await synced(host)
    assert (True, 80, 0) == tuple(
        heard[name] for name in ("quota_hard_fail", "quota_limit_percent", "quota_week_partition")
    )
    assert ("refuse", ["week"]) == (heard["quota_verdict"], heard["quota_reasons"])
    assert 80 == heard["chatgpt_usage"]["secondary_window"]["used_percent"]
    heard = await synced(vip)
    assert (False, "warn", ["week"]) == (heard["quota_hard_fail"], heard["quota_verdict"], heard["quota_reasons"])


async def test_within_five_minutes_nobody_is_asked_again(house: RunningHouse, root: Client, chatgpt: ChatGpt):
    await logged_in(root)
    first = await refreshed(root)
    chatgpt.uses(primary=50)

    await watch(house, chatgpt).run()
    again = await refreshed(root)

    assert 1 == len(chatgpt.asked)
    assert first["fetched_at"] == again["fetched_at"]
    await let_pass(house, COOL_DOWN)
    assert 50 == (await refreshed(root))["primary_window"]["used_percent"]


async def test_while_hosts_work_the_account_is_asked_more_often(
    house: RunningHouse, root: Client, chatgpt: ChatGpt
):
    await logged_in(root)
    host = await enrol(root, house)
    await watch(house, chatgpt).run()

    await let_pass(house, COOL_DOWN)
    await watch(house, chatgpt).run()
    assert 1 == len(chatgpt.asked)

    await stored(house, host.id, last_seen_at=utc_now())
    await watch(house, chatgpt).run()
    assert 2 == len(chatgpt.asked)

    await let_pass(house, dt.timedelta(hours=1))
    await stored(house, host.id, last_seen_at=utc_now() - dt.timedelta(hours=2))
    await watch(house, chatgpt).run()
    assert 3 == len(chatgpt.asked)


async def test_of_several_processes_one_asks(house: RunningHouse, root: Client, chatgpt: ChatGpt):
    await logged_in(root)
    shared = MemoryCounters()
    one, other = watch(house, chatgpt, shared), watch(house, chatgpt, shared)

    await one.run()
    async with house.house.database.write() as tx:
        await tx.execute(update(chatgpt_usage_snapshots).values(next_eligible_at=utc_now()))
    await other.run()

    assert 1 == len(chatgpt.asked)


@pytest.mark.parametrize(
    ("misbehaviour", "error"),
    [
        ("away", "http_502"),
        ("elsewhere", "http_302"),
        ("not_json", "not_json"),
        ("a_list", "not_json"),
        ("huge", "unreachable"),
    ],
)
async def test_an_answer_that_is_none_is_an_error_beside_what_was_known(
    house: RunningHouse, root: Client, chatgpt: ChatGpt, misbehaviour: str, error: str
):
    await logged_in(root)
    await refreshed(root)
    await let_pass(house, COOL_DOWN)
    chatgpt.misbehaviour = misbehaviour

    usage = await refreshed(root)

    assert ("error", error, 40) == (usage["status"], usage["error"], usage["primary_window"]["used_percent"])
    assert ACCESS_TOKEN not in str((await every_row(house.house.database))["chatgpt_usage_snapshots"])


async def test_an_account_that_cannot_be_reached_or_does_not_know_us_is_an_error(
    house: RunningHouse, root: Client, chatgpt: ChatGpt
):
    await logged_in(root)
    chatgpt.access_token = "another"
    usage = await refreshed(root)
    assert ("error", "http_401", None) == (usage["status"], usage["error"], usage["primary_window"])
    nobody = QuotaWatch(house.house, AccountUsage("http://127.0.0.1:9"))
    await let_pass(house, dt.timedelta(hours=1))

    await nobody.run()

    assert "unreachable" == granted(await root.get(QUOTA))["standing"]["chatgpt_usage"]["error"]


async def test_without_a_token_nobody_is_asked(house: RunningHouse, root: Client, chatgpt: ChatGpt):
    assert "no_credential" == (await refreshed(root))["error"]
    key_only = {**LOGIN, "tokens": {}, "OPENAI_API_KEY": "sk-0123456789abcdef0123456789"}
    granted(await root.post("/api/fleet/credentials/default", json={"auth": key_only}))
    await let_pass(house, COOL_DOWN)

    assert "no_access_token" == (await refreshed(root))["error"]
    assert [] == chatgpt.asked


async def test_a_pool_without_an_account_has_no_allowance(house: RunningHouse, root: Client, chatgpt: ChatGpt):
    for fields in ({"tool": "claude"}, {"mode": "api_key"}, {"mode": "gateway"}):
        name = "-".join(fields.values())
        granted(await root.post("/api/fleet/pools", json={"name": name, **fields}))
        assert (409, "no_allowance") == refusal(await root.post(f"/api/fleet/quota/{name}/refresh"))
        assert granted(await root.get(f"/api/fleet/quota/{name}"))["standing"]["chatgpt_usage"] is None
    assert (404, "pool_not_found") == refusal(await root.post("/api/fleet/quota/nothing/refresh"))

    assert ["default"] == [each["pool"] for each in granted(await root.get("/api/fleet/quota"))["items"]]


async def test_the_history_of_an_account_is_told_in_order_and_forgotten_in_the_end(
    house: RunningHouse, root: Client, chatgpt: ChatGpt
):
    await logged_in(root)
    for percent, days in ((10, 330), (20, 50), (30, 10), (40, 0)):
        chatgpt.uses(primary=percent)
        await refreshed(root)
        await let_pass(house, dt.timedelta(days=days))

    async def told_of(days: int) -> list[int]:
        answer = granted(await root.get(f"{QUOTA}/history?days={days}"))
        return [point["primary_used_percent"] for point in answer["items"]]

    assert [30, 40] == await told_of(60)
    assert [20, 30, 40] == await told_of(61)
    assert [10, 20, 30, 40] == await told_of(400)
    await let_pass(house, KEPT_FOR - dt.timedelta(days=30))
    await watch(house, chatgpt).forget()
    async with house.house.database.read() as tx:
        assert [30, 40] == list((await tx.execute(select(_snapshots.primary_used_percent))).scalars())
