"""The built-in model, asked through the whole gateway in every protocol."""

import pytest
from gateway.wishes import WISHES, Wish
from support.gateway import Bench, channel, frames, provider

every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


@pytest.fixture(autouse=True)
def echo(bench: Bench) -> None:
    bench.offer(provider(channel("", "echo", "m")))


@every_wish
async def test_it_says_back_what_it_heard(bench: Bench, wish: Wish):
    reply = await bench.ask(wish.path, wish.body("Hello, world"))

    assert (200, "You said: Hello, world") == (reply.status, wish.said(reply.json))


@every_wish
async def test_it_says_it_word_by_word_and_proves_that_it_is_done(bench: Bench, wish: Wish):
    reply = await bench.ask(wish.stream_path, wish.body("one two three", stream=True))

    assert (200, True) == (reply.status, reply.is_over)
    assert "You said: one two three" == wish.told(reply.body)
    assert wish.end in reply.chunks[-1].decode()
    assert reply.headers["content-type"].startswith("text/event-stream")


async def test_a_stream_of_google_without_sse_is_one_json_array(bench: Bench):
    reply = await bench.ask("/v1beta/models/m:streamGenerateContent", WISHES["gemini"].body("one two"))

    texts = [
        part["text"] for chunk in reply.json for part in chunk["candidates"][0].get("content", {}).get("parts", ())
    ]
    assert "You said: one two" == "".join(texts)
    assert "application/json" == reply.headers["content-type"]


async def test_it_calls_the_tools_it_is_told_to_call(bench: Bench):
    reply = await bench.ask(
        "/v1/chat/completions", WISHES["chat"].body('/call weather {"city": "Rome"}\n/call clock\nPlease.')
    )

    calls = [call["function"] for call in reply.json["choices"][0]["message"]["tool_calls"]]
    assert [("weather", '{"city": "Rome"}'), ("clock", "{}")] == [
        (call["name"], call["arguments"]) for call in calls
    ]
    assert "tool_calls" == reply.json["choices"][0]["finish_reason"]


async def test_it_reasons_when_it_is_asked_to(bench: Bench):
    reply = await bench.ask("/v1/messages", WISHES["messages"].body("/think\nWhy?"))

    assert ["thinking", "text"] == [block["type"] for block in reply.json["content"]]


@every_wish
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_refusal_of_the_request_itself_reaches_the_caller_as_it_is(bench: Bench, wish: Wish, status: int):
    reply = await bench.ask(wish.path, wish.body(f"/fail {status}"))

    assert status == reply.status
    assert "echo_refused" in reply.body.decode() or "refused" in reply.body.decode()
    assert (0, 0) == await bench.held()


@every_wish
async def test_a_broken_stream_is_told_to_be_broken(bench: Bench, wish: Wish):
    reply = await bench.ask(wish.stream_path, wish.body("/cut 2\none two three four", stream=True))

    assert (200, True) == (reply.status, reply.is_over)
    assert wish.end not in reply.body.decode()
    assert "broken off" in reply.chunks[-1].decode()
    (charged,) = await bench.charged()
    assert charged.log is not None
    assert ("error", "echo_cut") == (charged.log.status, charged.log.error_code)


async def test_usage_is_told_where_it_was_asked_for(bench: Bench):
    asked = {"stream": True, "stream_options": {"include_usage": True}}
    told = frames((await bench.ask("/v1/chat/completions", WISHES["chat"].body("a b", **asked))).body)
    untold = frames((await bench.ask("/v1/chat/completions", WISHES["chat"].body("a b", stream=True))).body)

    assert [2, 4] == [told[-2]["usage"][name] for name in ("prompt_tokens", "completion_tokens")]
    assert [] == [frame for frame in untold if frame != "[DONE]" and frame.get("usage")]
