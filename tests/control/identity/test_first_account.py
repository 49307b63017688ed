"""How a new house gets its first account and its first token: once, whoever else tries at the same moment."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from support.answers import granted, refusal, together
from support.house import PASSWORD, RunningHouse, open_house, test_settings
from support.rows import every_row

from monoize.base.clock import utc_now
from monoize.base.errors import StartupProblem
from monoize.control.identity.actions import first_account
from monoize.control.identity.actions.users import NewUser
from monoize.control.identity.errors import FirstAccountExists
from monoize.control.identity.tables import tokens, users, verification_tokens

SECRET = "an-operators-own-secret-of-some-length"


def account(link: str | None, username: str = "first") -> dict[str, Any]:
    return {"username": username, "password": PASSWORD, "link": link}


async def offered(house: RunningHouse) -> str:
    link = await first_account.offer_link(house.house.database)
    assert link
    return link


async def adopted(house: RunningHouse, secret: str = SECRET) -> bool:
    return await first_account.adopt_admin_token(
        house.house.database, house.house.audit_log, house.identity.passwords, secret
    )


async def test_who_has_the_link_becomes_super_admin_and_is_signed_in(house: RunningHouse):
    visitor = house.visitor()

    made = granted(await visitor.post("/api/auth/first-account", json=account(await offered(house))))

    assert ("first", "super_admin") == (made["user"]["username"], made["user"]["role"])
    assert made["user"]["id"] == granted(await visitor.get("/api/me"))["user"]["id"]
    assert made["user"]["id"] == granted(await house.bearing(made["token"]).get("/api/me"))["user"]["id"]


@pytest.mark.parametrize("link", ["wrong", "0" * 64, " ", "' OR 1=1 --"])
async def test_a_wrong_link_makes_nothing(house: RunningHouse, link: str):
    await offered(house)
    before = await every_row(house.house.database)

    answer = await house.visitor().post("/api/auth/first-account", json=account(link))

    assert (410, "link_spent") == refusal(answer)
    assert before == await every_row(house.house.database)


@pytest.mark.parametrize("link", [None, 1, "", [], {}])
async def test_without_a_link_nothing_is_made(house: RunningHouse, link: Any):
    answer = await house.visitor().post("/api/auth/first-account", json=account(link))

    assert (422, "invalid_request") == refusal(answer)


async def test_an_expired_link_makes_nothing(house: RunningHouse):
    link = await offered(house)
    async with house.house.database.write() as tx:
        await tx.execute(update(verification_tokens).values(expires=utc_now() - dt.timedelta(seconds=1)))

    assert (410, "link_spent") == refusal(await house.visitor().post("/api/auth/first-account", json=account(link)))


async def test_a_weak_password_does_not_spend_the_link(house: RunningHouse):
    link, visitor = await offered(house), house.visitor()

    weak = {**account(link), "password": "short"}
    assert (422, "weak_password") == refusal(await visitor.post("/api/auth/first-account", json=weak))
    granted(await visitor.post("/api/auth/first-account", json=account(link)))


async def test_every_link_that_was_printed_works_until_one_was_used(house: RunningHouse):
    first, second = await offered(house), await offered(house)
    visitor = house.visitor()

    granted(await visitor.post("/api/auth/first-account", json=account(second)))

    for link in (first, second):
        again = await visitor.post("/api/auth/first-account", json=account(link, "other"))
        assert (409, "first_account_exists") == refusal(again)
    assert await first_account.offer_link(house.house.database) is None


async def test_only_the_digest_of_a_link_is_stored(house: RunningHouse):
    link = await offered(house)

    assert link not in str(await every_row(house.house.database))


async def test_of_twenty_who_make_the_first_account_at_once_one_does_on_every_engine(
    house_everywhere: RunningHouse,
):
    house = house_everywhere
    links = [await offered(house), await offered(house)]

    answers = await together(
        *[
            house.visitor(f"203.0.113.{n}").post("/api/auth/first-account", json=account(links[n % 2], f"user{n}"))
            for n in range(20)
        ]
    )

    assert 1 == sum(answer.is_success for answer in answers)
    assert {409, 410} >= {answer.status_code for answer in answers if answer.is_error}
    async with house.house.database.read() as tx:
        assert ["super_admin"] == list((await tx.execute(select(users.c.role))).scalars())


async def test_of_ten_who_make_it_on_the_machine_itself_at_once_one_does_on_every_engine(
    house_everywhere: RunningHouse,
):
    audit_log = house_everywhere.house.audit_log

    async def make(username: str) -> None:
        async with audit_log.change(first_account.system_call()) as change:
            await first_account.create_first_account(change, NewUser(username=username), link=None)

    outcomes = await asyncio.gather(*[make(f"user{number}") for number in range(10)], return_exceptions=True)

    assert 1 == outcomes.count(None)
    assert {FirstAccountExists, type(None)} == {type(outcome) for outcome in outcomes}
    async with house_everywhere.house.database.read() as tx:
        assert ["super_admin"] == list((await tx.execute(select(users.c.role))).scalars())


async def test_nobody_registers_before_the_first_account(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path, registration_enabled=True)) as house:
        link = await offered(house)
        stranger = {"username": "stranger", "password": PASSWORD}
        early = await house.visitor().post("/api/auth/register", json=stranger)
        assert (403, "registration_disabled") == refusal(early)

        made = await house.visitor().post("/api/auth/first-account", json=account(link))

        assert "super_admin" == granted(made)["user"]["role"]
        assert "user" == granted(await house.visitor().post("/api/auth/register", json=stranger))["user"]["role"]


async def test_an_operators_token_is_adopted_while_there_is_none(house: RunningHouse):
    assert await adopted(house)

    me = granted(await house.bearing(SECRET).get("/api/me"))
    assert ("token", "admin", "admin") == (me["kind"], me["name"], me["role"])
    assert not await adopted(house), "at the next start it is there already"
    assert not await adopted(house, "another-secret-of-some-length")
    assert (401, "invalid_credential") == refusal(
        await house.bearing("another-secret-of-some-length").get("/api/me")
    )


async def test_an_operators_token_is_not_adopted_beside_another(house: RunningHouse):
    await house.make_token(await house.make_root(), "ci")

    assert not await adopted(house)
    assert (401, "invalid_credential") == refusal(await house.bearing(SECRET).get("/api/me"))


async def test_ten_processes_that_adopt_one_token_at_once_make_one_on_every_engine(house_everywhere: RunningHouse):
    outcomes = await asyncio.gather(*[adopted(house_everywhere) for _ in range(10)])

    assert 1 == sum(outcomes)
    async with house_everywhere.house.database.read() as tx:
        assert 1 == await tx.scalar(select(func.count()).select_from(tokens))
    granted(await house_everywhere.bearing(SECRET).get("/api/me"))


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 20,
        "x" * 72,
        "An operator's token: with blanks & signs!",
        "mzt_of_another_shape_than_ours",
        "mzt_0123456789abcdef_" + "0123456789abcdef" * 3,
    ],
)
async def test_an_adopted_token_opens_the_door_with_all_of_its_characters(house: RunningHouse, secret: str):
    assert await adopted(house, secret)

    granted(await house.bearing(secret).get("/api/me"))
    for other in (secret[:-1], secret + "x", secret.upper() if secret.upper() != secret else secret.lower()):
        assert (401, "invalid_credential") == refusal(await house.bearing(other).get("/api/me"))


async def test_a_token_that_could_never_be_used_stops_the_start(house: RunningHouse):
    of_a_wrong_length = ("short", "x" * 19, "x" * 73)
    unprintable = ("ümlaut" * 5, "with\ttabs\tin\tbetween\tthem", "with\x7fa\x7fdelete\x7fin\x7fbetween")
    trimmed_on_the_way = (" with a blank at the start", "with a blank at the end ")
    taken_for_something_else = ("sk-0123456789abcdef0123456789abcdef", "mzs_0123456789abcdef0123456789abcdef")

    for secret in (*of_a_wrong_length, *unprintable, *trimmed_on_the_way, *taken_for_something_else):
        with pytest.raises(StartupProblem, match="MONOIZE_ADMIN_TOKEN"):
            await adopted(house, secret)
    assert await adopted(house)
