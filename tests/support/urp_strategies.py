"""Any conversation, answer and stream in the common language of the protocols, and any JSON that is not."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from monoize.gateway.protocol import urp

TOKENS_MOST = 10**7

# Words as they come on a wire. What is empty says nothing and is left out by some protocols, so few are.
words = st.text(min_size=1, max_size=12)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
mime_types = st.sampled_from(["image/png", "image/jpeg", "application/pdf", "text/plain"])
base64s = st.binary(min_size=1, max_size=9).map(lambda data: msgspec.json.encode(data).decode().strip('"'))
urls = names.map(lambda name: f"https://example.com/{name}")

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
any_json = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)
json_objects = st.dictionaries(words, any_json, max_size=4)
arguments = json_objects.map(lambda each: msgspec.json.encode(each).decode())

efforts = st.sampled_from(get_args(urp.Effort))
finish_reasons = st.sampled_from(get_args(urp.FinishReason))
protocols = st.sampled_from(get_args(urp.Conversation))
callers_roles: st.SearchStrategy[urp.Role] = st.sampled_from(["system", "developer", "user"])

url_sources = st.builds(urp.Url, url=urls)
inline_sources = st.builds(urp.Inline, media_type=mime_types, data=base64s)
inline_images = st.builds(urp.Inline, media_type=st.sampled_from(["image/png", "image/webp"]), data=base64s)


def texts(role: urp.Role) -> st.SearchStrategy[urp.Text]:
    return st.builds(urp.Text, role=st.just(role), text=words)


def images(role: urp.Role) -> st.SearchStrategy[urp.Image]:
    detail = st.sampled_from([None, "low", "high"])
    return st.builds(urp.Image, role=st.just(role), source=url_sources | inline_images, detail=detail)


def audios(role: urp.Role) -> st.SearchStrategy[urp.Audio]:
    media_type = st.sampled_from(["audio/wav", "audio/mp3"])
    return st.builds(
        urp.Audio, role=st.just(role), source=st.builds(urp.Inline, media_type=media_type, data=base64s)
    )


def files(role: urp.Role) -> st.SearchStrategy[urp.File]:
    source = st.builds(urp.Inline, media_type=st.just("application/pdf"), data=base64s)
    return st.builds(urp.File, role=st.just(role), source=source, filename=st.none() | names)


refusals = st.builds(urp.Refusal, text=words)


def reasonings(origin: urp.Protocol) -> st.SearchStrategy[urp.Reasoning]:
    """Readable, encrypted, or both; as what is neither would be nothing."""
    open_ones = st.builds(urp.Reasoning, content=words) | st.builds(
        urp.Reasoning, summary=st.lists(words, min_size=1, max_size=2).map(tuple)
    )
    sealed = st.builds(
        urp.Reasoning, content=st.none() | words, encrypted=base64s, origin=st.just(origin), id=st.none() | names
    )
    return open_ones | sealed


def tool_calls(call_id: str) -> st.SearchStrategy[urp.ToolCall]:
    return st.builds(urp.ToolCall, call_id=st.just(call_id), name=names, arguments=arguments)


def tool_results(call: urp.ToolCall) -> st.SearchStrategy[urp.ToolResult]:
    """In words only: what everybody can take."""
    content = st.lists(texts("user"), min_size=1, max_size=2).map(tuple)
    return st.builds(urp.ToolResult, call_id=st.just(call.call_id), content=content, kind=st.just(call.kind))


@st.composite
def conversations(draw: st.DrawFn, origin: urp.Protocol) -> tuple[urp.Node, ...]:
    """Turns of callers, and of assistants whose every call has its result right after them."""
    nodes: list[urp.Node] = []
    for turn in range(draw(st.integers(1, 4))):
        role = draw(callers_roles)
        parts = texts(role) if role != "user" else texts(role) | images(role)
        nodes += draw(st.lists(parts, min_size=1, max_size=2))
        if draw(st.booleans()):
            nodes += draw(st.lists(reasonings(origin), max_size=1))
            nodes += draw(st.lists(texts("assistant"), max_size=1))
            calls = [draw(tool_calls(f"call_{turn}_{place}")) for place in range(draw(st.integers(0, 2)))]
            nodes += calls
            nodes += [draw(tool_results(call)) for call in calls]
    return tuple(nodes)


tools = st.builds(
    urp.Tool,
    name=names,
    description=st.none() | words,
    parameters=json_objects.map(lambda each: {**each, "type": "object"}),
    strict=st.none() | st.booleans(),
)
response_formats = st.builds(urp.ResponseFormat, kind=st.sampled_from(["text", "json_object"])) | st.builds(
    urp.ResponseFormat,
    kind=st.just("json_schema"),
    name=names,
    description=st.none() | words,
    schema=json_objects,
    strict=st.none() | st.booleans(),
)


@st.composite
def requests(draw: st.DrawFn, origin: urp.Protocol) -> urp.Request:
    given_tools = draw(st.lists(tools, max_size=2, unique_by=lambda tool: tool.name))
    mode = st.sampled_from(["auto", "none", "required"])
    choices = [st.none(), st.builds(urp.ToolChoice, mode=mode)]
    if given_tools:
        one = st.sampled_from([tool.name for tool in given_tools]).map(lambda name: (name,))
        choices.append(st.builds(urp.ToolChoice, mode=st.just("required"), names=one))
    return urp.Request(
        model=draw(names),
        input=draw(conversations(origin)),
        stream=draw(st.booleans()),
        temperature=draw(st.none() | st.floats(0, 2)),
        top_p=draw(st.none() | st.floats(0, 1)),
        max_output_tokens=draw(st.none() | st.integers(1, 10**6)),
        reasoning=draw(st.none() | st.builds(urp.ReasoningWish, effort=efforts)),
        tools=tuple(given_tools),
        tool_choice=draw(st.one_of(choices)) if given_tools else None,
        parallel_tool_calls=draw(st.none() | st.booleans()) if given_tools else None,
        stop=tuple(draw(st.lists(words, max_size=3))),
        verbosity=draw(st.sampled_from([None, "low", "medium", "high"])),
        response_format=draw(st.none() | response_formats),
        user=draw(st.none() | names),
        origin=origin,
    )


@st.composite
def usages(draw: st.DrawFn) -> urp.Usage:
    """Totals that their parts fit into."""
    read, write, left, said, thought = (draw(st.integers(0, TOKENS_MOST)) for _ in range(5))
    return urp.Usage(
        input_tokens=left + read + write,
        output_tokens=said + thought,
        cache_read_tokens=read,
        cache_write_tokens=write,
        reasoning_tokens=thought,
    )


@st.composite
def responses(draw: st.DrawFn, origin: urp.Protocol) -> urp.Response:
    """Some reasoning, then some text, then some calls: the order that every protocol keeps."""
    calls = [draw(tool_calls(f"call_{place}")) for place in range(draw(st.integers(0, 2)))]
    output = [
        *draw(st.lists(reasonings(origin), max_size=1)),
        *draw(st.lists(texts("assistant"), max_size=1)),
        *calls,
    ]
    reason = "tool_calls" if calls else draw(st.sampled_from(["stop", "length", "content_filter"]))
    return urp.Response(
        id=draw(names),
        model=draw(names),
        output=tuple(output),
        finish=urp.Finish(reason=reason),
        usage=draw(st.none() | usages()),
        created_at=draw(st.none() | st.integers(0, 2**32)),
    )


def _pieces(draw: st.DrawFn, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=3)))
    ends = [*cuts, len(text)]
    return [text[start:end] for start, end in zip([0, *cuts], ends, strict=True) if start < end]


def _lifecycle(draw: st.DrawFn, index: int, node: urp.Node) -> list[urp.StreamEvent]:
    """The events of one node: what it begins as, its content in pieces, and all of it."""
    events: list[urp.StreamEvent] = []
    match node:
        case urp.Text() | urp.Refusal():
            begun: urp.Node = msgspec.structs.replace(node, text="")
            events += [urp.TextDelta(index=index, text=piece) for piece in _pieces(draw, node.text)]
        case urp.ToolCall():
            begun = msgspec.structs.replace(node, arguments="", encrypted=None)
            events += [urp.TextDelta(index=index, text=piece) for piece in _pieces(draw, node.arguments)]
        case urp.Reasoning():
            begun = msgspec.structs.replace(node, content=None, summary=(), encrypted=None)
            pieces = _pieces(draw, node.content or "")
            events += [urp.ReasoningDelta(index=index, text=piece) for piece in pieces]
            for place, part in enumerate(node.summary):
                pieces = _pieces(draw, part)
                events += [urp.ReasoningDelta(index=index, text=piece, summary_index=place) for piece in pieces]
        case _:
            begun = node
    return [urp.NodeStarted(index=index, node=begun), *events, urp.NodeDone(index=index, node=node)]


@st.composite
def streams_of(draw: st.DrawFn, response: urp.Response, *, interleaved: bool = False) -> list[urp.StreamEvent]:
    """A stream whose end is `response`. Interleaved nodes begin in their order and then go on in any."""
    started = urp.Started(id=response.id, model=response.model, created_at=response.created_at)
    waiting = [_lifecycle(draw, index, node) for index, node in enumerate(response.output)]
    events: list[urp.StreamEvent] = [started]
    begun = 0
    while any(waiting):
        open_ones = [place for place in range(begun) if waiting[place]]
        may_begin = begun < len(waiting) and (interleaved or not open_ones)
        place = draw(st.sampled_from(open_ones + [begun] * may_begin))
        begun += place == begun
        events.append(waiting[place].pop(0))
    return [*events, urp.Done(response=response)]


def streams(origin: urp.Protocol, *, interleaved: bool = False) -> st.SearchStrategy[list[urp.StreamEvent]]:
    return responses(origin).flatmap(lambda response: streams_of(response, interleaved=interleaved))


@st.composite
def damaged(draw: st.DrawFn, bodies: st.SearchStrategy[Any], most: int = 3) -> Any:
    """JSON that was right until a few of its values, wherever they stand, became any others or went missing."""
    body = copy.deepcopy(draw(bodies))
    for _ in range(draw(st.integers(1, most))):
        places = _places(body)
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            holder[key] = draw(any_json)
        else:
            del holder[key]
    return body


def _places(body: Any) -> list[tuple[Any, Any]]:
    waiting, places = [body], []
    while waiting:
        holder = waiting.pop()
        keys: Sequence[Any] = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            places.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return places


def assert_contract(events: Sequence[urp.StreamEvent]) -> urp.Response | None:
    """What every decoder promises of its events; the response, or None if the answer failed."""
    assert events, "a stream that ended has said so"
    if isinstance(events[0], urp.Failed):
        assert 1 == len(events), "what failed before it began has nothing after it"
        return None
    assert isinstance(events[0], urp.Started)
    assert isinstance(events[-1], urp.Done | urp.Failed)
    begun: list[urp.Node] = []
    done: dict[int, urp.Node] = {}
    for event in events[1:-1]:
        match event:
            case urp.NodeStarted(index=index, node=node):
                assert len(begun) == index
                begun.append(node)
            case urp.TextDelta(index=index):
                assert index not in done
                assert isinstance(begun[index], urp.Text | urp.Refusal | urp.ToolCall)
            case urp.ReasoningDelta(index=index):
                assert index not in done
                assert isinstance(begun[index], urp.Reasoning)
            case urp.NodeDone(index=index, node=node):
                assert index not in done
                assert _named(begun[index]) == _named(node)
                done[index] = node
            case _:
                raise AssertionError(f"{event} between the first and the last")
    if isinstance(events[-1], urp.Failed):
        return None
    response = events[-1].response
    assert sorted(done) == list(range(len(begun)))
    assert [done[index] for index in range(len(begun))] == list(response.output)
    return response


def _named(node: urp.Node) -> tuple[Any, ...]:
    """What is known of a node when it begins, and stays."""
    call = (node.call_id, node.name, node.kind) if isinstance(node, urp.ToolCall) else ()
    return type(node), *call


def fed(decoder: Any, frames: Sequence[tuple[str | None, bytes]]) -> list[urp.StreamEvent]:
    """All that a decoder makes of these frames and of their end."""
    feed: Callable[[str | None, bytes], list[urp.StreamEvent]] = decoder.feed
    events = [event for name, data in frames for event in feed(name, data)]
    return events + decoder.end()


def frames_of(wire: bytes) -> list[tuple[str | None, bytes]]:
    """Server-sent events as (name, data), comments left out. Plain, for tests: the gateway has its own reader."""
    frames = []
    for block in wire.replace(b"\r\n", b"\n").split(b"\n\n"):
        name, data = None, []
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                name = value.decode()
            elif field == b"data":
                data.append(value)
        if data:
            frames.append((name, b"\n".join(data)))
    return frames
