"""Reading the audit log: every filter finds what it says, and the check of the chain tells the truth."""

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import text
from support.answers import granted, refusal
from support.house import Client, RunningHouse


async def found(client: Client, **wanted: Any) -> list[str]:
    """The actions that a filter finds, oldest first."""
    items = granted(await client.get("/api/audit", params={"limit": 200, **wanted}))["items"]
    return [item["action"] for item in reversed(items)]


@pytest.fixture
async def past(house: RunningHouse, root: Client) -> Client:
    """A house in which some things have happened. Root reads about them."""
    await house.make_token(root, "ci", role="admin")
    user = await house.make_user(root, "alice")
    await user.post("/api/keys", json={"name": "laptop"})
    await root.patch(f"/api/users/{user.user['id']}", json={"name": "Alice"})
    return root


async def test_an_action_finds_itself_and_a_family_finds_all_of_its_actions(past: Client):
    assert ["user.create_first", "user.create", "user.update"] == await found(past, action="user")
    assert ["user.create"] == await found(past, action="user.create")
    for nothing in ("use", "user.", "%", "user_create", "user%", "nothing"):
        assert [] == await found(past, action=nothing)


async def test_actors_and_targets_are_found_by_their_whole_names(past: Client):
    alice = granted(await past.get("/api/users?limit=1"))["items"][0]["id"]

    assert ["session.open", "key.create"] == await found(past, actor="user:alice")
    assert ["token.create"] == await found(past, target_type="token")
    assert ["user.create", "user.update"] == await found(past, target_type="user", target_id=alice)
    assert [] == await found(past, actor="alice")


async def test_filters_narrow_each_other(past: Client):
    assert ["user.create", "user.update"] == await found(past, actor="user:root", action="user")
    assert [] == await found(past, actor="user:alice", action="user")


async def test_a_time_range_begins_with_its_first_moment_and_ends_before_its_last(past: Client):
    items = granted(await past.get("/api/audit"))["items"]
    moments = [item["created_at"] for item in reversed(items)]
    actions = [item["action"] for item in reversed(items)]

    assert actions[2:4] == await found(past, since=moments[2], until=moments[4])
    east = dt.datetime.fromisoformat(moments[2]).astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
    assert actions[2:] == await found(past, since=east.isoformat())


@pytest.mark.parametrize(
    "moment", ["yesterday", "2026-01-01T00:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", ""]
)
async def test_a_moment_without_an_offset_or_outside_of_the_calendar_is_refused(root: Client, moment: str):
    for name in ("since", "until"):
        refused = await root.get("/api/audit", params={name: moment})
        assert (422, "invalid_request") == refusal(refused)


async def test_a_row_shows_what_was_done_and_no_value_that_was_set(past: Client):
    (row,) = granted(await past.get("/api/audit?action=user.update"))["items"]

    assert ("user:root", "user", {"username": "alice", "changed": ["name"]}) == (
        row["actor"],
        row["target_type"],
        row["details"],
    )
    assert "Alice" not in str(row)


async def test_the_check_of_the_chain_can_be_walked_and_ends_well(past: Client):
    whole = granted(await past.get("/api/audit/verification"))
    rest = granted(await past.get("/api/audit/verification?after=2"))

    assert (None, True, len(await found(past))) == (whole["problem"], whole["complete"], whole["checked"])
    assert (None, whole["last_seq"], whole["checked"] - 2) == (rest["problem"], rest["last_seq"], rest["checked"])


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("UPDATE logs SET actor = 'user:nobody' WHERE seq = 3", "row 3 was changed"),
        ("UPDATE logs SET details = '{}' WHERE seq = 3", "row 3 was changed"),
        ("DELETE FROM logs WHERE seq = 3", "row 3 is missing"),
        ("DELETE FROM logs WHERE seq >= 3", "are missing at the end"),
        ("UPDATE audit_head SET row_hash = 'x'", "is not the one that was written last"),
    ],
)
async def test_who_tampers_with_the_file_is_found_out(
    house: RunningHouse, past: Client, tampering: str, problem: str
):
    async with house.house.database.write() as tx:
        for trigger in list(
            await tx.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'logs'"))
        ):
            await tx.execute(text(f"DROP TRIGGER {trigger.name}"))
        await tx.execute(text(tampering))

    assert problem in granted(await past.get("/api/audit/verification"))["problem"]


async def test_the_database_itself_refuses_to_change_what_was_logged_on_every_engine(
    house_everywhere: RunningHouse,
):
    await house_everywhere.make_root()

    for tampering in ("UPDATE logs SET actor = 'user:nobody'", "DELETE FROM logs"):
        with pytest.raises(Exception, match="append"):
            async with house_everywhere.house.database.write() as tx:
                await tx.execute(text(tampering))
    assert (await house_everywhere.house.audit_log.verify()).problem is None
