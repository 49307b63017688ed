"""Fly and Hetzner when they misbehave: lost answers, limits, full places, states of theirs, and nonsense."""

import dataclasses
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fakes import fly as fake_fly
from fakes import hetzner as fake_hetzner
from support.machines import FlyPlace, HetznerPlace, closing, until_power

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.compute.drivers.cloud import ATTEMPTS_MOST, Pace
from monoize.control.compute.model.machines import (
    Driver,
    MachineRef,
    ProviderAway,
    ProviderRefused,
    Reading,
    RefusedFor,
    ToRead,
)

Cloud = FlyPlace | HetznerPlace
CREATES = {"fly": "POST /v1/apps/agents/machines$", "hetzner": "POST /v1/servers$"}


@pytest.fixture(params=["fly", "hetzner"])
def place(request: pytest.FixtureRequest) -> Cloud:
    found: Cloud = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
async def driver(place: Cloud) -> AsyncIterator[Driver]:
    opened = place.opened()
    yield opened
    assert place.fake.faults.are_used_up
    for machine in await opened.list():
        assert machine.machine_id is not None
        await opened.destroy(MachineRef(machine.machine_id, machine.provider_id))
    await opened.close()


@pytest.fixture
async def fly(fly_place: FlyPlace) -> AsyncIterator[Driver]:
    async with closing(fly_place.opened()) as opened:
        yield opened
    fly_place.fake.machines.clear()


@pytest.fixture
async def hetzner(hetzner_place: HetznerPlace) -> AsyncIterator[Driver]:
    async with closing(hetzner_place.opened()) as opened:
        yield opened
    hetzner_place.fake.servers.clear()


@pytest.mark.parametrize("how", [{"status": 502}, {"cut": True}])
async def test_a_machine_whose_making_was_not_confirmed_is_found_again(
    place: Cloud, driver: Driver, how: dict[str, Any]
) -> None:
    spec = place.spec()
    place.fake.faults.add(CREATES[place.name], done=True, **how)

    with pytest.raises(ProviderAway):
        await driver.create(spec)
    assert 1 == place.there(spec.machine_id)
    made = await driver.create(spec)

    assert 1 == place.there(spec.machine_id)
    assert made.provider_id == (await until_power(driver, spec.ref, "running")).provider_id


async def test_a_name_that_is_taken_by_what_no_list_shows_yet_is_asked_for_again(
    place: Cloud, driver: Driver
) -> None:
    spec = place.spec()
    made = await driver.create(spec)
    nothing: Any = [] if place.name == "fly" else {"servers": [], "meta": {"pagination": {"next_page": None}}}
    place.fake.faults.add("GET", times=2, body=nothing)

    with pytest.raises(ProviderAway, match="already"):
        await driver.create(spec)

    assert made.provider_id == (await driver.create(spec)).provider_id
    assert 1 == place.there(spec.machine_id)


async def test_a_request_to_make_it_that_may_have_been_carried_out_is_not_sent_again(
    place: Cloud, driver: Driver
) -> None:
    place.fake.asked.clear()
    place.fake.faults.add(CREATES[place.name], status=503, code="unavailable")

    with pytest.raises(ProviderAway):
        await driver.create(place.spec())

    assert 1 == sum(line.startswith("POST") for line in place.fake.asked)


async def test_being_turned_away_for_a_while_is_waited_for(place: Cloud, driver: Driver) -> None:
    spec = place.spec()
    place.fake.faults.add(CREATES[place.name], times=3, status=429, code="rate_limit_exceeded")

    await driver.create(spec)

    assert 1 == place.there(spec.machine_id)


async def test_how_long_to_wait_is_the_providers_to_say(place: Cloud, driver: Driver) -> None:
    place.fake.faults.add("GET", status=429, code="rate_limit_exceeded", headers={"retry-after": "1"})
    began = time.monotonic()

    await driver.list()

    assert time.monotonic() - began >= 1


async def test_a_longer_wait_than_there_is_time_is_told(place: Cloud, driver: Driver) -> None:
    place.fake.faults.add("GET", status=429, code="rate_limit_exceeded", headers={"retry-after": "600"})

    with pytest.raises(ProviderAway) as away:
        await driver.list()

    assert 600 == away.value.retry_after_s


async def test_what_may_be_repeated_survives_errors_of_its_servers(place: Cloud, driver: Driver) -> None:
    place.fake.faults.add("GET", times=2, status=502, code="bad_gateway")
    place.fake.faults.add("GET", cut=True)

    assert [] == await driver.list()


async def test_a_failed_query_never_means_gone(place: Cloud, driver: Driver) -> None:
    place.fake.faults.add("GET", times=ATTEMPTS_MOST, status=500)

    with pytest.raises(ProviderAway):
        await driver.get(MachineRef(new_id(), "4711"))


@pytest.mark.parametrize("body", [{}, [], {"servers": 1, "meta": {}}, [{"id": "x"}], {"server": {}}, 7])
async def test_an_answer_that_makes_no_sense_means_nothing(place: Cloud, driver: Driver, body: Any) -> None:
    place.fake.faults.add("GET", body=body)

    with pytest.raises(ProviderAway):
        await driver.get(MachineRef(new_id(), "4711"))
    if not isinstance(body, list):
        place.fake.faults.add("GET", body=body)
        with pytest.raises(ProviderAway):
            await driver.list()


