"""From the spool into the ledger: everything, once, whatever happens in between."""

import asyncio

import msgspec
import pytest
from control.telemetry.bench import USAGE_NANO, event
from sqlalchemy import func, select
from support.house import open_house
from support.money import Till, open_till, request
from support.price_book import SONNET

from monoize.base.cost.price import RATE_MOST, Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.cost.usage import Usage
from monoize.base.ids import new_id
from monoize.contract.budgets import user_budget
from monoize.contract.events import Charged, encode
from monoize.control.ledger.tables import billing_ledger, request_logs
from monoize.control.telemetry.tables import agent_telemetry, usage_days
from monoize.infra.holds import Claim
from monoize.infra.settings import Settings
from monoize.infra.spool import open_spool
from monoize.main.money import spool_folder


async def logged(till: Till) -> int:
    async with till.house.house.database.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(request_logs)))


async def test_charges_and_request_logs_are_posted_on_every_engine(till_everywhere: Till):
    till = till_everywhere
    rich, poor = await till.person(10_000), await till.person(50)
    spent = [await till.spend(user_id, amount) for user_id in (rich, poor) for amount in (7, 3, 11)]

    await till.money.handover.post_all()

    assert {id: [amount] for id, amount in zip(spent, (7, 3, 11) * 2, strict=True)} == await till.booked(spent)
    assert (10_000 - 21, 50 - 21) == (await till.balance(rich), await till.balance(poor))
    assert 6 == await logged(till)


async def test_an_agents_request_is_booked_as_that_agents(till: Till):
    user_id, agent_id, record_id = await till.person(100), new_id(), new_id()
    plain = request(new_id(), user_id, 10)
    assert plain.log is not None
    of_record = msgspec.structs.replace(plain.log, agent_record_id=record_id)
    called = event(agent_id=agent_id).call
    for number, wanted in enumerate(
        (
            plain,
            msgspec.structs.replace(plain, log=of_record, call=called),
            msgspec.structs.replace(plain, agent_id=agent_id),
        )
    ):
        id = f"{plain.request_id}-{number}"
        await till.money.spool.finish(id, encode(msgspec.structs.replace(wanted, id=new_id(), request_id=id)))
    await till.money.handover.post_all()

    async with till.house.house.database.read() as tx:
        columns = billing_ledger.c
        query = select(columns.agent_id, columns.agent_record_id).where(columns.kind == "request_charge")
        booked = [tuple(row) for row in await tx.execute(query.order_by(columns.request_id))]
    assert [(None, None), (agent_id, record_id), (agent_id, None)] == booked


async def test_what_is_posted_again_changes_nothing(till_everywhere: Till):
    till = till_everywhere
    user_id = await till.person(100)
    event = request(new_id(), user_id, 10)
    for _ in range(3):
        await till.money.spool.finish(event.request_id, encode(event))
        await till.money.handover.post_all()

    assert {event.request_id: [10]} == await till.booked([event.request_id])
    assert (90, 1) == (await till.balance(user_id), await logged(till))


async def test_a_request_that_cost_nothing_is_logged_and_not_booked(till: Till):
    user_id = await till.person(100)
    free = await till.spend(user_id, 0)
    await till.money.handover.post_all()

    assert ({free: []}, 1) == (await till.booked([free]), await logged(till))


async def calls(till: Till) -> tuple[list[tuple[str, int | None]], int]:
    """The recorded calls with their costs, and how many the sums of the days count."""
    async with till.house.house.database.read() as tx:
        rows = await tx.execute(select(agent_telemetry.c.id, agent_telemetry.c.cost_nano))
        counted = await tx.scalar(select(func.sum(usage_days.c.calls)))
        return [(row.id, row.cost_nano) for row in rows], int(counted or 0)


async def test_what_a_request_used_is_kept_with_its_charge_and_once(till_everywhere: Till):
    till = till_everywhere
    user_id = await till.person(USAGE_NANO)
    call = event(changes={"user_id": user_id, "budgets": {user_budget(user_id): USAGE_NANO}})
    for _ in range(3):
        await till.money.spool.finish(call.request_id, encode(call))
        await till.money.handover.run()

    assert {call.request_id: [USAGE_NANO]} == await till.booked([call.request_id])
    assert ([(call.id, USAGE_NANO)], 1) == await calls(till)
    assert (0, 1) == (await till.balance(user_id), await logged(till))


