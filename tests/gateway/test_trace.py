"""A request goes on with the trace that its caller sent, and so does whoever is asked next."""

import re

import pytest
from gateway.wishes import chat
from hypothesis import given
from hypothesis import strategies as st
from support.gateway import Bench, channel, provider
from support.provider import in_json, serving

from monoize.gateway.trace import STATE_CHARS_MOST, trace_of

TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ANSWER = {
    "id": "1",
    "object": "chat.completion",
    "model": "m-2026",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


@pytest.mark.parametrize("flags", ["00", "01", "03"])
def test_a_trace_is_gone_on_with_as_its_caller_wants_it(flags: str):
    trace = trace_of(f"00-{TRACE_ID}-{SPAN_ID}-{flags}", "vendor=1")

    assert (TRACE_ID, SPAN_ID, flags != "00") == (trace.trace_id, trace.parent_id, trace.is_sampled)
    assert SPAN_ID != trace.span_id
    told = f"00-{TRACE_ID}-{trace.span_id}-{'00' if flags == '00' else '01'}"
    assert [(b"traceparent", told.encode()), (b"tracestate", b"vendor=1")] == trace.headers


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        f"00-{TRACE_ID.upper()}-{SPAN_ID}-01",
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-01-more",
        f"00-{TRACE_ID}-{SPAN_ID}",
    ],
)
def test_what_is_no_trace_begins_one(parent: str | None):
    trace = trace_of(parent, "vendor=1")

    assert trace.parent_id is None
    assert trace.state is None
    assert re.fullmatch("[0-9a-f]{32}", trace.trace_id) and re.fullmatch("[0-9a-f]{16}", trace.span_id)


@given(st.text(), st.text() | st.just("a" * (STATE_CHARS_MOST + 1)))
def test_whatever_is_sent_what_is_passed_on_is_well_formed(parent: str, state: str):
    for sent in (parent, f"00-{TRACE_ID}-{SPAN_ID}-01"):
        for _, value in trace_of(sent, state).headers:
            assert re.fullmatch(rb"[\x20-\x7e]{1,512}", value)


async def test_the_trace_and_what_else_a_request_says_of_itself_is_recorded(bench: Bench):
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    body = chat("hello") | {"tools": [tool], "tool_choice": "required", "metadata": {"session_id": "s-1"}}
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        reply = await bench.ask(
            "/v1/chat/completions", body, headers={"traceparent": f"00-{TRACE_ID}-{SPAN_ID}-01"}
        )
        sent = there.asked[0].headers["traceparent"]

    assert 200 == reply.status
    (charged,) = await bench.charged()
    call = charged.call
    assert call is not None
    assert (TRACE_ID, "s-1", "any", None) == (
        *(call.trace_id, call.session_id, call.tool_choice, call.cache_breakpoints),
    )
    assert f"00-{TRACE_ID}-{call.span_id}-01" == sent
    assert call.estimate_nano is not None and call.estimate_nano >= charged.charge_nano > 0


async def test_a_request_that_nobody_answered_is_a_call_that_used_nothing_and_cost_nothing(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))

    reply = await bench.ask("/v1/chat/completions", chat("/fail 503"))

    assert 502 == reply.status
    (charged,) = await bench.charged()
    assert charged.call is not None
    assert (True, 0, 0) == (charged.call.is_failure, charged.cost_nano, charged.call.usage.total_input_tokens)