@pytest.mark.parametrize("verb", ["destroy", "stop", "list"])
async def test_somewhere_else_is_no_answer(place: Cloud, driver: Driver, verb: str) -> None:
    place.fake.faults.add("", status=302, headers={"location": "https://elsewhere.example.com"})

    with pytest.raises(ProviderRefused, match="something went wrong"):
        await (driver.list() if verb == "list" else getattr(driver, verb)(MachineRef("m", "4711")))


async def test_a_wrong_token_is_refused_and_not_repeated(place: Cloud) -> None:
    async with closing(place.opened(token="wrong-token-of-ours")) as driver:
        place.fake.asked.clear()
        with pytest.raises(ProviderRefused) as refused:
            await driver.list()

    assert "credentials" == refused.value.reason
    assert 1 == len(place.fake.asked)
    assert "wrong-token-of-ours" not in str(refused.value)


@pytest.mark.parametrize(
    ("provider", "status", "code", "message", "reason"),
    [
        ("fly", 422, "insufficient_capacity", "insufficient CPUs available", "capacity"),
        ("fly", 400, "unknown", "no capacity available in iad", "capacity"),
        ("fly", 409, "unknown", "insufficient memory available to fulfill request", "capacity"),
        ("fly", 412, "unknown", "insufficient resources to create new machine with existing volume", "capacity"),
        ("fly", 412, "unknown", "machine version mismatch", "other"),
        ("fly", 403, "unknown", "organization quota in this region is used up", "quota"),
        ("fly", 422, "unknown", "invalid config.image", "invalid"),
        ("hetzner", 412, "resource_unavailable", "the requested type is not available", "capacity"),
        ("hetzner", 422, "placement_error", "there is no place", "capacity"),
        ("hetzner", 403, "resource_limit_exceeded", "server limit exceeded", "quota"),
        ("hetzner", 422, "invalid_input", "invalid input in field 'image'", "invalid"),
        ("hetzner", 403, "token_readonly", "the token is only allowed to read", "credentials"),
    ],
)
async def test_a_refusal_says_what_kind_it_is(
    request: pytest.FixtureRequest, provider: str, status: int, code: str, message: str, reason: RefusedFor
) -> None:
    place: Cloud = request.getfixturevalue(f"{provider}_place")
    place.fake.faults.add(CREATES[provider], status=status, code=code, message=message)
    async with closing(place.opened()) as driver:
        with pytest.raises(ProviderRefused) as refused:
            await driver.create(place.spec())

    assert reason == refused.value.reason
    assert refused.value.message.startswith(message)


async def test_what_a_provider_repeats_of_our_secrets_is_not_told_on(place: Cloud, driver: Driver) -> None:
    spec = place.spec(token="agents-own-token")
    ours = fake_fly.TOKEN if place.name == "fly" else fake_hetzner.TOKEN
    message = f"cannot parse agents-own-token of {ours}"
    place.fake.faults.add(CREATES[place.name], status=422, code="invalid_input", message=message)

    with pytest.raises(ProviderRefused) as refused:
        await driver.create(spec)

    assert refused.value.message.startswith("cannot parse (secret) of (secret)")


async def test_addresses_of_this_computer_are_refused_with_the_cure(place: Cloud, driver: Driver) -> None:
    spec = place.spec()
    ways = dataclasses.replace(spec.access.ways, outside=spec.access.ways.here)
    here = dataclasses.replace(spec, access=dataclasses.replace(spec.access, ways=ways))

    with pytest.raises(ProviderRefused, match="egress_address"):
        await driver.create(here)


async def test_a_host_of_flys_that_does_not_answer_makes_its_machines_unknown(
    fly_place: FlyPlace, fly: Driver
) -> None:
    id = new_id()
    machine = fly_place.fake.add(f"monoize-{id}", {"monoize_managed": "1", "monoize_machine": id}, "stopped")
    machine |= {"host_status": "unreachable", "config": None, "incomplete_config": {}}

    seen = await fly.get(MachineRef(id, machine["id"]))

    assert ("unknown", id) == (seen.power, seen.machine_id)


@pytest.mark.parametrize(
    ("state", "power"),
    [
        ("started", "running"),
        ("suspended", "stopped"),
        ("launch_failed", "stopped"),
        ("replacing", "changing"),
        ("migrated", "changing"),
        ("destroying", "changing"),
        ("destroyed", "gone"),
        ("levitating", "unknown"),
    ],
)
async def test_flys_states_have_a_meaning(fly_place: FlyPlace, fly: Driver, state: str, power: str) -> None:
    machine = fly_place.fake.add("monoize-x", {"monoize_managed": "1"}, state)

    assert power == (await fly.get(MachineRef("x", machine["id"]))).power


