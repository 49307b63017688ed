"""What holds for all hosts at once: which version they run, and what of it a stranger may read."""

import pytest
from support.answers import granted, refusal
from support.fleet import enrol, refused, report_user, stored, told
from support.house import Client, RunningHouse, open_house, test_settings
from support.rows import last_seq, logs_after


async def block(client: Client) -> dict[str, object]:
    both = [told(await client.get(path)) for path in ("/versions", "/api/fleet/host/versions")]
    assert both[0] == both[1]
    return both[0]


async def test_anybody_may_ask_for_the_versions(visitor: Client):
    told_block = await block(visitor)

    assert {
        "client_version": None,
        "client_version_checked_at": None,
        "client_version_source": "unknown",
        "wrapper_url": "/wrapper/download",
        "reported_client_version": None,
        "quota_hard_fail": True,
        "quota_limit_percent": 100,
        "quota_week_partition": 0,
        "cdx_silent": False,
        "runner_enabled": False,
        "runner_state": None,
    }.items() <= told_block.items()
    assert 36 == len(str(told_block["installation_id"]))
    assert 64 == len(str(told_block["wrapper_sha256"]))


async def test_what_is_published_is_offered_and_what_is_locked_is_meant(house: RunningHouse, root: Client):
    granted(await root.patch("/api/fleet/versions", json={"client_available": "rust-v0.99.0"}))
    offered = await block(root)
    granted(await root.patch("/api/fleet/versions", json={"client_lock": "0.61.0"}))
    locked = await block(root)
    granted(await root.patch("/api/fleet/versions", json={"client_lock": None}))

    assert ("0.99.0", "published") == (offered["client_version"], offered["client_version_source"])
    assert ("0.61.0", "locked") == (locked["client_version"], locked["client_version_source"])
    assert offered == await block(root)
    published = granted(await root.get("/api/fleet/versions"))
    assert ("0.99.0", None, None) == tuple(
        published[name] for name in ("client_available", "client_lock", "client_lock_at")
    )


async def test_the_highest_version_that_a_host_reported_is_shown(house: RunningHouse, root: Client):
    for fqdn, version in (("a", "0.9.0"), ("b", "0.100.0"), ("c", "unknown")):
        await stored(house, (await enrol(root, house, fqdn)).id, client_version=version)
    # So that this process reads it again at once.
    granted(await root.put("/api/fleet/switches", json={"api_disabled": False}))

    assert "0.100.0" == (await block(root))["reported_client_version"]


@pytest.mark.parametrize("version", ["", "latest", "0.61.0;id", "1" * 65, 61, True])
async def test_what_is_no_version_is_not_published(root: Client, version: object):
    answer = await root.patch("/api/fleet/versions", json={"client_lock": version})

    assert (422, "invalid_request") == refusal(answer)


async def test_switching_and_publishing_are_audited(house: RunningHouse, root: Client):
    before = await last_seq(house.house.database)

    granted(await root.put("/api/fleet/switches", json={"api_disabled": True}))
    granted(await root.put("/api/fleet/switches", json={"api_disabled": False}))
    granted(await root.patch("/api/fleet/versions", json={"client_lock": "0.61.0"}))

    rows = await logs_after(house.house.database, before)
    assert ["fleet.disable", "fleet.enable", "fleet.publish"] == [row.action for row in rows]
    assert "0.61.0" in rows[-1].details


async def test_while_the_switch_is_off_not_even_versions_are_told(root: Client, visitor: Client):
    granted(await root.put("/api/fleet/switches", json={"api_disabled": True}))

    assert (503, "api_disabled") == refused(await visitor.get("/versions"))
    assert True is granted(await root.get("/api/fleet/switches"))["api_disabled"]


async def test_an_installation_keeps_its_id_and_another_has_another(
    house_everywhere: RunningHouse, tmp_path, sqlite
):
    first = await block(house_everywhere.visitor())
    async with open_house(house_everywhere.house.settings) as reopened:
        again = await block(reopened.visitor())
    async with open_house(test_settings(sqlite, tmp_path)) as other:
        another = await block(other.visitor())

    assert first["installation_id"] == again["installation_id"] != another["installation_id"]


async def test_strangers_are_paced_by_their_address(house: RunningHouse, root: Client, visitor: Client):
    host = await enrol(root, house)
    for _ in range(120):
        await house.house.counters.add("fleet:calls:ip:127.0.0.1", 60)

    assert (429, "rate_limited") == refused(await visitor.get("/versions"))
    assert (429, "rate_limited") == refused(await visitor.get("/versions", headers={"x-api-key": "0" * 64})), (
        "showing a key that nobody looks at makes no difference"
    )
    told(await report_user(host.calls("127.0.0.1")))
