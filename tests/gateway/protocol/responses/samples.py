"""Recorded streams, what our code makes of them, and the official types that judge what we write."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from support.urp_strategies import fed, frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.responses.answer_out import encode_response
from monoize.gateway.protocol.responses.stream_in import StreamDecoder
from monoize.gateway.protocol.responses.stream_out import StreamEncoder

Frame = tuple[str | None, bytes]

NAMING = Naming(response_id="resp_ours", created_at=1_700_000_000)
RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(file.stem for file in RECORDED.glob("*.sse"))
FAILING = {"failed", "error_first", "error_flat", "error_nested"}
ENDING_WELL = [name for name in NAMES if name not in FAILING]

_response: TypeAdapter[Any] = TypeAdapter(Response)
_event: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def recorded(name: str) -> bytes:
    return (RECORDED / f"{name}.sse").read_bytes()


def frames(name: str) -> list[Frame]:
    return frames_of(recorded(name))


def events_of(told: Sequence[Frame]) -> list[urp.StreamEvent]:
    return fed(StreamDecoder(), told)


def answer(name: str) -> urp.Response:
    done = events_of(frames(name))[-1]
    assert isinstance(done, urp.Done), done
    return done.response


def last_response(name: str) -> dict[str, Any]:
    """The whole answer that stands in the last event."""
    [*_, (_, data)] = [frame for frame in frames(name) if frame[1] != b"[DONE]"]
    response = msgspec.json.decode(data)["response"]
    assert isinstance(response, dict)
    return response


def strict(response: dict[str, Any]) -> None:
    """As the official SDK has it; nothing is converted."""
    _response.validate_json(msgspec.json.encode(response), strict=True)


def strict_event(data: bytes) -> None:
    _event.validate_json(data, strict=True)


def written(response: urp.Response, model: str | None = None) -> dict[str, Any]:
    return encode_response(response, model=model, naming=NAMING)


def told(events: Sequence[urp.StreamEvent], origin: urp.Protocol | None = None) -> list[dict[str, Any]]:
    """What a caller receives, event by event."""
    return [msgspec.json.decode(data) for _, data in frames_of(wire(events, origin))]


def wire(events: Sequence[urp.StreamEvent], origin: urp.Protocol | None = None) -> bytes:
    encoder = StreamEncoder(NAMING, None, origin=origin)
    return b"".join(encoder.encode(event) for event in events)


def lifecycle(index: int, node: urp.Node, begun: urp.Node, *deltas: urp.StreamEvent) -> list[urp.StreamEvent]:
    return [urp.NodeStarted(index=index, node=begun), *deltas, urp.NodeDone(index=index, node=node)]


def kinds(sent: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in sent]


def check(sent: list[dict[str, Any]]) -> None:
    """Numbers and places without gaps, items one after the other, and at the end all that was told."""
    assert list(range(len(sent))) == [event["sequence_number"] for event in sent]
    begun: dict[int, str | None] = {}
    items: list[Any] = []
    for event in sent:
        kind, place = event["type"], event.get("output_index")
        if kind == "response.output_item.added":
            assert len(items) == place == len(begun), "one item after the other"
            begun[place] = event["item"].get("id")
        elif kind == "response.output_item.done":
            assert len(items) == place
            assert begun[place] == event["item"].get("id")
            items.append(event["item"])
        elif place is not None:
            assert len(items) == place, "between the beginning and the end of its item"
            assert begun[place] == event["item_id"]
    head, last = sent[0]["response"], sent[-1]["response"]
    assert (head["id"], head["created_at"]) == (last["id"], last["created_at"])
    assert items == last["output"]
    assert "in_progress" not in {item.get("status") for item in items}
