"""What all decoders of streams promise, whoever's stream it is: over every recording, and over what nobody sends.

Beside them stand the watchers, which have to come to the same end; and after them the encoders, of which each has
to be able to tell what any decoder heard.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from gateway.protocol.gemini import samples as gemini
from gateway.protocol.messages import shapes as messages
from gateway.protocol.responses import samples as responses
from hypothesis import given
from hypothesis import strategies as st
from support.chat_wire import accepted_chunks
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, assert_contract, damaged, fed, frames_of

from monoize.gateway.dialects import CHAT, GEMINI, MESSAGES, RESPONSES, Dialect
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.naming import Naming

DIALECTS: Final = {dialect.name: dialect for dialect in (CHAT, RESPONSES, MESSAGES, GEMINI)}
FILES: Final = sorted(Path(__file__).parent.glob("*/recorded/*.sse"))
NAMING: Final = Naming(response_id="resp-1", created_at=1_700_000_000)
Frame = tuple[str | None, bytes]
RECORDED: Final[dict[str, list[Frame]]] = {
    name: [frame for file in FILES if name in file.parts for frame in frames_of(file.read_bytes())]
    for name in DIALECTS
}

every_recording = pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
every_dialect = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
every_caller = pytest.mark.parametrize("caller", DIALECTS.values(), ids=DIALECTS)


@every_recording
def test_every_recording_keeps_the_contract_wherever_it_breaks_off(file: Path):
    """It is done exactly when the watcher has seen the proof, and both have read the same usage by then."""
    dialect, frames = DIALECTS[file.parts[-3]], frames_of(file.read_bytes())
    for length in range(len(frames) + 1):
        decoder, watcher = dialect.stream_decoder(), dialect.watcher()
        response = assert_contract(fed(decoder, frames[:length]))
        for name, data in frames[:length]:
            watcher.see(name, data)
        assert (watcher.is_complete and watcher.error is None) == (response is not None)
        assert watcher.report == decoder.report
        if response is not None:
            assert watcher.usage == response.usage
            assert (watcher.model or "") == response.model
            assert watcher.is_semantic


@every_recording
def test_nothing_comes_after_the_end(file: Path):
    dialect, frames = DIALECTS[file.parts[-3]], frames_of(file.read_bytes())
    decoder = dialect.stream_decoder()
    fed(decoder, frames)
    assert [] == fed(decoder, frames)


@every_recording
@every_caller
def test_every_recording_can_be_told_to_every_caller(file: Path, caller: Dialect):
    """In what its SDK takes; and whoever reads that has heard the same words and calls, and the same end.

    What came in the caller's own protocol may have in it what no SDK knows.
    """
    dialect = DIALECTS[file.parts[-3]]
    events = fed(dialect.stream_decoder(), frames_of(file.read_bytes()))
    wire = b"".join(told(caller, dialect, events))
    again = assert_contract(fed(caller.stream_decoder(), frames_of(wire)))
    response = assert_contract(events)
    if response is None or again is None:
        assert response is again or _ends_in_failure(caller, response)
        return
    if not {type(node) for node in response.output} & {urp.Image, urp.Audio}:
        # Elsewhere they are told in words, or not at all.
        assert _words(response) == _words(again)
    assert _calls(response) == _calls(again)
    reason = response.finish.reason
    assert reason == again.finish.reason or ("other", "stop") == (reason, again.finish.reason)
    if caller is not dialect:
        accepted(caller, wire)


@st.composite
def anything(draw: st.DrawFn, name: str) -> list[Frame]:
    """Frames as they are recorded, in any order and number, some of them damaged, others of no sense at all."""
    recorded = st.sampled_from(RECORDED[name])
    in_json = st.sampled_from(
        [frame for frame in RECORDED[name] if frame[1].startswith(b"{") and frame[1].endswith(b"}")]
    )
    broken = st.builds(
        lambda frame, body: (frame[0], msgspec.json.encode(body)),
        recorded,
        damaged(in_json.map(lambda frame: msgspec.json.decode(frame[1]))),
    )
    names = st.sampled_from([None, "", "error", "ping", *sorted({kind for kind, _ in RECORDED[name] if kind})])
    senseless = st.tuples(names, any_json.map(msgspec.json.encode) | st.binary(max_size=9))
    return draw(st.lists(recorded | broken | senseless, max_size=12))


@every_dialect
@at_leisure
@given(st.data())
def test_whatever_comes_the_contract_is_kept_and_every_caller_is_told(dialect: Dialect, data: st.DataObject):
    frames = data.draw(anything(dialect.name))
    decoder, watcher = dialect.stream_decoder(), dialect.watcher()
    events = fed(decoder, frames)
    response = assert_contract(events)
    for name, each in frames:
        watcher.see(name, each)
    assert watcher.output_chars >= 0
    for caller in DIALECTS.values():
        wire = b"".join(told(caller, dialect, events))
        again = assert_contract(fed(caller.stream_decoder(), frames_of(wire)))
        assert (again is None) == (response is None or _ends_in_failure(caller, response))
        if caller is not dialect and again is not None:
            accepted(caller, wire)


def told(caller: Dialect, dialect: Dialect, events: Sequence[urp.StreamEvent]) -> list[bytes]:
    asked = urp.Request(model="m", input=(), origin=caller.name)
    encoder = caller.encoder(NAMING, asked, origin=dialect.name)
    return [encoder.encode(event) for event in events]


def accepted(caller: Dialect, wire: bytes) -> None:
    match caller.name:
        case "chat":
            # OpenAI streams calls of custom tools; its own types know none.
            if b'"custom"' not in wire:
                accepted_chunks(wire)
        case "responses":
            for _, data in frames_of(wire):
                responses.strict_event(data)
        case "messages":
            messages.assert_stream(wire)
        case "gemini":
            for _, data in frames_of(wire):
                gemini.strict(msgspec.json.decode(data))


def _ends_in_failure(caller: Dialect, response: urp.Response | None) -> bool:
    """Responses knows no other way to end for a reason that it has no word for."""
    return caller is RESPONSES and response is not None and response.finish.reason == "other"


def _words(response: urp.Response) -> str:
    """Without the space in which they are set apart."""
    said = (node.text for node in response.output if isinstance(node, urp.Text | urp.Refusal))
    return "".join("".join(said).split())


def _calls(response: urp.Response) -> list[tuple[str, Any]]:
    return [(node.name, _object(node.arguments)) for node in response.output if isinstance(node, urp.ToolCall)]


def _object(arguments: str) -> Any:
    """What is none has a name in those protocols that know nothing else."""
    try:
        found = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return {"_raw": arguments}
    return found if isinstance(found, dict) else {"_raw": arguments}
