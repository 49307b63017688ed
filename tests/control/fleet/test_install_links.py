"""An install link carries its host's key once: of many who fetch it at the same moment one gets it."""

import datetime as dt

import pytest
from support.answers import granted, together
from support.fleet import EnrolledHost, enrol
from support.house import RunningHouse

from monoize.base.clock import utc_now
from monoize.base.principal import VISITOR, Call
from monoize.control.fleet.actions import enrolment
from monoize.control.fleet.errors import InstallTokenSpent, InstallTokenUnknown
from monoize.control.fleet.model.installs import INSTALL_TTL


async def redeem(house: RunningHouse, token: str, now: dt.datetime | None = None) -> enrolment.Redeemed:
    async with house.house.audit_log.change(Call(VISITOR, "r")) as change:
        return await enrolment.redeem(change, house.house.seal, token, now or utc_now())


async def redeem_and_fail(house: RunningHouse, token: str) -> None:
    async with house.house.audit_log.change(Call(VISITOR, "r")) as change:
        await enrolment.redeem(change, house.house.seal, token, utc_now())
        raise ZeroDivisionError


@pytest.fixture
async def host(house_everywhere: RunningHouse) -> EnrolledHost:
    return await enrol(await house_everywhere.make_root(), house_everywhere)


async def test_of_many_at_once_one_gets_the_key(house_everywhere: RunningHouse, host: EnrolledHost):
    visitor = house_everywhere.visitor()

    answers = await together(*(visitor.get(f"/install/{host.install_token}") for _ in range(12)))

    assert [200, *[410] * 11] == sorted(answer.status_code for answer in answers)
    assert 1 == sum(host.secret in answer.text for answer in answers)


async def test_it_carries_the_key_and_the_address_that_it_was_made_with(
    house_everywhere: RunningHouse, host: EnrolledHost
):
    redeemed = await redeem(house_everywhere, host.install_token)

    assert (host.secret, host.fqdn, "http://monoize.test") == (
        redeemed.key,
        redeemed.host.fqdn,
        redeemed.base_url,
    )
    assert host.secret not in repr(redeemed)


async def test_it_ends_after_half_an_hour_and_with_the_next_one(house_everywhere: RunningHouse, host: EnrolledHost):
    house = house_everywhere
    again = await enrol(await house.make_root(), house)

    with pytest.raises(InstallTokenUnknown):
        await redeem(house, host.install_token)
    with pytest.raises(InstallTokenSpent):
        await redeem(house, again.install_token, utc_now() + INSTALL_TTL)
    assert again.secret == (await redeem(house, again.install_token)).key


async def test_a_failure_before_the_end_spends_nothing(house_everywhere: RunningHouse, host: EnrolledHost):
    house = house_everywhere
    with pytest.raises(ZeroDivisionError):
        await redeem_and_fail(house, host.install_token)

    assert host.secret == (await redeem(house, host.install_token)).key


async def test_suspending_a_host_takes_its_link_away(house_everywhere: RunningHouse, host: EnrolledHost):
    root = await house_everywhere.make_root()
    granted(await root.post(f"{host.path}/suspend"))

    with pytest.raises(InstallTokenUnknown):
        await redeem(house_everywhere, host.install_token)


async def test_whoever_only_looks_uses_nothing_up(house_everywhere: RunningHouse, host: EnrolledHost):
    visitor = house_everywhere.visitor()

    assert (200, "") == ((looked := await visitor.head(f"/install/{host.install_token}")).status_code, looked.text)
    assert host.secret in (await visitor.get(f"/install/{host.install_token}")).text
