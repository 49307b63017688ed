"""What a page keeps of a conversation comes back as it was; whatever else comes back is refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.errors import Invalid
from monoize.dashboard.conversing.turns import (
    KEPT_BYTES_MOST,
    Answered,
    Result,
    Returned,
    Said,
    awaited,
    kept,
    nodes_of,
    read_turns,
)
from monoize.gateway.protocol.urp import Reasoning, ToolCall

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
calls = st.builds(ToolCall, call_id=texts, name=texts, arguments=texts, encrypted=st.none() | texts)
thoughts = st.builds(Reasoning, content=st.none() | texts, encrypted=st.none() | texts)
turns = st.one_of(
    st.builds(Said, texts),
    st.builds(
        Answered, texts, texts, st.lists(thoughts, max_size=2).map(tuple), st.lists(calls, max_size=2).map(tuple)
    ),
    st.builds(Returned, st.lists(st.builds(Result, texts, texts, texts), max_size=2).map(tuple)),
)


@given(st.lists(turns, max_size=5))
def test_a_conversation_comes_back_as_it_was_kept(said):
    text = kept(said)

    assert text is not None
    back = read_turns(text)
    assert kept(back) == text
    assert [str(node) for node in nodes_of(back)] == [str(node) for node in nodes_of(read_turns(text))]


@given(st.text(min_size=1) | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)).map(str))
def test_whatever_else_comes_back_is_refused(text):
    with contextlib.suppress(Invalid):
        assert kept(read_turns(text)) is not None


def test_a_conversation_ends_where_it_is_too_long():
    assert kept([Said("x" * KEPT_BYTES_MOST)]) is None
    with pytest.raises(Invalid):
        read_turns('[{"type":"said","text":"' + "x" * KEPT_BYTES_MOST + '"}]')


def test_only_the_last_answer_waits_for_its_tools():
    calling = Answered("", calls=(ToolCall(call_id="1", name="weather", arguments="{}"),))

    assert calling.calls == awaited([Said("hi"), calling])
    assert () == awaited([Said("hi"), calling, Returned((Result("1", "weather", "sunny"),))])
    assert () == awaited([])
