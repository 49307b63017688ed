"""An answer is read the same in every protocol, however its bytes are cut; whatever comes is survived."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.dashboard.conversing.reading import Reading
from monoize.dashboard.conversing.requests import PROTOCOLS, Prompt
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Failed, Finish, Reasoning, Request, Response, Text, ToolCall
from monoize.gateway.transforms.retelling import events_of

OUTPUT = (
    Reasoning(content="It is a greeting."),
    Text(role="assistant", text="Héllo 👋\n\nthere"),
    ToolCall(call_id="call_1", name="weather", arguments='{"place": "Oslo"}'),
)
RESPONSE = Response(id="r", model="m", output=OUTPUT, finish=Finish(reason="tool_calls"))


def _stream(protocol) -> bytes:
    dialect = Prompt(protocol).dialect
    request = Request(model="m", input=[], stream=True, origin=protocol)
    encoder = dialect.encoder(Naming(response_id="r", created_at=1), request)
    return b"".join(encoder.encode(event) for event in events_of(RESPONSE))


def _cut(stream: bytes, places: list[int]) -> list[bytes]:
    at = sorted({0, len(stream), *(place % len(stream) for place in places)})
    return [stream[begin:end] for begin, end in itertools.pairwise(at)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(places=st.lists(st.integers(0, 10_000), max_size=20))
def test_an_answer_is_the_same_however_it_is_cut(protocol, places):
    reading = Reading(Prompt(protocol).dialect)
    pieces = [piece for chunk in _cut(_stream(protocol), places) for piece in reading.feed(200, chunk)]
    pieces += reading.end()

    assert reading.problem is None
    assert "Héllo 👋\n\nthere" == reading.turn.text
    assert ["weather"] == [call.name for call in reading.turn.calls]
    assert {"place": "Oslo"} == json.loads(reading.turn.calls[0].arguments)
    assert ["weather"] == [piece.text for piece in pieces if piece.kind == "call"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_breaks_off_is_told_to_be_broken(protocol):
    stream = _stream(protocol)
    reading = Reading(Prompt(protocol).dialect)
    reading.feed(200, stream[: len(stream) // 2].rpartition(b"\n\n")[0] + b"\n\n")
    reading.end()

    assert reading.problem
    assert () == reading.turn.calls


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_is_told_in_its_own_words(protocol):
    dialect = Prompt(protocol).dialect
    reading = Reading(dialect)
    body = dialect.error_body(402, "insufficient_balance", "There is not enough money.", hint="Top it up.")
    reading.feed(402, json.dumps(body).encode())
    reading.end()

    assert reading.problem is not None
    assert reading.problem.startswith("There is not enough money.")


@given(
    st.sampled_from(sorted(PROTOCOLS)), st.sampled_from([200, 500]), st.lists(st.binary(max_size=50), max_size=5)
)
def test_whatever_comes_is_survived(protocol, status, chunks):
    reading = Reading(Prompt(protocol).dialect)
    for chunk in chunks:
        reading.feed(status, chunk)
    reading.end()

    assert reading.problem
    assert isinstance(Failed(message=reading.problem).message, str)
