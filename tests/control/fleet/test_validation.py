"""Credentials are tried out before they count, afterwards or never, and a runner that is away loses no login."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.runner import FakeRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from support.answers import granted, refusal
from support.fleet import enrol, refused, told
from support.house import Client, RunningHouse, open_house, test_settings
from support.logins import Sharer, ago, digest, login, normal
from support.rows import last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.actions.validation import Validator
from monoize.control.fleet.drivers.validation import Runner
from monoize.control.fleet.model import validations
from monoize.control.fleet.model.validations import AGAIN_AFTER_FAILURE, EVERY, Validations
from monoize.control.fleet.tables import auth_payloads, fleet_alerts

CREDENTIALS = "/api/fleet/credentials/default"
POOL = "/api/fleet/pools/default"


@pytest.fixture
def runner() -> Iterator[FakeRunner]:
    with FakeRunner() as running:
        yield running


@pytest.fixture
async def house(sqlite: str, tmp_path: Path, runner: FakeRunner) -> AsyncIterator[RunningHouse]:
    settings = test_settings(sqlite, tmp_path, fleet_runner_url=runner.url)
    async with open_house(settings) as running:
        yield running


@pytest.fixture
def validator(house: RunningHouse, runner: FakeRunner) -> Validator:
    return Validator(house.house, Runner(runner.url, "http://monoize.test"))


@pytest.fixture
async def one(house: RunningHouse, root: Client) -> Sharer:
    return Sharer(await enrol(root, house, "one.example.com"), login("one", last_refresh=ago(hours=1)))


async def validates(root: Client, how: str) -> None:
    granted(await root.patch(POOL, json={"validation": how}))


async def payloads(house: RunningHouse) -> list[Any]:
    async with house.house.database.read() as tx:
        return list((await tx.execute(select(auth_payloads).order_by(auth_payloads.c.id))).all())


async def alerts(house: RunningHouse) -> list[Any]:
    async with house.house.database.read() as tx:
        found = select(fleet_alerts).where(fleet_alerts.c.resolved_at.is_(None))
        return [row for row in await tx.execute(found) if row.kind == "validation_failing"]


async def test_without_validation_nobody_is_asked(one: Sharer, runner: FakeRunner, validator: Validator):
    assert "updated" == await one.syncs()
    await validator.run()

    assert [] == runner.asked


async def test_where_it_is_required_what_does_not_work_is_not_stored(
    root: Client, house: RunningHouse, one: Sharer, runner: FakeRunner
):
    await validates(root, "required")
    runner.works = False

    answer = await one.store()

    assert (422, "runner_rejected") == refused(answer)
    assert "it answered nothing" == answer.json()["error"]["details"]["reason"]
    assert [] == await payloads(house)


async def test_where_it_is_required_what_works_is_stored_once(
    root: Client, house: RunningHouse, one: Sharer, runner: FakeRunner
):
    await validates(root, "required")

    data = await one.hands_in()

    assert ("updated", False) == (data["status"], data["runner_applied"])
    assert ("ok", "0.169.0", True) == tuple(
        data["validation"][name] for name in ("status", "codex_version", "reachable")
    )
    assert "updated_auth" not in data["validation"]
    assert 1 == len(await payloads(house))
    (asked,) = runner.asked
    assert ("one.example.com", normal(login("one", last_refresh=one.file["last_refresh"])).keys()) == (
        asked["fqdn"],
        asked["auth_json"].keys(),
    )
    assert "api_key" not in asked


async def test_the_same_date_with_other_content_counts_once_it_is_found_to_work(root: Client, one: Sharer):
    await one.syncs()
    await validates(root, "required")
    moment = one.file["last_refresh"]
    one.file = login("another", last_refresh=moment)

    data = await one.hands_in()

    assert ("updated", moment) == (data["status"], one.file["last_refresh"])


async def test_what_would_not_count_anyway_is_not_tried_out(root: Client, one: Sharer, runner: FakeRunner):
    await one.syncs()
    await validates(root, "required")

    assert "unchanged" == (await one.hands_in())["status"]
    one.file = login("older", last_refresh=ago(days=1))
    assert "outdated" == (await one.hands_in())["status"]
    await one.syncs()

    assert [] == runner.asked


async def test_what_the_runner_renewed_takes_the_place_of_what_it_was_given(
    root: Client, one: Sharer, runner: FakeRunner
):
    await validates(root, "required")
    runner.leaves = login("renewed", last_refresh=ago(minutes=1))

    data = await one.hands_in()

    assert ("updated", True) == (data["status"], data["runner_applied"])
    assert normal(runner.leaves) == one.file
    assert "valid" == await one.syncs()


@pytest.mark.parametrize("leaves", [login("older", last_refresh=ago(days=9)), {"nonsense": True}, [], "text"])
async def test_what_the_runner_leaves_behind_that_is_older_or_no_login_is_ignored(
    root: Client, one: Sharer, runner: FakeRunner, leaves: Any
):
    await validates(root, "required")
    runner.leaves = leaves

    data = await one.hands_in()

    assert ("updated", False) == (data["status"], data["runner_applied"])


@pytest.mark.parametrize("fault", ["not_json", "no_verdict", "huge"])
async def test_a_runner_that_cannot_be_understood_is_as_good_as_away(
    root: Client, house: RunningHouse, one: Sharer, runner: FakeRunner, fault: str
):
    await validates(root, "required")
    runner.misbehaviour = fault

    assert (503, "runner_unavailable") == refused(await one.store())
    assert [] == await payloads(house)
    runner.misbehaviour = ""
    assert "updated" == await one.syncs()


async def test_a_runner_that_is_away_holds_up_what_is_new_and_nothing_else(
    root: Client, one: Sharer, sqlite: str, tmp_path: Path
):
    await one.syncs()
    await validates(root, "required")
    async with open_house(test_settings(sqlite, tmp_path, fleet_runner_url="http://127.0.0.1:9/")) as elsewhere:
        same = dataclasses.replace(one, host=dataclasses.replace(one.host, house=elsewhere))
        assert "valid" == await same.syncs()
        same.file = login("newer", last_refresh=ago(minutes=1))
        assert (503, "runner_unavailable") == refused(await same.store())
        same.file = login("older", last_refresh=ago(days=1))
        assert "outdated" == await same.syncs()


async def test_without_a_runner_what_is_required_cannot_be_stored(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path)) as house:
        root = await house.make_root()
        one = Sharer(await enrol(root, house), login())
        await validates(root, "required")
        assert (503, "runner_required") == refused(await one.store())
        await validates(root, "advisory")
        assert "updated" == await one.syncs()


async def test_an_operator_may_store_what_nobody_tried_out(root: Client, runner: FakeRunner):
    await validates(root, "required")
    runner.works = False

    granted(await root.post(CREDENTIALS, json={"auth": login()}))

    assert [] == runner.asked


@pytest.mark.parametrize("how", ["advisory", "required"])
async def test_what_counts_is_tried_out_in_the_background_when_it_is_due(
    root: Client, house: RunningHouse, one: Sharer, runner: FakeRunner, validator: Validator, how: str
):
    await one.syncs()
    await validates(root, how)
    before = await last_seq(house.house.database)

    await validator.run()
    await validator.run()

    assert 1 == len(runner.asked)
    (row,) = await logs_after(house.house.database, before)
    assert ("credential.validate", "system:monoize") == (row.action, row.actor)
    state = (await one.asks())["versions"]
    assert ("ok", True) == (state["runner_state"], state["runner_last_check"] == state["runner_last_ok"])
    granted(await root.post(f"{CREDENTIALS}/validation"))
    await validator.run()
    assert 2 == len(runner.asked)


async def test_a_credential_that_fails_is_told_of_and_served_all_the_same(
    root: Client, house: RunningHouse, one: Sharer, runner: FakeRunner, validator: Validator
):
    await validates(root, "advisory")
    await one.syncs()
    runner.works = False
    await validator.run()

    (alert,) = await alerts(house)
    assert ("default", "it answered nothing") == (alert.subject, alert.details["reason"])
    other = Sharer(await enrol(root, house, "other.example.com"))
    assert "outdated" == await other.syncs()
    runner.works = True
    one.file = login("newer", last_refresh=ago(minutes=1))
    await one.syncs()
    await validator.run()
    assert [] == await alerts(house)


async def test_what_the_runner_renews_in_the_background_becomes_everybodys(
    root: Client, house: RunningHouse, one: Sharer, runner: FakeRunner, validator: Validator
):
    await one.syncs()
    await validates(root, "advisory")
    runner.leaves = login("renewed", last_refresh=ago(minutes=1))

    await validator.run()
    await validator.run()

    assert ["host", "validation"] == [row.origin for row in await payloads(house)]
    assert 1 == len(runner.asked)
    assert "outdated" == await one.syncs()
    assert digest(runner.leaves) == digest(one.file)


async def test_validation_is_asked_for_only_where_there_is_one(root: Client):
    assert (409, "not_validated_here") == refusal(await root.post(f"{CREDENTIALS}/validation"))


async def test_no_answer_of_ours_shows_what_the_runner_was_given(root: Client, one: Sharer, runner: FakeRunner):
    await validates(root, "required")
    runner.works = False

    assert "rt-one" not in (await one.store()).text
    runner.works = True
    assert "rt-one" in str(told(await one.store()))


moments = st.none() | st.datetimes().map(lambda moment: utc_now().replace(microsecond=0))


@given(st.builds(Validations, st.none() | st.integers(1, 99), st.none() | st.booleans(), moments, moments, moments))
def test_what_is_written_of_validations_is_read_back(known: Validations):
    text = validations.written(known)

    assert known == validations.read(text)
    assert len(text) <= 191


@given(st.text(max_size=50) | st.sampled_from(["[]", "null", "7", '{"ok": "x"}', '{"ok": 1e300}', '{"check": []}']))
def test_whatever_stands_there_instead_counts_as_never_validated(text: str):
    assert validations.read(text).is_due(1, utc_now())


def test_a_credential_is_tried_out_again_sooner_after_it_failed():
    now = utc_now()
    ok, failed = (Validations().after(1, works=works, now=now) for works in (True, False))

    assert (False, True) == (ok.is_due(1, now + EVERY / 2), ok.is_due(1, now + EVERY))
    assert (False, True) == (failed.is_due(1, now), failed.is_due(1, now + AGAIN_AFTER_FAILURE))
    assert ok.is_due(2, now)
