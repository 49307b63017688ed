"""The official client reads what we write, over HTTP that never leaves this process."""

from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from gateway.protocol.responses.samples import ENDING_WELL, NAMING, answer, events_of, frames, wire, written

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.responses.problems import error_body, error_event
from monoize.gateway.protocol.responses.stream_out import StreamEncoder

STARTED = urp.Started(id="x", model="m")


def client(body: bytes, status: int = 200, media_type: str = "text/event-stream") -> openai.OpenAI:
    answered = httpx2.Response(status, content=body, headers={"content-type": media_type})
    transport = httpx2.MockTransport(lambda _: answered)
    http = httpx2.Client(transport=transport)
    return openai.OpenAI(api_key="k", base_url="http://localhost", http_client=http, max_retries=0)


def read(body: bytes) -> Any:
    """The response that the client puts together from a stream."""
    with client(body) as api, api.responses.stream(model="m", input="hi") as stream:
        for _ in stream:
            pass
        return stream.get_final_response()


def said(response: urp.Response) -> str:
    return "".join(node.text for node in response.output if isinstance(node, urp.Text))


@pytest.mark.parametrize("origin", [None, "responses"])
@pytest.mark.parametrize("name", [name for name in ENDING_WELL if name != "incomplete"])
def test_it_puts_our_streams_together(name: str, origin: urp.Protocol | None):
    final = read(wire(events_of(frames(name)), origin))
    assert said(answer(name)) == final.output_text
    assert "completed" == final.status
    calls = [node.arguments for node in answer(name).output if isinstance(node, urp.ToolCall)]
    found = [getattr(item, "arguments", None) or getattr(item, "input", None) for item in final.output]
    assert calls == [arguments for arguments in found if arguments]


@pytest.mark.parametrize("name", ENDING_WELL)
def test_it_reads_our_plain_answers(name: str):
    body = msgspec.json.encode(written(answer(name)))
    with client(body, media_type="application/json") as api:
        final = api.responses.create(model="m", input="hi")
    assert said(answer(name)) == final.output_text
    assert answer(name).usage.input_tokens == final.usage.input_tokens


def test_it_sees_that_an_answer_is_incomplete():
    with client(wire(events_of(frames("incomplete")))) as api:
        *_, last = api.responses.create(model="m", input="hi", stream=True)
    assert ("response.incomplete", "max_output_tokens") == (last.type, last.response.incomplete_details.reason)


def test_it_sees_that_an_answer_failed():
    with client(wire(events_of(frames("failed")))) as api:
        *_, last = api.responses.create(model="m", input="hi", stream=True)
    assert ("response.failed", "rate_limit_exceeded") == (last.type, last.response.error.code)


def test_it_raises_what_we_tell_in_a_stream():
    encoder = StreamEncoder(NAMING, None)
    body = encoder.encode(STARTED) + error_event(502, "upstream_error", "It broke.", sequence_number=2)

    def events() -> Iterator[Any]:
        with client(body) as api:
            yield from api.responses.create(model="m", input="hi", stream=True)

    with pytest.raises(openai.APIError, match=r"It broke\."):
        list(events())


def test_it_raises_what_we_refuse():
    body = error_body(400, "background_not_supported", "No.", param="background", request_id="r", hint=None)
    with (
        client(msgspec.json.encode(body), 400, "application/json") as api,
        pytest.raises(openai.BadRequestError) as problem,
    ):
        api.responses.create(model="m", input="hi", background=True)
    assert ("background_not_supported", "background") == (problem.value.code, problem.value.param)


def test_names_are_the_same_for_the_same_answer():
    def sent() -> bytes:
        encoder = StreamEncoder(Naming(response_id="resp_x", created_at=1), None)
        return b"".join(encoder.encode(event) for event in events_of(frames("parallel_tools")))

    assert sent() == sent()