async def test_a_call_that_does_not_fit_is_set_aside_whole_and_the_others_are_posted(till: Till):
    user_id = await till.person(10 * USAGE_NANO)
    dear = PriceSheet.of([Price(id="dear", provider="p", model_key="m", input_pico=RATE_MOST)])
    batch = [
        event(usage, sheet, changes={"user_id": user_id, "charge_nano": 7})
        for usage, sheet in ((Usage(1), SONNET), (Usage(1_001), dear), (Usage(2), SONNET))
    ]
    for each in batch:
        await till.money.spool.finish(each.request_id, encode(each))

    await till.money.handover.run()

    first, too_dear, last = (each.request_id for each in batch)
    assert {first: [7], too_dear: [], last: [7]} == await till.booked([first, too_dear, last])
    assert ({batch[0].id, batch[2].id}, 2) == ({id for id, _ in (await calls(till))[0]}, await logged(till))
    figures = await till.money.spool.figures()
    assert (0, 1) == (figures.finished, figures.set_aside)


@pytest.mark.parametrize("content", [b'{"half', b"[]", b'{"id":"x"}', b'{"charge_nano":-1}'])
async def test_what_nobody_can_read_is_set_aside_and_holds_nobody_up(till: Till, content: bytes):
    user_id = await till.person(100)
    await till.money.spool.finish("broken", content)
    good = await till.spend(user_id, 10)

    await till.money.handover.post_all()

    assert {good: [10]} == await till.booked([good])
    figures = await till.money.spool.figures()
    assert (0, 1) == (figures.finished, figures.set_aside)


@pytest.mark.parametrize(
    "changes", [{"user_id": "nobody"}, {"charge_nano": -1}, {"request_id": ""}, {"api_key_id": "x"}], ids=str
)
async def test_a_charge_that_cannot_be_booked_is_set_aside(till: Till, changes: dict[str, object]):
    facts = {"id": new_id(), "request_id": new_id(), "user_id": await till.person(), "at_ms": 1, "charge_nano": 5}
    await till.money.spool.finish("wrong", encode(Charged(**(facts | changes))))

    await till.money.handover.post_all()

    assert 1 == (await till.money.spool.figures()).set_aside


async def test_what_was_under_way_when_its_process_died_is_charged_what_is_known(settings: Settings):
    async with open_house(settings) as house:
        async with open_till(house) as till:
            user_id = await till.person(100)
        spool = await open_spool(spool_folder(settings))
        for request_id, amount in (("unknown", 2), ("known", 30)):
            event = request(request_id, user_id, 2, is_estimated=True)
            await spool.begin(request_id, encode(event))
            if amount != 2:
                await spool.note(request_id, encode(request(request_id, user_id, amount)))
        await spool.close()

        async with open_till(house) as till:
            assert {"unknown": [2], "known": [30]} == await till.booked(["unknown", "known"])
            assert [] == await till.money.spool.left_in_flight()


async def test_what_cannot_be_posted_at_the_end_is_posted_at_the_next_start(settings: Settings):
    async with open_house(settings) as house:
        async with open_till(house) as till:
            user_id = await till.person(100)
        spool = await open_spool(spool_folder(settings))
        event = request("late", user_id, 40)
        await spool.finish("late", encode(event))
        await spool.close()

        async with open_till(house) as till:
            assert 60 == await till.balance(user_id)
            await till.money.meter.admit(request(new_id(), user_id, 0), [Claim(user_budget(user_id), 60)])


async def test_many_requests_at_once_are_posted_exactly(till_everywhere: Till):
    till = till_everywhere
    people = [await till.person(1_000_000) for _ in range(3)]

    async def several(number: int) -> dict[str, int]:
        amounts = [number * 10 + step for step in range(5)]
        return {await till.spend(people[number % 3], amount): amount for amount in amounts}

    spent: dict[str, int] = {}
    for some in await asyncio.gather(*(several(number) for number in range(40))):
        spent |= some
    await till.money.handover.post_all()

    assert {id: [amount] if amount else [] for id, amount in spent.items()} == await till.booked(list(spent))
    assert 3_000_000 - sum(spent.values()) == sum([await till.balance(user_id) for user_id in people])
