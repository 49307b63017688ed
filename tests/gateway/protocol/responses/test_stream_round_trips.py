"""Any stream of any provider: told in order, as the official client wants it, and understood again."""

from itertools import count
from typing import Any

import msgspec
from gateway.protocol.responses.samples import check, events_of, kinds, strict_event, told, wire, written
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import assert_contract, frames_of, protocols, streams

from monoize.gateway.protocol import urp

FAILED = urp.Failed(message="It broke.")


def without_ids(nodes: Any) -> list[urp.Node]:
    return [
        node if isinstance(node, urp.ProviderItem) else msgspec.structs.replace(node, id=None) for node in nodes
    ]


@at_leisure
@given(protocols.flatmap(streams), st.sampled_from([None, "responses"]))
def test_every_event_satisfies_the_official_client(events: list[urp.StreamEvent], origin: urp.Protocol | None):
    for _, data in frames_of(wire(events, origin)):
        strict_event(data)


@at_leisure
@given(protocols.flatmap(lambda origin: streams(origin, interleaved=True)), st.data())
def test_any_stream_is_told_in_order_and_understood_again(events: list[urp.StreamEvent], data: st.DataObject):
    sent = wire(events)
    check([msgspec.json.decode(each) for _, each in frames_of(sent)])
    response = assert_contract(events_of(frames_of(sent)))
    assert response is not None
    wanted = events[-1].response
    assert written(wanted)["output"] == written(response)["output"]
    assert (wanted.finish.reason, wanted.model, wanted.usage) == (
        response.finish.reason,
        response.model,
        response.usage,
    )


@at_leisure
@given(streams("responses", interleaved=True))
def test_what_can_be_said_is_understood_again(events: list[urp.StreamEvent]):
    response = assert_contract(events_of(frames_of(wire(events, "responses"))))
    assert response is not None
    assert without_ids(events[-1].response.output) == without_ids(response.output)


@at_leisure
@given(protocols.flatmap(lambda origin: streams(origin, interleaved=True)), st.integers(0, 30))
def test_a_failure_may_come_at_any_moment(events: list[urp.StreamEvent], moment: int):
    sent = told([*events[: min(moment, len(events) - 1)], FAILED])
    for number, event in zip(count(), sent, strict=False):
        assert number == event["sequence_number"]
    assert kinds(sent)[-1] in ("failed", "error")
    assert isinstance(events_of([(None, msgspec.json.encode(event)) for event in sent])[-1], urp.Failed)


@at_leisure
@given(streams("chat"))
def test_deltas_add_up_to_what_is_done(events: list[urp.StreamEvent]):
    pieces: dict[tuple[Any, ...], str] = {}
    for event in told(events):
        key = tuple(event.get(name) for name in ("output_index", "content_index", "summary_index"))
        if event["type"].endswith(".delta"):
            pieces[key] = pieces.get(key, "") + event["delta"]
        elif event["type"].endswith((".output_text.done", "_text.done", "_arguments.done")):
            assert pieces.pop(key, "") == event.get("text", event.get("arguments"))
    assert not pieces
