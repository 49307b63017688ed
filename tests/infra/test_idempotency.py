import asyncio

import pytest
from sqlalchemy import insert, select, text, update
from support.house import RunningHouse
from support.rows import put_in_versions

from monoize.base.clock import utc_now
from monoize.control.identity.tables import versions
from monoize.infra import idempotency
from monoize.infra.db import Database
from monoize.infra.idempotency import KEPT_FOR, Answer, KeyReused, Once, StillRunning, idempotency_keys
from monoize.infra.sealed import Seal, SealBroken

SEAL = Seal(bytes(32))
ONCE = Once.of("user:1", "key", b"POST /things {}")


async def create(database: Database, once: Once, body: str = '{"secret": "mz_1"}') -> None:
    async with database.write() as tx:
        await once.claim(tx)
        await tx.execute(insert(versions).values(name=once.key, version="1"))
        await once.keep(tx, SEAL, Answer(201, body))


async def earlier(database: Database, once: Once) -> Answer | None:
    async with database.read() as tx:
        return await once.earlier(tx, SEAL)


async def created(database: Database) -> int:
    return len(await put_in_versions(database))


async def test_the_first_request_has_no_earlier_answer(database: Database):
    assert await earlier(database, ONCE) is None


async def test_a_repeated_request_gets_the_first_answer(database: Database):
    await create(database, ONCE)

    again = Once.of("user:1", "key", b"POST /things {}")
    assert Answer(201, '{"secret": "mz_1"}') == await earlier(database, again)


async def test_a_key_that_is_claimed_cannot_be_claimed_again(database: Database):
    await create(database, ONCE)
    with pytest.raises(StillRunning):
        await create(database, ONCE)

    assert 1 == await created(database)


async def test_a_key_used_for_another_request_is_refused(database: Database):
    await create(database, ONCE)
    for other in (b"POST /things {} ", b"POST /thingz {}", b""):
        with pytest.raises(KeyReused):
            await earlier(database, Once.of("user:1", "key", other))


async def test_the_same_key_of_another_caller_is_another_key(database: Database):
    await create(database, ONCE)
    theirs = Once.of("user:2", "key", b"POST /things {}")

    assert await earlier(database, theirs) is None
    async with database.write() as tx:
        await theirs.claim(tx)


async def test_keys_differ_by_case(database: Database):
    await create(database, ONCE)

    assert await earlier(database, Once.of("user:1", "KEY", b"POST /things {}")) is None


async def test_a_request_that_fails_gives_its_key_back(database: Database):
    async def fail() -> None:
        async with database.write() as tx:
            await ONCE.claim(tx)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()

    assert await earlier(database, ONCE) is None
    await create(database, ONCE)
    assert 1 == await created(database)


async def test_an_answer_without_a_body_is_kept_too(database: Database):
    async with database.write() as tx:
        await ONCE.claim(tx)
        await ONCE.keep(tx, SEAL, Answer(204, ""))

    assert Answer(204, "") == await earlier(database, ONCE)


async def test_the_answer_cannot_be_read_in_the_table(database: Database):
    body = '{"secret": "mz_1", "name": "🦊"}' * 50
    await create(database, ONCE, body)
    async with database.read() as tx:
        stored = str((await tx.execute(text("SELECT * FROM idempotency_keys"))).all())

    assert "mz_1" not in stored
    assert "secret" not in stored
    assert Answer(201, body) == await earlier(database, ONCE)


async def test_an_answer_moved_to_another_key_does_not_open(database: Database):
    other = Once.of("user:1", "other", b"POST /things {}")
    await create(database, ONCE)
    await create(database, other)
    async with database.write() as tx:
        columns = idempotency_keys.c
        theirs = await tx.scalar(select(columns.answer).where(columns.idempotency_key == "key"))
        await tx.execute(update(idempotency_keys).where(columns.idempotency_key == "other").values(answer=theirs))

    with pytest.raises(SealBroken):
        await earlier(database, other)


async def test_only_keys_past_their_time_are_purged(database: Database):
    ages = {"fresh": KEPT_FOR * 0, "last": KEPT_FOR * 0.99, "old": KEPT_FOR * 1.01, "ancient": KEPT_FOR * 9}
    for key in ages:
        await create(database, Once.of("user:1", key, b""))
    async with database.write() as tx:
        for key, age in ages.items():
            mine = idempotency_keys.c.idempotency_key == key
            await tx.execute(update(idempotency_keys).where(mine).values(created_at=utc_now() - age))
        await idempotency.purge(tx)
        left = set((await tx.execute(select(idempotency_keys.c.idempotency_key))).scalars())

    assert {"fresh", "last"} == left


async def test_twenty_claims_at_once_create_one_row(database: Database):
    outcomes = await asyncio.gather(*(create(database, ONCE) for _ in range(20)), return_exceptions=True)

    assert 1 == outcomes.count(None)
    assert [StillRunning] * 19 == [type(outcome) for outcome in outcomes if outcome is not None]
    assert 1 == await created(database)


async def test_a_twin_takes_over_when_the_first_request_fails(database: Database):
    """On SQLite and the servers alike the twin waits for the first to end, one way or the other."""
    claimed, doubtful = asyncio.Event(), asyncio.Event()

    async def fail() -> None:
        async with database.write() as tx:
            await ONCE.claim(tx)
            claimed.set()
            await doubtful.wait()
            raise ValueError("no")

    first = asyncio.create_task(fail())
    await claimed.wait()
    twin = asyncio.create_task(create(database, ONCE))
    await asyncio.sleep(0.1)
    assert not twin.done()
    doubtful.set()
    await asyncio.gather(first, return_exceptions=True)
    await twin

    assert 1 == await created(database)


async def test_twenty_requests_at_once_get_one_answer_and_create_one_row(
    house_everywhere: RunningHouse,
):
    root = await house_everywhere.make_root()

    async def post() -> tuple[int, str]:
        answer = await root.post("/api/tenants", json={"name": "north"}, headers={"Idempotency-Key": "one"})
        return answer.status_code, answer.text

    answers = await asyncio.gather(*(post() for _ in range(20)))

    assert 1 == len(set(answers)), set(answers)
    assert 201 == answers[0][0]
    listed = (await root.get("/api/tenants")).text
    assert 1 == listed.count('"north"')
