"""Requests to the provider, in as few words as a test needs."""

from typing import Any

from gateway.protocol.gemini.samples import MODEL

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.request_out import encode_request

HELLO = urp.Text(role="user", text="Hello")
NEWER = "gemini-3.1-pro-preview"


def asked(*nodes: urp.Node, model: str = MODEL, **more: Any) -> dict[str, Any]:
    request = urp.Request(**{"model": "m", "input": nodes or (HELLO,), "origin": "chat", **more})
    return encode_request(request, model=model, stream=False)


def call(call_id: str, name: str = "f", **more: Any) -> urp.ToolCall:
    return urp.ToolCall(**{"call_id": call_id, "name": name, "arguments": "{}", **more})


def result(call_id: str, *content: urp.ResultPart, **more: Any) -> urp.ToolResult:
    return urp.ToolResult(call_id=call_id, content=content, **more)


def text(words: str) -> urp.Text:
    return urp.Text(role="user", text=words)
