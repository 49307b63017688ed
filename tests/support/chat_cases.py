"""What the tests of Chat Completions say again and again: requests to write, and streams to read."""

from typing import Any

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.request_out import encode_request
from monoize.gateway.protocol.chat.stream_in import StreamDecoder
from support.chat_wire import bare, frame, recorded
from support.urp_strategies import assert_contract, fed

USER = urp.Text(role="user", text="Hi")


def encoded(*nodes: urp.Node, model: str = "gpt-5", stream: bool = False, **members: Any) -> urp.Json:
    members = {"origin": "messages", **members}
    return encode_request(urp.Request(model="asked", input=nodes or (USER,), **members), model=model, stream=stream)


def messages(*nodes: urp.Node, **members: Any) -> list[urp.Json]:
    return encoded(*nodes, **members)["messages"]


def call(call_id: str, **members: Any) -> urp.ToolCall:
    return urp.ToolCall(call_id=call_id, name="f", arguments="{}", **members)


def result(call_id: str, *content: urp.ResultPart, **members: Any) -> urp.ToolResult:
    return urp.ToolResult(call_id=call_id, content=content or (urp.Text(role="user", text="ok"),), **members)


def events_of(name: str) -> list[urp.StreamEvent]:
    return fed(StreamDecoder(), recorded(name))


def decoded(name: str) -> urp.Response:
    response = assert_contract(events_of(name))
    assert response is not None
    return response


def said(name: str) -> list[urp.Node]:
    return bare(decoded(name).output)


def streamed(*choices: Any, **members: Any) -> list[urp.StreamEvent]:
    chunks = [
        {"id": "c", "model": "m", "created": 1, "choices": [{"index": 0, **choice}], **members}
        for choice in choices
    ]
    return fed(StreamDecoder(), [frame(chunk) for chunk in chunks])


def nodes(*deltas: urp.Json) -> list[urp.Node]:
    response = assert_contract(streamed(*({"delta": delta} for delta in deltas), {"finish_reason": "stop"}))
    assert response is not None
    return list(response.output)


def text(said: str) -> urp.Text:
    return urp.Text(role="assistant", text=said)
