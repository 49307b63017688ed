"""A creating request that is repeated under one Idempotency-Key creates once and is answered alike."""

import datetime as dt
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, update
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse, open_house, test_settings
from support.rows import every_row, last_seq

from monoize.base.clock import utc_now
from monoize.control.identity.tables import users
from monoize.infra import idempotency
from monoize.infra.idempotency import KEPT_FOR, idempotency_keys


async def post(client: Client, path: str, body: dict[str, Any], key: str) -> httpx2.Response:
    return await client.post(path, json=body, headers={"idempotency-key": key})


def same(first: httpx2.Response, second: httpx2.Response) -> bool:
    return (first.status_code, first.content) == (second.status_code, second.content)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/keys", {"name": "laptop"}),
        ("/api/tokens", {"name": "ci"}),
        ("/api/users", {"username": "alice", "password": "a good password"}),
        ("/api/tenants", {"name": "acme"}),
    ],
)
async def test_a_repeated_request_gets_the_first_answer_with_its_secret_and_does_nothing(
    house: RunningHouse, root: Client, path: str, body: dict[str, Any]
):
    first = await post(root, path, body, "once")
    before = await every_row(house.house.database)

    again = [await post(root, path, body, "once") for _ in range(3)]

    assert 201 == first.status_code
    assert all(same(first, answer) for answer in again)
    assert [None, "true", "true", "true"] == [
        answer.headers.get("idempotent-replayed") for answer in (first, *again)
    ]
    assert before == await every_row(house.house.database)


async def test_a_key_that_was_used_for_another_request_is_refused(house: RunningHouse, root: Client):
    granted(await post(root, "/api/tenants", {"name": "acme"}, "once"))
    before = await every_row(house.house.database)

    for path, body in (
        ("/api/tenants", {"name": "other"}),
        ("/api/tenants?x=1", {"name": "acme"}),
        ("/api/keys", {"name": "acme"}),
    ):
        assert (409, "idempotency_key_reused") == refusal(await post(root, path, body, "once"))
    assert before == await every_row(house.house.database)


async def test_everybody_has_keys_of_their_own(house: RunningHouse, root: Client, user: Client):
    token = await house.make_token(root, "tool", role="admin")
    of_root, of_user = [await post(client, "/api/keys", {"name": "laptop"}, "once") for client in (root, user)]
    for_alice = await post(token, "/api/keys", {"name": "laptop", "user_id": user.user["id"]}, "once")

    owners = [granted(answer)["key"]["user_id"] for answer in (of_root, of_user, for_alice)]
    assert [root.user["id"], user.user["id"], user.user["id"]] == owners
    assert 3 == len({answer.json()["secret"] for answer in (of_root, of_user, for_alice)})


async def test_a_request_that_was_refused_may_be_tried_again_under_its_key(root: Client):
    taken = granted(await root.post("/api/tenants", json={"name": "acme"}))
    assert (409, "tenant_exists") == refusal(await post(root, "/api/tenants", {"name": "acme"}, "once"))

    granted(await root.patch(f"/api/tenants/{taken['id']}", json={"name": "renamed"}))
    answer = await post(root, "/api/tenants", {"name": "acme"}, "once")

    assert 201 == answer.status_code
    assert "idempotent-replayed" not in answer.headers


async def test_a_kept_answer_is_sealed(house: RunningHouse, root: Client):
    secret = granted(await post(root, "/api/keys", {"name": "laptop"}, "once"))["secret"]

    assert secret not in str(await every_row(house.house.database))


async def test_who_may_no_longer_do_it_is_not_shown_the_first_answer(
    house: RunningHouse, root: Client, admin: Client
):
    granted(await post(admin, "/api/tokens", {"name": "ci"}, "once"))
    granted(await root.patch(f"/api/users/{admin.user['id']}", json={"role": "user"}))

    assert (403, "not_permitted") == refusal(await post(admin, "/api/tokens", {"name": "ci"}, "once"))


@pytest.mark.parametrize("key", ["", "x" * 192, "with\ttab", "ümlaut"])
async def test_a_key_has_1_to_191_printable_characters(house: RunningHouse, root: Client, key: str):
    before = await last_seq(house.house.database)

    answer = await root.post("/api/tenants", json={"name": "acme"}, headers={"idempotency-key": key.encode()})

    assert (400, "bad_idempotency_key") == refusal(answer)
    assert before == await last_seq(house.house.database)


async def test_the_longest_key_works(root: Client):
    first = await post(root, "/api/tenants", {"name": "acme"}, "x" * 191)

    assert same(first, await post(root, "/api/tenants", {"name": "acme"}, "x" * 191))


async def test_keys_are_told_apart_by_case_on_every_engine(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()

    for key in ("once", "ONCE", "oncé".encode().decode("ascii", "ignore")):
        granted(await post(root, "/api/tenants", {"name": f"tenant {key}"}, key))


async def test_a_kept_answer_is_forgotten_after_a_day(house: RunningHouse, root: Client):
    granted(await post(root, "/api/keys", {"name": "laptop"}, "old"))
    async with house.house.database.write() as tx:
        await tx.execute(update(idempotency_keys).values(created_at=utc_now() - KEPT_FOR - dt.timedelta(seconds=1)))
    young = await post(root, "/api/keys", {"name": "laptop"}, "young")

    async with house.house.database.write() as tx:
        await idempotency.purge(tx)

    assert dt.timedelta(hours=24) == KEPT_FOR
    assert same(young, await post(root, "/api/keys", {"name": "laptop"}, "young"))
    assert "idempotent-replayed" not in (await post(root, "/api/keys", {"name": "laptop"}, "old")).headers


async def test_twenty_equal_requests_at_once_make_one_user_and_are_answered_alike_on_every_engine(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()
    before = await last_seq(house_everywhere.house.database)

    answers = await together(*[post(root, "/api/users", {"username": "alice"}, "once") for _ in range(20)])

    assert [(201, answers[0].content)] * 20 == [(answer.status_code, answer.content) for answer in answers]
    assert 1 == sum("idempotent-replayed" not in answer.headers for answer in answers)
    assert before + 1 == await last_seq(house_everywhere.house.database)
    async with house_everywhere.house.database.read() as tx:
        query = select(func.count()).select_from(users).where(users.c.username == "alice")
        assert 1 == await tx.scalar(query)


async def test_a_request_is_the_same_in_another_process(sqlite: str, tmp_path: Path):
    settings = test_settings(sqlite, tmp_path)
    async with open_house(settings) as one, open_house(settings) as other:
        root = await one.make_root()
        elsewhere = await other.enter_again(root)

        answers = await together(
            *[post(client, "/api/keys", {"name": "laptop"}, "once") for client in (root, elsewhere) * 4]
        )

    assert {answers[0].content} == {answer.content for answer in answers}
