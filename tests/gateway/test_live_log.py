"""What those who watch the request log build on: what is under way is known, and rows have ids by their ends."""

import asyncio

from gateway.wishes import chat, messages
from support.gateway import USER, Bench, change, channel, provider

PATH = "/v1/chat/completions"


async def test_a_request_is_under_way_from_when_it_is_understood_until_its_caller_was_answered(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    bystanders = bench.gateway.bystanders
    (grant,) = bench.grants.values()
    async with asyncio.TaskGroup() as together:
        first = together.create_task(bench.ask(PATH, chat("/slow 200\nhello")))
        await asyncio.sleep(0.05)
        second = together.create_task(bench.ask("/v1/messages", messages("/slow 100\nhello", stream=True)))
        await asyncio.sleep(0.05)
        under_way = bystanders.under_way()

    assert [] == bystanders.under_way()
    assert [task.result().headers["x-request-id"] for task in (first, second)] == [
        one.request_id for one in under_way
    ]
    assert [("m", "chat", False, USER, grant.key_id), ("m", "messages", True, USER, grant.key_id)] == [
        (one.model, one.request_kind, one.is_stream, one.user_id, one.api_key_id) for one in under_way
    ]


async def test_nothing_is_under_way_any_more_however_it_ended(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    await bench.ask(PATH, chat("/fail 400"))
    await bench.ask(PATH, chat("/fail 503"))
    await bench.ask(PATH, chat("/cut 1\none two", stream=True))
    await bench.ask(PATH, chat("one two three\n/slow 20", stream=True), leave_after=1)
    await bench.ask(PATH, chat("hello", model="unknown"))
    await bench.ask(PATH, b"{")
    await bench.ask(PATH, chat("hello"), key=None)

    assert [] == bench.gateway.bystanders.under_way()


async def test_rows_have_ids_in_the_order_in_which_requests_end(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    change(bench, cache_ttl_s=60)
    async with asyncio.TaskGroup() as together:
        slow = together.create_task(bench.ask(PATH, chat("/slow 200\nhello")))
        await asyncio.sleep(0.05)
        quick = await bench.ask(PATH, chat("hello"))
        await asyncio.sleep(0.005)
        again = await bench.ask(PATH, chat("hello"))

    ended = [reply.headers["x-request-id"] for reply in (quick, again, slow.result())]
    rows = sorted(await bench.charged(), key=lambda charged: charged.id)
    assert ended == [charged.request_id for charged in rows]