async def test_what_fly_reads_is_per_machine_and_begins_again_with_it(fly_place: FlyPlace, fly: Driver) -> None:
    id = new_id()
    machine = fly_place.fake.add(f"monoize-{id}", {"monoize_managed": "1", "monoize_machine": id})
    fly_place.fake.metrics = {
        machine["id"]: {"cpu": 1234.0, "memory": 100.0 * 2**20, "net": 987.0},
        "another": {"cpu": 9.0, "memory": 9.0, "net": 9.0},
    }
    ref = MachineRef(id, machine["id"])

    first = (await fly.read([ToRead(ref, 256)]))[id]
    before = Reading(first.epoch, first.at.replace(year=first.at.year - 1), 0, 50)
    second = (await fly.read([ToRead(ref, 256, before), ToRead(MachineRef("other", "0"), 256)]))[id]
    machine["events"].append({"type": "start", "status": "started", "timestamp": int(time.time() * 1000) + 5000})
    third = (await fly.read([ToRead(ref, 256, second)]))[id]

    assert (12_340, 987) == (first.cpu_ms, first.network_bytes)
    assert first.epoch == second.epoch != third.epoch
    assert second.memory_mb_seconds == pytest.approx(50 + 100 * 365.25 * 86_400, rel=0.01)
    assert 0 == third.memory_mb_seconds


async def test_a_server_that_does_not_listen_is_switched_off(hetzner_place: HetznerPlace, hetzner: Driver) -> None:
    id = new_id()
    server = hetzner_place.fake.add(f"monoize-{id}", {"monoize.machine": id})
    hetzner_place.fake.ignores_shutdown = True
    try:
        await hetzner.stop(MachineRef(id, str(server["id"])))
    finally:
        hetzner_place.fake.ignores_shutdown = False

    await until_power(hetzner, MachineRef(id, str(server["id"])), "stopped")
    assert f"POST /v1/servers/{server['id']}/actions/poweroff" in hetzner_place.fake.asked


async def test_a_protected_server_is_not_destroyed_and_says_so(
    hetzner_place: HetznerPlace, hetzner: Driver
) -> None:
    id = new_id()
    server = hetzner_place.fake.add(f"monoize-{id}", {"monoize.machine": id})
    server["protection"]["delete"] = True

    with pytest.raises(ProviderRefused, match="protected"):
        await hetzner.destroy(MachineRef(id, str(server["id"])))


async def test_all_pages_of_servers_are_read_and_nobody_elses(hetzner_place: HetznerPlace, hetzner: Driver) -> None:
    ids = {new_id() for _ in range(120)}
    for id in ids:
        hetzner_place.fake.add(f"monoize-{id}", {"monoize.machine": id})
    hetzner_place.fake.add("somebody-elses", {})

    assert ids == {machine.machine_id for machine in await hetzner.list()}


async def test_a_list_that_breaks_off_is_no_list(hetzner_place: HetznerPlace, hetzner: Driver) -> None:
    for number in range(60):
        hetzner_place.fake.add(f"monoize-{number}", {"monoize.machine": str(number)})
    hetzner_place.fake.faults.add("GET /v1/servers$", body={"servers": [], "meta": {}})

    with pytest.raises(ProviderAway):
        await hetzner.list()


async def test_memory_at_hetzner_is_what_was_given_while_it_runs(
    hetzner_place: HetznerPlace, hetzner: Driver
) -> None:
    id = new_id()
    server = hetzner_place.fake.add(f"monoize-{id}", {"monoize.machine": id})
    server |= {"outgoing_traffic": 1000, "ingoing_traffic": None}
    ref = MachineRef(id, str(server["id"]))
    first = (await hetzner.read([ToRead(ref, 4096)]))[id]
    an_hour_ago = Reading(first.epoch, utc_now().replace(year=2025), 100, 7)

    second = (await hetzner.read([ToRead(ref, 4096, an_hour_ago)]))[id]
    server["status"] = "off"
    third = (await hetzner.read([ToRead(ref, 4096, an_hour_ago)]))[id]

    elapsed_s = (second.at - an_hour_ago.at).total_seconds()
    assert second.memory_mb_seconds == pytest.approx(7 + 4096 * elapsed_s, rel=0.001)
    assert second.cpu_ms == pytest.approx(100 + elapsed_s * 500, rel=0.001)
    assert 7 == third.memory_mb_seconds
    assert 1000 == third.network_bytes


async def test_a_machine_in_the_private_network_is_reached_there(hetzner_place: HetznerPlace) -> None:
    async with closing(hetzner_place.opened(network_id=7, firewall_id=9, ssh_keys=("ops",))) as driver:
        spec = hetzner_place.spec()
        made = await driver.create(spec)
        await driver.destroy(MachineRef(spec.machine_id, made.provider_id))

    assert made.address is not None
    assert made.address.startswith("10.0.0.")
    assert made.address.endswith(":18789")


def test_a_pace_lets_a_few_through_at_once_and_then_one_after_the_other() -> None:
    pace = Pace(per_second=1, burst=3)

    assert [0, 0, 0, 1, 2] == [round(pace.reserve(100.0), 6) for _ in range(5)]
    assert 0 == pace.reserve(110.0)
