"""What Gemini can say of any request and answer, its recorded streams, and the types of its official client."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from google.genai import types
from support.urp_strategies import frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.parts_out import readable
from monoize.gateway.protocol.gemini.stream_in import StreamDecoder
from monoize.gateway.protocol.naming import Naming

NAMING = Naming(response_id="resp-1", created_at=1_700_000_000)
# One that says no more of a request than was asked.
MODEL = "gemini-2.5-pro"
RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in RECORDED.glob("*.sse"))
# Of these the answer is that there is none.
FAILING = {"prompt_blocked", "error_midway", "truncated"}


def frames(name: str) -> list[tuple[str | None, bytes]]:
    return frames_of((RECORDED / f"{name}.sse").read_bytes())


def decoded(name: str) -> urp.Response:
    done = events_of(data for _, data in frames(name))[-1]
    assert isinstance(done, urp.Done)
    return done.response


def events_of(chunks: Iterable[bytes]) -> list[urp.StreamEvent]:
    decoder = StreamDecoder()
    return [event for data in chunks for event in decoder.feed(None, data)] + decoder.end()


def over_wire(value: Any) -> Any:
    """As it arrives at the other side."""
    return msgspec.json.decode(msgspec.json.encode(value))


def strict(body: Any) -> types.GenerateContentResponse:
    return types.GenerateContentResponse.model_validate_json(msgspec.json.encode(body))


def said_nodes(nodes: Sequence[urp.Node]) -> tuple[urp.Node, ...]:
    instructions, others = [], []
    for node in nodes:
        match node:
            case urp.Text(role="system" | "developer", text=text):
                instructions.append(urp.Text(role="system", text=text))
            case urp.ToolResult():
                call = next(c for c in nodes if isinstance(c, urp.ToolCall) and c.call_id == node.call_id)
                others.append(_said_result(node, call.name))
            case _:
                others += _said(node)
    if not others:
        others, instructions = [urp.Text(role="user", text=node.text) for node in instructions], []
    return (*instructions, *others)


def _said_result(node: urp.ToolResult, name: str) -> urp.ToolResult:
    text = "\n".join(part.text for part in node.content if isinstance(part, urp.Text))
    content = (urp.Text(role="user", text=text),) if text else ()
    return urp.ToolResult(call_id=node.call_id, content=content, name=name, is_error=node.is_error)


def _said(node: urp.Node) -> list[urp.Node]:
    match node:
        case urp.Reasoning():
            sealed = node.encrypted if node.origin == "gemini" else None
            origin = "gemini" if sealed else None
            words = readable(node) or None
            return [urp.Reasoning(content=words, encrypted=sealed, origin=origin)] if words or sealed else []
        case urp.Image(source=urp.Url()):
            # Whoever gives an address has to say what is there, and we guess.
            extra = {"fileData": {"mimeType": "image/jpeg"}}
            return [urp.Image(role=node.role, source=node.source, extra=extra)]
        case urp.Image():
            return [urp.Image(role=node.role, source=node.source)]
        case _:
            return [node]


def said_request(request: urp.Request) -> urp.Request:
    wanted = request.response_format
    return msgspec.structs.replace(
        request,
        model="",
        stream=False,
        input=said_nodes(request.input),
        reasoning=None,
        tools=tuple(msgspec.structs.replace(tool, strict=None) for tool in request.tools),
        response_format=wanted and msgspec.structs.replace(wanted, name=None, description=None, strict=None),
        parallel_tool_calls=None,
        verbosity=None,
        user=None,
    )


def said_response(response: urp.Response, model: str | None = None) -> urp.Response:
    natives = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
    usage = response.usage and msgspec.structs.replace(response.usage, cache_write_tokens=0)
    reason = response.finish.reason
    return msgspec.structs.replace(
        response,
        id=NAMING.response_id,
        model=model or response.model,
        output=said_nodes(response.output),
        finish=urp.Finish(reason=reason, native=natives[reason], origin="gemini"),
        usage=usage,
        created_at=None,
    )
