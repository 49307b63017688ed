"""Signing in with a password and registering: what is told, what is not, and how often one may try."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from support.answers import granted, refusal
from support.house import PASSWORD, Client, RunningHouse, open_house, test_settings
from support.rows import every_row

from monoize.control.identity.api.entrance import ATTEMPTS
from monoize.control.identity.authenticator import FAILURES_PER_ADDRESS, FAILURES_PER_PREFIX
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.identity.passwords import WAITING_MOST

LOGIN = {"name": "root", "password": PASSWORD}
UNKNOWN_TOKEN = f"mzt_{'0' * 16}_{'0' * 64}"


def log_in(client: Client, name: str = "root", password: str = PASSWORD) -> Any:
    return client.post("/api/auth/login", json={"name": name, "password": password})


def told(answer: httpx2.Response) -> dict[str, Any]:
    """All that an answer tells but the number of the request."""
    return {**answer.json(), "request_id": ""}


async def test_people_sign_in_with_their_name_or_their_address(root: Client, visitor: Client):
    for name in ("root", "root@example.com", "ROOT@example.com"):
        assert root.user["id"] == granted(await log_in(visitor, name))["user"]["id"]
    assert (401, "invalid_credentials") == refusal(await log_in(visitor, "ROOT"))


async def test_a_sign_in_is_remembered(root: Client, visitor: Client):
    before = granted(await root.get("/api/me"))["user"]["last_login_at"]
    granted(await log_in(visitor))

    assert before < granted(await root.get("/api/me"))["user"]["last_login_at"]


async def test_who_does_not_know_the_password_learns_nothing_about_the_account(
    house: RunningHouse, root: Client, visitor: Client
):
    disabled = await house.make_user(root, "disabled")
    granted(await root.patch(f"/api/users/{disabled.user['id']}", json={"enabled": False}))
    granted(await root.post("/api/users", json={"username": "without"}))

    answers = [
        await log_in(visitor, name, "a wrong password")
        for name in ("root", "nobody", "root@example.com", "nobody@example.com", "disabled", "without")
    ]

    assert {(401, "invalid_credentials")} == {refusal(answer) for answer in answers}
    assert [told(answers[0])] * len(answers) == [told(answer) for answer in answers]
    assert [set(answers[0].headers)] * len(answers) == [set(answer.headers) for answer in answers]


async def test_an_unknown_name_costs_a_comparison_as_a_known_one_does(house: RunningHouse, root: Client):
    passwords = house.identity.passwords
    crowd = [asyncio.create_task(passwords.hash("somebody else")) for _ in range(WAITING_MOST)]
    await asyncio.sleep(0)

    # With no room left to hash in, whoever would have to hash is sent away.
    answers = [await log_in(house.visitor(), name) for name in ("root", "nobody", "nobody@example.com")]

    assert [(429, "sign_in_busy")] * 3 == [refusal(answer) for answer in answers]
    passwords.close()
    await asyncio.gather(*crowd, return_exceptions=True)


async def test_a_comparison_with_nothing_takes_as_long_as_a_real_one(house: RunningHouse):
    passwords = house.identity.passwords
    stored = await passwords.hash(PASSWORD)

    async def least_s(compared_with: str | None) -> float:
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            await passwords.matches("a wrong password", compared_with)
            taken.append(time.perf_counter() - began)
        return min(taken)

    assert await least_s(None) > 0.3 * await least_s(stored)


async def test_an_address_may_try_ten_times_a_minute_rightly_or_wrongly(house: RunningHouse, root: Client):
    visitor, neighbour = house.visitor("203.0.113.9"), house.visitor("203.0.113.10")
    for attempt in range(ATTEMPTS):
        password = PASSWORD if attempt % 5 == 0 else "a wrong password"
        assert (200 if attempt % 5 == 0 else 401) == (await log_in(visitor, password=password)).status_code

    refused = await log_in(visitor)

    assert 10 == ATTEMPTS
    assert (429, "too_many_attempts") == refusal(refused)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    granted(await log_in(neighbour))


async def test_signing_in_registering_and_spending_links_count_together(house: RunningHouse, root: Client):
    visitor = house.visitor("203.0.113.9")
    ways: list[tuple[str, dict[str, Any]]] = [
        ("/api/auth/login", {"name": "nobody", "password": "a wrong password"}),
        ("/api/auth/register", {"username": "alice", "password": PASSWORD}),
        ("/api/auth/first-account", {"username": "alice", "password": PASSWORD, "link": "x"}),
        ("/api/auth/verify-email", {"link": "x"}),
    ]
    for attempt in range(ATTEMPTS):
        path, body = ways[attempt % len(ways)]
        assert 429 != (await visitor.post(path, json=body)).status_code

    for path, body in ways:
        assert (429, "too_many_attempts") == refusal(await visitor.post(path, json=body))


async def test_an_attempt_beyond_the_limit_is_not_even_looked_at(house: RunningHouse, root: Client):
    visitor = house.visitor("203.0.113.9")
    for _ in range(ATTEMPTS):
        await visitor.post("/api/auth/verify-email", json={"link": "x"})
    house.identity.passwords.close()

    for password in (PASSWORD, "a wrong password"):
        assert (429, "too_many_attempts") == refusal(await log_in(visitor, password=password))


async def test_an_address_that_showed_too_many_wrong_credentials_is_told_to_wait(house: RunningHouse, root: Client):
    thief = house.bearing(UNKNOWN_TOKEN, "203.0.113.9")
    answers = [await thief.get("/api/me") for _ in range(FAILURES_PER_ADDRESS + 2)]

    assert [401] * (FAILURES_PER_ADDRESS - 1) + [429] * 3 == [answer.status_code for answer in answers]
    assert "too_many_failures" == answers[-1].json()["code"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 600
    assert (429, "too_many_failures") == refusal(await log_in(house.visitor("203.0.113.9")))


async def test_a_credential_that_was_right_a_moment_ago_stays_right_behind_an_address_that_guesses(
    house: RunningHouse, root: Client
):
    created = granted(await root.post("/api/tokens", json={"name": "ci", "role": "admin"}))
    unseen = granted(await root.post("/api/tokens", json={"name": "unseen", "role": "admin"}))
    ip = "203.0.113.9"
    token = house.bearing(created["secret"], ip)
    granted(await token.get("/api/me"))

    for _ in range(FAILURES_PER_ADDRESS):
        await house.bearing(UNKNOWN_TOKEN, ip).get("/api/me")

    granted(await token.get("/api/me"))
    granted(await root.post("/api/tenants", json={"name": "renews every grant"}))
    granted(await token.get("/api/me"))
    assert (429, "too_many_failures") == refusal(await house.bearing(unseen["secret"], ip).get("/api/me"))
    granted(await house.bearing(unseen["secret"], "203.0.113.10").get("/api/me"))


async def test_a_session_that_has_ended_does_not_keep_its_owner_from_signing_in_again(
    house: RunningHouse, root: Client
):
    visitor = house.visitor("203.0.113.9")
    granted(await log_in(visitor))
    granted(await visitor.post("/api/auth/logout", headers={"sec-fetch-site": "same-origin"}))
    ended = {"cookie": f"monoize_session=mzs_{'0' * 64}"}

    for _ in range(2 * FAILURES_PER_ADDRESS):
        assert (401, "invalid_credential") == refusal(await visitor.get("/api/me", headers=ended))

    granted(await log_in(visitor))


async def test_a_credential_that_is_guessed_from_many_addresses_is_protected_too(house: RunningHouse, root: Client):
    limiter = house.identity.limiter
    for number in range(FAILURES_PER_PREFIX - 1):
        await limiter.failed(f"198.51.100.{number}", "root")

    assert (401, "invalid_credentials") == refusal(await log_in(house.visitor("203.0.113.1"), password="wrong one"))
    assert (429, "too_many_failures") == refusal(await log_in(house.visitor("203.0.113.2")))
    user = await house.make_user(root, "alice")
    granted(await log_in(house.visitor("203.0.113.3"), "alice"))
    granted(await user.get("/api/me"))


async def test_a_success_forgets_the_failures_of_the_name_but_not_those_of_the_address(
    house: RunningHouse, root: Client
):
    limiter = house.identity.limiter
    for number in range(FAILURES_PER_PREFIX - 1):
        await limiter.failed(f"198.51.100.{number}", "root")
    for _ in range(FAILURES_PER_ADDRESS):
        await limiter.failed("203.0.113.1", "somebody")

    granted(await log_in(house.visitor("203.0.113.2")))
    wrong = await log_in(house.visitor("203.0.113.3"), password="a wrong password")
    assert (401, "invalid_credentials") == refusal(wrong)
    granted(await log_in(house.visitor("203.0.113.4")))
    assert (429, "too_many_failures") == refusal(await log_in(house.visitor("203.0.113.1")))


async def test_strangers_make_no_account_unless_that_is_switched_on(house: RunningHouse, root: Client):
    before = await every_row(house.house.database)

    stranger = {"username": "stranger", "password": PASSWORD}
    assert (403, "registration_disabled") == refusal(
        await house.visitor().post("/api/auth/register", json=stranger)
    )

    assert before == await every_row(house.house.database)


async def test_who_registers_becomes_a_user_of_the_first_tenant_and_is_signed_in(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path, registration_enabled=True)) as house:
        await house.make_root()
        visitor = house.visitor()
        stranger = {"username": "stranger", "password": PASSWORD, "email": "Stranger@Example.com"}

        made = granted(await visitor.post("/api/auth/register", json=stranger))["user"]

        assert ("stranger", "user", DEFAULT_TENANT_ID, "stranger@example.com", None) == (
            made["username"],
            made["role"],
            made["tenant_id"],
            made["email"],
            made["email_verified"],
        )
        assert made["id"] == granted(await visitor.get("/api/me"))["user"]["id"]
        granted(await log_in(house.visitor(), "stranger"))


@pytest.mark.parametrize(
    "more",
    [{"role": "admin"}, {"tenant_id": DEFAULT_TENANT_ID}, {"allowed_groups": []}, {"email_verified": "now"}],
    ids=lambda more: next(iter(more)),
)
async def test_who_registers_chooses_nothing_of_their_standing(sqlite: str, tmp_path: Path, more: dict[str, Any]):
    async with open_house(test_settings(sqlite, tmp_path, registration_enabled=True)) as house:
        await house.make_root()
        stranger = {"username": "stranger", "password": PASSWORD, **more}

        refused = await house.visitor().post("/api/auth/register", json=stranger)

        assert (422, "invalid_request") == refusal(refused)
