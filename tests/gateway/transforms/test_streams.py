"""What every transform of answers keeps, whatever the answer and wherever it is cut into pieces."""

from collections.abc import Sequence

import pytest
from gateway.protocol.test_contract import DIALECTS, FILES, NAMING, accepted, every_caller
from gateway.transforms.telling import retelling, told
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import assert_contract, fed, frames_of, responses, streams_of

from monoize.contract.transforms.catalogue import CATALOGUE
from monoize.gateway.dialects import Dialect
from monoize.gateway.protocol import urp
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.catalogue import TRANSFORMS
from monoize.gateway.transforms.retelling import told_again

RETELLING = [name for name, kind in CATALOGUE.items() if TRANSFORMS[kind].retold]
every_retelling = pytest.mark.parametrize("name", RETELLING)

# What transforms look for, among other things.
texts = st.lists(
    st.sampled_from(
        [
            "<think>",
            "</think>",
            "<thi",
            "nk>",
            "</",
            "<",
            "\n",
            " ",
            "so",
            "![a](",
            "![",
            "!",
            "https://x.org/y.png",
            ")",
            '"t"',
        ]
    ),
    max_size=8,
).map("".join)


@st.composite
def answers(draw: st.DrawFn) -> urp.Response:
    response = draw(responses(draw(st.sampled_from(["chat", "responses", "messages", "gemini"]))))
    image = urp.Image(role="assistant", source=urp.Inline(media_type="image/png", data="aGk="))
    more = st.builds(urp.Text, role=st.just("assistant"), text=texts) | st.just(image)
    output = [*draw(st.lists(more, max_size=2)), *response.output]
    return urp.Response(id=response.id, model=response.model, output=tuple(output), finish=response.finish)


@at_leisure
@given(st.lists(st.sampled_from(RETELLING), min_size=1, max_size=3), st.data())
def test_a_valid_stream_stays_one_and_says_what_the_whole_answer_would(names: list[str], data: st.DataObject):
    answer = data.draw(answers())
    events = told(data.draw(streams_of(answer, interleaved=True)), *map(retelling, names))
    response = assert_contract(events)

    assert response is not None
    assert response == told_again(answer, [retelling(name) for name in names])
    for index, node in enumerate(response.output):
        if isinstance(node, urp.Text | urp.ToolCall):
            said = node.text if isinstance(node, urp.Text) else node.arguments
            heard = [each.text for each in events if isinstance(each, urp.TextDelta) and each.index == index]
            assert said == "".join(heard) or not heard


@every_retelling
@every_caller
def test_every_recording_told_again_is_what_its_callers_sdk_takes(name: str, caller: Dialect):
    for file in FILES:
        dialect = DIALECTS[file.parts[-3]]
        about = About(username="alice", key_id="key-1", caller=caller.name, upstream=dialect.name)
        events = fed(dialect.stream_decoder(), frames_of(file.read_bytes()))
        again = told(events, retelling(name, about=about))
        wire = _written(caller, dialect, again)

        response = assert_contract(again)
        assert (assert_contract(events) is None) == (response is None), file
        assert_contract(fed(caller.stream_decoder(), frames_of(wire)))
        # What came in the caller's own protocol may have in it what no SDK knows.
        if response is not None and caller is not dialect:
            accepted(caller, wire)


@every_retelling
def test_an_answer_that_breaks_is_told_to_be_broken(name: str):
    begun = [urp.Started(id="r", model="m"), urp.NodeStarted(index=0, node=urp.Text(role="assistant", text=""))]
    failed = urp.Failed(message="broken off")

    assert failed == told([*begun, urp.TextDelta(index=0, text="<thi"), failed], retelling(name))[-1]


def _written(caller: Dialect, dialect: Dialect, events: Sequence[urp.StreamEvent]) -> bytes:
    asked = urp.Request(model="m", input=(), origin=caller.name)
    encoder = caller.encoder(NAMING, asked, origin=dialect.name)
    return b"".join(map(encoder.encode, events))
