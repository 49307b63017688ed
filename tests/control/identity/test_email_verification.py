"""Proving that an e-mail address is one's own, with a link that is mailed there."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.smtp import MailSink
from sqlalchemy import update
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse, open_house, test_settings
from support.rows import every_row

from monoize.base.clock import utc_now
from monoize.control.identity.actions import first_account
from monoize.control.identity.api.entrance import ATTEMPTS
from monoize.control.identity.tables import verification_tokens

ADDRESS = "https://ai.example.com"


@pytest.fixture
async def mail() -> AsyncIterator[MailSink]:
    async with MailSink() as sink:
        yield sink


@pytest.fixture
def settings(sqlite: str, tmp_path: Path, mail: MailSink) -> Any:
    return test_settings(
        sqlite, tmp_path, smtp_url=mail.url, mail_from="monoize@example.com", public_url=f"{ADDRESS}/"
    )


async def ask(client: Client) -> None:
    granted(await client.post("/api/me/email-verification"))


def last_link(mail: MailSink) -> str:
    text = mail.mails[-1].get_content()
    start = f"{ADDRESS}/verify-email?link="
    return next(line.removeprefix(start) for line in text.splitlines() if line.startswith(start))


def follow(client: Client, link: str) -> Any:
    return client.post("/api/auth/verify-email", json={"link": link})


async def verified(client: Client) -> bool:
    return granted(await client.get("/api/me"))["user"]["email_verified"] is not None


async def test_the_link_that_is_mailed_verifies_the_address_for_whoever_follows_it(
    house: RunningHouse, user: Client, mail: MailSink
):
    assert not await verified(user)
    await ask(user)

    (message,) = mail.mails
    assert ("monoize@example.com", "alice@example.com") == (message["from"], message["to"])
    followed = granted(await follow(house.visitor(), last_link(mail)))
    assert user.user["id"] == followed["id"]
    assert await verified(user)


async def test_a_link_is_good_once_even_for_many_at_the_same_moment(
    house: RunningHouse, user: Client, mail: MailSink
):
    await ask(user)
    link = last_link(mail)

    answers = await together(*[follow(house.visitor(f"203.0.113.{n}"), link) for n in range(8)])

    assert 1 == sum(answer.is_success for answer in answers)
    assert {(410, "link_spent")} == {refusal(answer) for answer in answers if answer.is_error}
    assert (410, "link_spent") == refusal(await follow(house.visitor(), link))


async def test_a_link_is_good_for_a_day(house: RunningHouse, user: Client, mail: MailSink):
    before = utc_now()
    await ask(user)
    (row,) = (await every_row(house.house.database))["verification_tokens"]
    assert before + dt.timedelta(hours=24) <= row[2] <= utc_now() + dt.timedelta(hours=24)

    async with house.house.database.write() as tx:
        await tx.execute(update(verification_tokens).values(expires=utc_now() - dt.timedelta(seconds=1)))

    assert (410, "link_spent") == refusal(await follow(house.visitor(), last_link(mail)))
    assert not await verified(user)


async def test_a_link_verifies_only_the_address_it_was_mailed_to(house: RunningHouse, user: Client, mail: MailSink):
    await ask(user)
    link = last_link(mail)

    granted(await user.patch("/api/me", json={"email": "elsewhere@example.com"}))
    assert (410, "link_spent") == refusal(await follow(house.visitor(), link))
    granted(await user.patch("/api/me", json={"email": None}))
    assert (410, "link_spent") == refusal(await follow(house.visitor(), link))
    assert not await verified(user)


async def test_a_link_of_somebody_who_is_gone_is_spent(
    house: RunningHouse, root: Client, user: Client, mail: MailSink
):
    await ask(user)
    granted(await root.delete(f"/api/users/{user.user['id']}"))

    assert (410, "link_spent") == refusal(await follow(house.visitor(), last_link(mail)))


async def test_a_link_for_something_else_verifies_nothing(house: RunningHouse):
    link = await first_account.offer_link(house.house.database)
    assert link

    assert (410, "link_spent") == refusal(await follow(house.visitor(), link))
    made = {"username": "first", "password": "a good password", "link": link}
    granted(await house.visitor().post("/api/auth/first-account", json=made))


async def test_a_link_verifies_its_own_account_and_no_other(
    house: RunningHouse, root: Client, user: Client, mail: MailSink
):
    await ask(root)
    of_root = last_link(mail)
    await ask(user)

    granted(await follow(user, of_root))

    assert (True, False) == (await verified(root), await verified(user))


async def test_only_the_digest_of_a_link_is_stored(house: RunningHouse, user: Client, mail: MailSink):
    await ask(user)

    assert last_link(mail) not in str(await every_row(house.house.database))


async def test_an_account_without_an_address_is_mailed_nothing(house: RunningHouse, root: Client, mail: MailSink):
    nameless = await house.make_user(root, "bob")

    assert (422, "email_missing") == refusal(await nameless.post("/api/me/email-verification"))
    assert [] == mail.mails


async def test_a_mail_server_that_refuses_is_reported_and_can_be_asked_again(
    house: RunningHouse, user: Client, mail: MailSink
):
    mail.refuses_recipients = True
    assert (503, "mail_unavailable") == refusal(await user.post("/api/me/email-verification"))

    mail.refuses_recipients = False
    await ask(user)
    granted(await follow(house.visitor(), last_link(mail)))


async def test_a_mail_server_that_is_away_is_reported(sqlite: str, tmp_path: Path):
    async with MailSink() as gone:
        address = gone.url
    settings = test_settings(sqlite, tmp_path, smtp_url=address, mail_from="monoize@example.com")
    async with open_house(settings) as house:
        root = await house.make_root()

        assert (503, "mail_unavailable") == refusal(await root.post("/api/me/email-verification"))


async def test_without_a_mail_server_nothing_is_promised(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path)) as house:
        root = await house.make_root()
        before = await every_row(house.house.database)

        assert (503, "mail_unavailable") == refusal(await root.post("/api/me/email-verification"))
        assert before == await every_row(house.house.database)


async def test_a_password_of_the_mail_server_is_not_sent_in_the_clear(sqlite: str, tmp_path: Path, mail: MailSink):
    url = mail.url.replace("smtp://", "smtp://monoize:password@")
    async with open_house(test_settings(sqlite, tmp_path, smtp_url=url, mail_from="m@example.com")) as house:
        root = await house.make_root()

        assert (503, "mail_unavailable") == refusal(await root.post("/api/me/email-verification"))
    assert [] == mail.mails


async def test_nobody_has_an_address_flooded_with_mail(house: RunningHouse, user: Client, mail: MailSink):
    for _ in range(ATTEMPTS):
        await ask(user)

    assert (429, "too_many_attempts") == refusal(await user.post("/api/me/email-verification"))
    assert ATTEMPTS == len(mail.mails)


@pytest.mark.parametrize("email", ["ümlaut@example.com", "a..b@example.com", "a'b@example.com", "a\u2028b@x.com"])
async def test_an_address_that_no_mail_server_takes_is_no_error_of_ours(user: Client, email: str):
    changed = await user.patch("/api/me", json={"email": email})

    if changed.is_success:
        asked = await user.post("/api/me/email-verification")
        assert asked.is_success or (503, "mail_unavailable") == refusal(asked)
