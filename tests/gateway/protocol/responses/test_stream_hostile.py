"""Streams that no provider should send: whatever comes, the events keep their contract."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.responses.samples import ENDING_WELL, NAMES, Frame, events_of, frames, recorded
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, assert_contract, damaged, frames_of

KINDS = sorted({kind for name in NAMES for kind, _ in frames(name) if kind})
ITEM_KINDS = ["message", "reasoning", "function_call", "custom_tool_call", "image_generation_call", "new"]
small = st.integers(0, 2)
parts = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["output_text", "refusal", "reasoning_text", "summary_text", "new"]),
        "text": st.text(max_size=3),
        "refusal": st.text(max_size=3),
    },
)
any_items = st.fixed_dictionaries(
    {"type": st.sampled_from(ITEM_KINDS)},
    optional={
        "id": st.sampled_from(["a", "b", None]),
        "call_id": st.sampled_from(["c", "d", None]),
        "name": st.just("f"),
        "arguments": st.text(max_size=3),
        "input": st.text(max_size=3),
        "result": st.just("AAAA"),
        "role": st.sampled_from(["assistant", None]),
        "content": st.lists(parts, max_size=2) | st.text(max_size=2),
        "summary": st.lists(parts, max_size=2),
        "encrypted_content": st.text(max_size=2),
        "status": st.sampled_from(["in_progress", "completed", None]),
    },
)
any_responses = st.fixed_dictionaries(
    {"output": st.lists(any_items, max_size=3)},
    optional={
        "id": st.text(max_size=2),
        "status": st.sampled_from(["completed", "incomplete", "failed", "cancelled", None]),
        "error": st.sampled_from([None, {"message": "x"}]),
        "usage": any_json,
    },
)
any_events = st.fixed_dictionaries(
    {"type": st.sampled_from([*KINDS, "error", "new"])},
    optional={
        "output_index": small,
        "content_index": small,
        "summary_index": small,
        "item_id": st.sampled_from(["a", "b"]),
        "delta": st.text(max_size=3),
        "text": st.text(max_size=3),
        "arguments": st.text(max_size=3),
        "input": st.text(max_size=3),
        "refusal": st.text(max_size=3),
        "part": parts,
        "item": any_items,
        "response": any_responses,
    },
)
gentle_events = any_events.filter(
    lambda event: (
        not event["type"].startswith(("error", "response.completed", "response.incomplete", "response.fail"))
    )
)


@at_leisure
@given(st.lists(gentle_events, max_size=12), any_events)
def test_events_in_any_order_keep_the_contract(told: list[dict[str, Any]], last: dict[str, Any]):
    assert_contract(events_of([(None, msgspec.json.encode(event)) for event in [*told, last]]))


@at_leisure
@given(st.lists(st.tuples(st.none() | st.sampled_from(KINDS), any_json | any_events), max_size=6))
def test_any_json_keeps_the_contract(told: list[tuple[str | None, Any]]):
    assert_contract(events_of([(kind, msgspec.json.encode(body)) for kind, body in told]))


@at_leisure
@given(st.lists(st.tuples(st.none() | st.sampled_from(KINDS), st.binary(max_size=20)), max_size=4))
def test_any_bytes_keep_the_contract(told: list[Frame]):
    assert_contract(events_of(told))


@at_leisure
@given(
    st.sampled_from(ENDING_WELL).flatmap(
        lambda name: damaged(st.just([msgspec.json.decode(d) for _, d in frames(name) if d != b"[DONE]"]))
    )
)
def test_damaged_recordings_keep_the_contract(told: list[Any]):
    assert_contract(events_of([(None, msgspec.json.encode(body)) for body in told]))


@at_leisure
@given(st.sampled_from(ENDING_WELL), st.data())
def test_lost_doubled_and_swapped_events_keep_the_contract(name: str, data: st.DataObject):
    told = frames(name)
    places = data.draw(st.lists(st.integers(0, len(told) - 1), max_size=2 * len(told)))
    assert_contract(events_of([told[place] for place in places]))


@pytest.mark.parametrize("name", ENDING_WELL)
def test_bytes_cut_anywhere_are_no_answer(name: str):
    wire = recorded(name).removesuffix(b"data: [DONE]\n\n").rstrip()
    for place in range(len(wire) - 1, 0, -37):
        assert assert_contract(events_of(frames_of(wire[:place]))) is None
    assert assert_contract(events_of(frames_of(wire)))
