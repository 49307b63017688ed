"""What only a provider of the Responses API can understand goes to nobody else."""

from typing import Any

import pytest
from gateway.wishes import responses
from support.gateway import Bench, channel, provider
from support.provider import Asked, Said, in_json, serving

PATH = "/v1/responses"
LEANING: list[tuple[str, dict[str, Any]]] = [
    ("previous_response_id", {"previous_response_id": "resp_1"}),
    ("conversation", {"conversation": {"id": "conv_1"}}),
    ("prompt", {"prompt": {"id": "pmpt_1"}}),
    ("input", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    ("input", {"input": [{"type": "compaction", "encrypted_content": "sealed"}]}),
    ("input", {"input": [{"role": "user", "content": "hi"}, {"type": "compaction_trigger"}]}),
]
every_leaning = pytest.mark.parametrize(
    ("param", "more"), LEANING, ids=["answer", "conversation", "prompt", "item", "compaction", "trigger"]
)


def answer(_: Asked) -> Said:
    item = {"type": "message", "id": "1", "role": "assistant", "status": "completed"}
    output = [{**item, "content": [{"type": "output_text", "text": "Yes.", "annotations": []}]}]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    return in_json({"id": "resp_2", "object": "response", "status": "completed", "output": output, "usage": usage})


@every_leaning
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("type", ["chat_completion", "messages", "gemini", "echo"])
async def test_it_is_refused_where_nobody_could_understand_it(
    bench: Bench, type: Any, param: str, more: dict[str, Any], stream: bool
):
    async with serving(answer) as there:
        bench.offer(provider(channel(there.base_url, type, "m")))
        reply = await bench.ask(PATH, responses("hello", stream, **more))

    error = reply.json["error"]
    assert (400, "responses_channel_needed", param) == (reply.status, error["code"], error["param"])
    assert ([], [], (0, 0)) == (there.asked, await bench.charged(), await bench.held())


@every_leaning
async def test_it_goes_past_those_who_would_not_understand_it(bench: Bench, param: str, more: dict[str, Any]):
    async with serving(answer) as there, serving(answer) as elsewhere:
        bench.offer(
            provider(channel(elsewhere.base_url, "chat_completion", "m")),
            provider(channel(there.base_url, "responses", "m")),
        )
        body = responses("hello", **more)
        reply = await bench.ask(PATH, body)

    assert (200, []) == (reply.status, elsewhere.asked)
    assert body == there.asked[0].json


async def test_without_a_reference_anybody_may_answer(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    nothing = {"previous_response_id": None, "conversation": None, "background": False}
    assert 200 == (await bench.ask(PATH, responses("hello", **nothing))).status


@pytest.mark.parametrize("type", ["responses", "chat_completion", "echo"])
async def test_nothing_is_answered_in_the_background(bench: Bench, type: Any):
    async with serving(answer) as there:
        bench.offer(provider(channel(there.base_url, type, "m")))
        reply = await bench.ask(PATH, responses("hello", background=True))

    assert (400, "background_not_supported") == (reply.status, reply.json["error"]["code"])
    assert [] == there.asked
