"""What every driver promises, asked of each: processes and containers that run here, and two clouds' APIs."""

import asyncio

import pytest
from support.machines import Place, closing, until_power

from monoize.base.ids import new_id
from monoize.control.compute.model.machines import Driver, MachineRef, ProviderAway, ProviderRefused, ToRead


async def test_a_machine_is_made_stopped_started_and_destroyed(place: Place, driver: Driver) -> None:
    spec = place.spec()

    made = await driver.create(spec)
    ref = MachineRef(spec.machine_id, made.provider_id)
    running = await until_power(driver, ref, "running")

    assert (spec.machine_id, spec.ref.name, made.provider_id) == (
        running.machine_id,
        running.name,
        running.provider_id,
    )
    assert running.address is not None
    assert running.address.rpartition(":")[2].isdecimal()
    assert running.created_at is not None
    assert [ref.machine_id] == [machine.machine_id for machine in await driver.list()]

    await driver.stop(ref)
    await until_power(driver, ref, "stopped")
    await driver.start(ref)
    await until_power(driver, ref, "running")
    await driver.restart(ref)
    await until_power(driver, ref, "running")
    await driver.destroy(ref)
    await until_power(driver, ref, "gone")
    assert 0 == place.there(spec.machine_id)
    assert [] == await driver.list()


async def test_whoever_creates_again_is_given_what_is_there(place: Place, driver: Driver) -> None:
    spec = place.spec()

    at_once = await asyncio.gather(*(driver.create(spec) for _ in range(3)), return_exceptions=True)
    again = await driver.create(spec)

    # In the way of each other they may be, and are told to come again; but there is one machine.
    made = {one.provider_id for one in at_once if not isinstance(one, ProviderAway)}  # type: ignore[union-attr]
    assert {again.provider_id} == made
    assert 1 == place.there(spec.machine_id)


async def test_another_process_finds_the_machine_by_our_id_alone(place: Place, driver: Driver) -> None:
    spec = place.spec()
    made = await driver.create(spec)
    await until_power(driver, spec.ref, "running")

    async with closing(place.opened()) as later:
        found = await later.get(spec.ref)
        again = await later.create(spec)
        await later.stop(spec.ref)
        await until_power(later, spec.ref, "stopped")

    assert made.provider_id == found.provider_id == again.provider_id
    assert "stopped" == (await driver.get(MachineRef(spec.machine_id, made.provider_id))).power


async def test_what_is_so_already_is_fine_and_what_is_stopped_comes_up(place: Place, driver: Driver) -> None:
    spec = place.spec()
    await driver.create(spec)
    await until_power(driver, spec.ref, "running")
    await driver.start(spec.ref)
    await driver.stop(spec.ref)
    await until_power(driver, spec.ref, "stopped")
    await driver.stop(spec.ref)
    assert "stopped" == (await driver.get(spec.ref)).power

    await driver.create(spec)
    await until_power(driver, spec.ref, "running")
    await driver.stop(spec.ref)
    await until_power(driver, spec.ref, "stopped")
    await driver.restart(spec.ref)
    await until_power(driver, spec.ref, "running")
    await driver.destroy(spec.ref)
    await driver.destroy(spec.ref)
    await until_power(driver, spec.ref, "gone")
    await driver.destroy(spec.ref)


async def test_one_that_never_was_is_gone(place: Place, driver: Driver) -> None:
    ref = MachineRef(new_id())

    assert "gone" == (await driver.get(ref)).power
    await driver.stop(ref)
    await driver.destroy(ref)
    with pytest.raises(ProviderRefused):
        await driver.start(ref)
    with pytest.raises(ProviderRefused):
        await driver.restart(ref)


async def test_the_agent_finds_the_way_out_and_to_models_in_its_environment(place: Place, driver: Driver) -> None:
    spec = place.spec(env={"GREETING": "hello $HOME", "OPENAI_API_KEY": "not this"})
    await driver.create(spec)

    told = await asyncio.to_thread(place.environment, spec.machine_id)

    assert told["HTTPS_PROXY"] == told["http_proxy"]
    assert told["HTTP_PROXY"].startswith("http://agent-1:token-1@")
    assert "token-1" == told["OPENAI_API_KEY"] == told["ANTHROPIC_API_KEY"]
    assert told["OPENAI_BASE_URL"].endswith("/v1")
    if place.name != "hetzner":
        assert "hello $HOME" == told["GREETING"]


async def test_an_update_gives_it_another_environment_or_is_refused(place: Place, driver: Driver) -> None:
    spec = place.spec()
    await driver.create(spec)
    await until_power(driver, spec.ref, "running")
    renewed = place.spec(spec.machine_id, token="token-2")

    if not driver.can_update:
        with pytest.raises(ProviderRefused) as refused:
            await driver.update(spec.ref, renewed)
        assert "unsupported" == refused.value.reason
        return
    first = await driver.update(spec.ref, renewed)
    again = await driver.update(MachineRef(spec.machine_id, first.provider_id), renewed)

    await until_power(driver, MachineRef(spec.machine_id, again.provider_id), "running")
    assert "token-2" == place.environment(spec.machine_id)["OPENAI_API_KEY"]
    assert 1 == place.there(spec.machine_id)
    await driver.destroy(spec.ref)
    await until_power(driver, spec.ref, "gone")
    await driver.update(MachineRef(spec.machine_id, again.provider_id), renewed)
    await until_power(driver, spec.ref, "running")


async def test_a_machine_that_cannot_be_read_is_left_out(place: Place, driver: Driver) -> None:
    assert {} == await driver.read([ToRead(MachineRef(new_id(), "0"), 64)])
