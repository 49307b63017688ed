"""The built-in model: it says back what it hears, always in the same way, and does on demand what models do.

A newcomer tries everything with it before there is a key of any provider, and so do the tests. What it is to do
stands in lines of the last user message:

    /call NAME {"some": "arguments"}    call this tool; several lines are parallel calls
    /think                              reason before the answer
    /fail 503                           refuse with this status
    /cut 3                              break off after so many words
    /slow 50                            so many milliseconds before each word
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import (
    Done,
    Failed,
    Finish,
    Json,
    Node,
    NodeDone,
    NodeStarted,
    Reasoning,
    ReasoningDelta,
    Request,
    Response,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)

THOUGHT: Final = "Somebody said something. I shall say it back."
SLOW_MOST_MS: Final = 10_000
_ORDER: Final = re.compile(r"^/(call|think|fail|cut|slow)\b[ \t]*(.*)$", re.MULTILINE)
_WORD: Final = re.compile(r"\s*\S+")


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    calls: Sequence[tuple[str, str]] = ()
    thinks: bool = False
    status: int | None = None
    words_most: int | None = None
    slow_ms: int = 0


def orders_in(request: Request) -> Orders:
    """None are left once a tool has answered: that is what was wanted then."""
    if any(isinstance(node, ToolResult) for node in request.input[_last_user(request) :]):
        return Orders()
    found = _ORDER.findall(_said(request))
    numbers = {verb: int(rest) for verb, rest in found if rest.strip().isdigit() and len(rest) < 8}
    calls = [
        (name, arguments.strip())
        for verb, rest in found
        if verb == "call"
        for name, _, arguments in [rest.partition(" ")]
    ]
    return Orders(
        calls=tuple(calls) or _required_calls(request),
        thinks=any(verb == "think" for verb, _ in found) or _wants_reasoning(request),
        status=numbers.get("fail"),
        words_most=numbers.get("cut"),
        slow_ms=min(numbers.get("slow", 0), SLOW_MOST_MS),
    )


def answer(request: Request, naming: Naming) -> Response:
    orders = orders_in(request)
    output = list(_output(request, orders, naming))
    finish = Finish(reason="tool_calls" if any(isinstance(node, ToolCall) for node in output) else "stop")
    words = _words_most(request, orders)
    texts = [node for node in output if isinstance(node, Text)]
    if texts and words is not None and len(_WORD.findall(texts[-1].text)) > words:
        cut = "".join(_WORD.findall(texts[-1].text)[:words])
        output[-1] = msgspec.structs.replace(texts[-1], text=cut)
        finish = Finish(reason="length")
    return Response(
        id=naming.response_id,
        model=request.model,
        output=output,
        finish=finish,
        usage=_usage(request, output),
        created_at=naming.created_at,
    )


def events(request: Request, naming: Naming) -> Iterator[StreamEvent]:
    """The same answer, word by word. Broken off on demand, it never says that it is done."""
    response = answer(request, naming)
    yield Started(id=response.id, model=response.model, created_at=response.created_at)
    for index, node in enumerate(response.output):
        yield from _told(index, node)
    if orders_in(request).words_most is not None:
        yield Failed(message="This answer was broken off, as it was asked for.", code="echo_cut", status=502)
    else:
        yield Done(response=response)


def _told(index: int, node: Node) -> Iterator[StreamEvent]:
    match node:
        case Text():
            yield NodeStarted(index=index, node=msgspec.structs.replace(node, text=""))
            for word in _WORD.findall(node.text):
                yield TextDelta(index=index, text=word)
        case Reasoning():
            yield NodeStarted(index=index, node=msgspec.structs.replace(node, content=None))
            for word in _WORD.findall(node.content or ""):
                yield ReasoningDelta(index=index, text=word)
        case ToolCall():
            yield NodeStarted(index=index, node=msgspec.structs.replace(node, arguments=""))
            yield TextDelta(index=index, text=node.arguments)
        case _:
            raise AssertionError("the echo says nothing else")
    yield NodeDone(index=index, node=node)


def _output(request: Request, orders: Orders, naming: Naming) -> Iterator[Node]:
    if orders.thinks:
        yield Reasoning(content=THOUGHT)
    if orders.calls:
        for place, (name, arguments) in enumerate(orders.calls):
            yield ToolCall(call_id=f"call_{naming.node_id(place)}", name=name, arguments=arguments or "{}")
        return
    yield Text(role="assistant", text=_reply(request))


def _reply(request: Request) -> str:
    results = [node for node in request.input[_last_user(request) :] if isinstance(node, ToolResult)]
    if results:
        told = " ".join(_text_of(result.content) for result in results)
        return f"The tool said: {told.strip() or 'nothing'}"
    if request.response_format is not None and request.response_format.kind != "text":
        return json.dumps(_example(request.response_format.schema or {"type": "object"}))
    said = _ORDER.sub("", _said(request)).strip()
    return f"You said: {said or 'nothing'}"


def _last_user(request: Request) -> int:
    places = [place for place, node in enumerate(request.input) if getattr(node, "role", None) == "user"]
    return places[-1] if places else 0


def _said(request: Request) -> str:
    """The text of the last run of user nodes."""
    texts: list[str] = []
    for node in reversed(request.input[: _last_user(request) + 1]):
        if getattr(node, "role", None) != "user":
            break
        if isinstance(node, Text):
            texts.append(node.text)
    return "\n".join(reversed(texts))


def _text_of(content: Sequence[Any]) -> str:
    return " ".join(part.text for part in content if isinstance(part, Text))


def _required_calls(request: Request) -> tuple[tuple[str, str], ...]:
    choice = request.tool_choice
    tools = [tool for tool in request.tools if isinstance(tool, Tool)]
    if choice is None or choice.mode != "required" or not tools:
        return ()
    named = [tool for tool in tools if tool.name in choice.names] or tools
    return ((named[0].name, json.dumps(_example(named[0].parameters or {}))),)


def _wants_reasoning(request: Request) -> bool:
    wish = request.reasoning
    return wish is not None and (wish.effort not in (None, "none") or bool(wish.budget_tokens))


def _words_most(request: Request, orders: Orders) -> int | None:
    known = [most for most in (orders.words_most, request.max_output_tokens) if most is not None]
    return min(known) if known else None


def _usage(request: Request, output: Sequence[Node]) -> Usage:
    """A word is a token here."""
    heard = sum(len(_WORD.findall(node.text)) for node in request.input if isinstance(node, Text))
    thought = sum(len(_WORD.findall(node.content or "")) for node in output if isinstance(node, Reasoning))
    said = sum(len(_WORD.findall(node.text)) for node in output if isinstance(node, Text))
    called = sum(len(_WORD.findall(node.arguments)) for node in output if isinstance(node, ToolCall))
    return Usage(input_tokens=heard, output_tokens=said + called + thought, reasoning_tokens=thought)


def _example(schema: Json, depth: int = 0) -> Any:
    """Something that fits a JSON schema, as far as one level after the other says it plainly."""
    if depth > 8:
        return None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            members = schema.get("properties")
            wanted = schema.get("required", ())
            return {
                name: _example(member, depth + 1)
                for name, member in (members.items() if isinstance(members, dict) else ())
                if name in wanted and isinstance(member, dict)
            }
        case "array":
            return []
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case "string":
            return "text"
        case _:
            return {} if "properties" in schema or not schema else None
