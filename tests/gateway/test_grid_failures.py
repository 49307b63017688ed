"""What goes wrong at a provider of any protocol, as a caller of any other hears it."""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from anthropic.types import ErrorResponse
from gateway.grid import losses
from gateway.grid.gemini import GEMINI
from gateway.grid.meaning import Asked, Json, Name, Words, events
from gateway.grid.messages import MESSAGES
from gateway.grid.scenarios import SCENARIOS
from gateway.grid.street import JSON, TONGUES, logged, said_in, through, written
from gateway.grid.tongue import Tongue
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from support.gateway import Bench, channel, open_bench, provider
from support.provider import Said, in_events

from monoize.contract.snapshot import Offer

SAID: Final = "The “model” is too busy."
HELLO: Final = Asked((("user", Words("Hello?")),))
# As each protocol's house tells of a request that it refuses, and of an answer that it breaks off.
REFUSALS: Final[dict[str, Json]] = {
    "chat": {"error": {"message": SAID, "type": "invalid_request_error", "param": None, "code": "too_odd"}},
    "responses": {"error": {"message": SAID, "type": "invalid_request_error", "param": None, "code": "too_odd"}},
    "messages": {"type": "error", "error": {"type": "invalid_request_error", "message": SAID}, "request_id": "r"},
    "gemini": {"error": {"code": 400, "message": SAID, "status": "INVALID_ARGUMENT"}},
}
BREAKS: Final[dict[str, tuple[str, Json]]] = {
    "chat": ("", {"error": {"message": SAID, "type": "server_error", "code": 503}}),
    "responses": (
        "event: error\n",
        {"type": "error", "sequence_number": 9, "code": "server_error", "message": SAID, "param": None},
    ),
    "messages": ("event: error\n", {"type": "error", "error": {"type": "overloaded_error", "message": SAID}}),
    "gemini": ("", {"error": {"code": 503, "message": SAID, "status": "UNAVAILABLE"}}),
}
ENDS: Final = {
    "chat": "[DONE]",
    "responses": "response.completed",
    "messages": "message_stop",
    "gemini": "finishReason",
}
BLOCKED: Final = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 8}}

pytestmark = pytest.mark.asyncio(loop_scope="module")
every_caller = pytest.mark.parametrize("caller", TONGUES.values(), ids=TONGUES)
every_upstream = pytest.mark.parametrize("upstream", TONGUES.values(), ids=TONGUES)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
_event: Final[TypeAdapter[Any]] = TypeAdapter(ResponseStreamEvent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    async with open_bench(tmp_path_factory.mktemp("grid") / "spool") as opened:
        yield opened


@every_caller
@every_upstream
@both_ways
async def test_a_refusal_is_told_in_the_callers_words(bench: Bench, caller: Tongue, upstream: Tongue, stream: bool):
    said = Said(400, written(REFUSALS[upstream.name]), JSON)
    _, reply = await through(bench, caller, upstream, caller.ask(HELLO, stream), said, stream=stream)

    assert (400, SAID) == (reply.status, _refusal_told(caller, reply.json))
    if caller is upstream:
        assert said.body == reply.body


@every_caller
@every_upstream
@pytest.mark.parametrize("is_told", [True, False], ids=["error", "cut"])
async def test_a_stream_that_breaks_is_told_to_be_broken(
    bench: Bench, caller: Tongue, upstream: Tongue, is_told: bool
):
    name, body = BREAKS[upstream.name]
    error = [f"{name}data: {json.dumps(body)}\n\n".encode()] if is_told else []
    told = losses.told(SCENARIOS["words"].answered, upstream.name, stream=True)
    begun = upstream.frames(told)[:5]
    said = in_events(*begun, *error, cut=not is_told)
    _, reply = await through(bench, caller, upstream, caller.ask(HELLO, True), said, stream=True)

    assert (200, True) == (reply.status, reply.is_over)
    assert ENDS[caller.name] not in reply.body.decode()
    message = _break_told(caller, reply.body)
    assert (message == SAID) == is_told
    if caller is upstream:
        assert reply.body.startswith(b"".join([*begun, *error]))
    log = await logged(bench, reply)
    assert ("error", is_told) == (log.status, log.error_message == SAID)
    assert is_told or "upstream_truncated" == log.error_code
    assert (0, 0) == await bench.held()


@every_caller
@both_ways
async def test_a_prompt_that_gemini_blocks_is_asked_nobody_else(bench: Bench, caller: Tongue, stream: bool):
    """Who speaks Gemini gets the answer as it is; to others it is a mistake of theirs."""
    wire = written(BLOCKED) if not stream else b"data: %b\n\n" % json.dumps(BLOCKED).encode()
    said = said_in([wire], stream=stream)
    _, reply = await through(bench, caller, GEMINI, caller.ask(HELLO, stream), said, stream=stream)
    log = await logged(bench, reply)

    assert ("error", "content_filter") == (log.status, log.error_code)
    if caller is GEMINI:
        assert (200, wire) == (reply.status, reply.body)
    else:
        assert (400, True) == (reply.status, "SAFETY" in _refusal_told(caller, reply.json))


@pytest.mark.parametrize("name", ["chat", "responses", "gemini"])
async def test_what_a_channel_cannot_be_asked_the_caller_is_told(bench: Bench, name: Name):
    """Before anybody is asked, in the names of the caller's protocol."""
    caller = TONGUES[name]
    odd = Asked(HELLO.lines, effort="high", temperature=0.5)
    bench.offer(provider(channel("http://127.0.0.1:9", "messages", offers={"m": Offer(MESSAGES.model)})))
    reply = await bench.ask(caller.path, caller.ask(odd, False))

    assert (400, "temperature") == (reply.status, _param_of(caller, reply.json))


def _refusal_told(caller: Tongue, body: Json) -> str:
    match caller.name:
        case "messages":
            told = ErrorResponse.model_validate_json(json.dumps(body), strict=True)
            assert "invalid_request_error" == told.error.type
            return told.error.message
        case "gemini":
            error = body["error"]
            assert (400, "INVALID_ARGUMENT") == (error["code"], error["status"])
        case _:
            error = body["error"]
            assert "invalid_request_error" == error["type"]
    return str(error["message"])


def _param_of(caller: Tongue, body: Json) -> str:
    if caller is GEMINI:
        [found] = [each for each in body["error"]["details"] if "fieldViolations" in each]
        return str(found["fieldViolations"][0]["field"]).rpartition(".")[2]
    return str(body["error"]["param"])


def _break_told(caller: Tongue, wire: bytes) -> str:
    """Its last event."""
    name, data = events(wire)[-1]
    last = json.loads(data)
    match caller.name:
        case "responses":
            assert name == last["type"]
            event = _event.validate_json(data, strict=True)
            return str(event.message if event.type == "error" else event.response.error.message)
        case "messages":
            assert "error" == name
            return ErrorResponse.model_validate_json(json.dumps({"request_id": None, **last})).error.message
    return str(last["error"]["message"])
