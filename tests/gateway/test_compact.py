"""A provider of the Responses API compacts a conversation, and nobody else does; it is paid like any answer."""

from typing import Any

import pytest
from gateway.wishes import responses
from support.gateway import USER, Bench, channel, provider
from support.provider import Said, in_json, serving

PATH = "/v1/responses/compact"
USAGE = {
    "input_tokens": 1_000,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 200,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 1_200,
}
COST_NANO = 1_000 * 1_000 + 200 * 2_000
COMPACTED = {
    "id": "resp_1",
    "object": "response.compaction",
    "created_at": 1,
    "output": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "sealed"}],
    "usage": USAGE,
}


@pytest.mark.parametrize("path", [PATH, f"/api{PATH}"])
async def test_bytes_pass_as_they_are_and_the_usage_is_charged(bench: Bench, path: str):
    body = b'{"model":"m", "input":[ {"role":"user","content":"h\\u00e9"} ],"previous_response_id":"resp_0"}'
    said = in_json(COMPACTED)
    async with serving(said) as there:
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        reply = await bench.ask(path, body)

    assert (200, said.body) == (reply.status, reply.body)
    assert [("POST", PATH, body)] == [(asked.method, asked.path, asked.body) for asked in there.asked]
    (charged,) = await bench.charged()
    assert (COST_NANO, False, {f"user:{USER}": COST_NANO}) == (
        charged.charge_nano,
        charged.is_estimated,
        charged.budgets,
    )
    assert (reply.headers["x-request-id"], (0, 0)) == (charged.request_id, await bench.held())
    assert charged.log
    assert ("compact", False, "success") == (charged.log.request_kind, charged.log.is_stream, charged.log.status)


async def test_it_goes_past_channels_of_other_protocols(bench: Bench):
    async with serving(in_json(COMPACTED)) as there, serving(Said(500)) as elsewhere:
        bench.offer(
            provider(channel(elsewhere.base_url, "chat_completion", "m"), channel("", "echo", "m")),
            provider(channel(there.base_url, "responses", "m")),
        )
        assert 200 == (await bench.ask(PATH, responses("hello"))).status
    assert ([], 1) == (elsewhere.asked, len(there.asked))


@pytest.mark.parametrize("type", ["chat_completion", "messages", "gemini", "openai_image", "replicate", "echo"])
async def test_it_is_refused_where_nobody_can_do_it(bench: Bench, type: Any):
    async with serving(in_json(COMPACTED)) as there:
        bench.offer(provider(channel(there.base_url, type, "m")))
        reply = await bench.ask(PATH, responses("hello"))

    assert (400, "responses_channel_needed") == (reply.status, reply.json["error"]["code"])
    assert ([], [], (0, 0)) == (there.asked, await bench.charged(), await bench.held())


async def test_it_is_no_stream(bench: Bench):
    async with serving(in_json(COMPACTED)) as there:
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        reply = await bench.ask(PATH, responses("hello", stream=True))
        assert 200 == (await bench.ask(PATH, responses("hello", stream=False))).status

    assert (400, "compact_cannot_stream") == (reply.status, reply.json["error"]["code"])
    assert 1 == len(there.asked)


@pytest.mark.parametrize("nano", [0, 2_000_000])
async def test_it_is_never_cut_to_what_the_money_reaches_for(bench: Bench, nano: int):
    """An answer of a thousand tokens would be paid for by the greater of the two."""
    bench.balances = {f"user:{USER}": nano + 300_000}
    async with serving(in_json(COMPACTED)) as there:
        bench.offer(provider(channel(there.base_url, "responses", "m")))
        reply = await bench.ask(PATH, responses("hello"))
        assert (402, []) == (reply.status, there.asked)
        if nano:
            plain = await bench.ask("/v1/responses", responses("hello"))
            assert (200, True) == (plain.status, "max_output_tokens" in there.asked[0].json)


async def test_the_providers_refusal_comes_in_its_words_and_its_failure_costs_nothing(bench: Bench):
    refusal = in_json({"error": {"message": "No.", "type": "invalid_request_error", "code": "odd"}}, 400)
    for said, status in ((refusal, 400), (Said(500), 502), (in_json({"object": "what"}), 502)):
        async with serving(said) as there:
            bench.offer(provider(channel(there.base_url, "responses", "m")))
            reply = await bench.ask(PATH, responses("hello"))
        assert (status, True) == (reply.status, "error" in reply.json)
        assert said is not refusal or refusal.body == reply.body
    assert [0, 0, 0] == [charged.charge_nano for charged in await bench.charged()]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"model": 1}', b'{"model": "m", "model": "n"}'])
async def test_what_cannot_be_read_is_refused(bench: Bench, body: bytes):
    reply = await bench.ask(PATH, body)
    assert (400, True) == (reply.status, "error" in reply.json)
