"""However the bytes of a stream are cut on their way, and whichever ends its lines have, it says the same."""

import functools
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.gateway.dialects import CHAT, GEMINI, MESSAGES, RESPONSES
from monoize.gateway.protocol.gemini.stream_in import ArrayReader
from monoize.gateway.sse import Frame, FrameReader

DIALECTS: Final = {dialect.name: dialect for dialect in (CHAT, RESPONSES, MESSAGES, GEMINI)}
FILES: Final = sorted((Path(__file__).parent / "protocol").glob("*/recorded/*.sse"))
FACTS: Final = ("usage", "report", "is_semantic", "is_complete", "error", "model", "service_tier", "output_chars")
LINE_ENDS: Final = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}
Event = tuple[str | None, bytes]

every_recording = pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
every_line_end = pytest.mark.parametrize("line_end", LINE_ENDS.values(), ids=LINE_ENDS)


@every_recording
@every_line_end
def test_a_stream_cut_in_two_anywhere_says_the_same(file: Path, line_end: bytes):
    """Whoever hears it is shown the events and nothing else. Within lines, their ends make no difference."""
    wire = file.read_bytes()
    whole = events([wire])
    wire = wire.replace(b"\n", line_end)
    places = range(len(wire) + 1) if line_end == b"\n" else near(wire, line_end)
    cuts = (events([wire[:place], wire[place:]]) for place in places)
    different = [told for told in cuts if told != whole]
    assert not different
    assert heard(file, whole) == heard(file, events([wire]))


@every_recording
@every_line_end
def test_a_stream_that_comes_byte_by_byte_says_the_same(file: Path, line_end: bytes):
    wire = file.read_bytes()
    assert heard(file, events([wire])) == heard(file, events(one_by_one(wire.replace(b"\n", line_end))))


@every_recording
@every_line_end
def test_comments_say_nothing(file: Path, line_end: bytes):
    wire = file.read_bytes()
    between = wire.replace(b"\n\n", b"\n\n: ping\n\n:\n\n")
    within = re.sub(rb"^data:", b":\n: data: {}\ndata:", wire, flags=re.MULTILINE)
    after = wire + b": the end"
    whole = heard(file, events([wire]))
    for told in (b": hello\n\n" + between, within, after):
        assert whole == heard(file, events([told.replace(b"\n", line_end)]))


@every_recording
@every_line_end
def test_the_last_empty_line_may_be_missing(file: Path, line_end: bytes):
    wire = file.read_bytes()
    short = wire.rstrip(b"\n").replace(b"\n", line_end)
    whole = heard(file, events([wire]))
    for end in (b"", line_end):
        for place in range(len(short) - 40, len(short) + 1):
            assert whole == heard(file, events([short[:place], short[place:] + end]))


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"data: x", b"event: y", b":", b"data:", b"z"])), st.data())
def test_any_bytes_cut_anywhere_are_the_same(pieces: list[bytes], data: st.DataObject):
    wire = b"".join(pieces)
    places = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=4)))
    cuts = [wire[begin:end] for begin, end in zip([0, *places], [*places, len(wire)], strict=True)]
    assert events([wire]) == events(cuts)


def test_line_ends_may_be_of_several_kinds():
    wire = b"data: a\n\r\nevent: b\r\ndata: b\r\n\ndata: c\rdata: d\r\rdata: e\n\n"
    assert ((None, b"a"), ("b", b"b"), (None, b"c\nd"), (None, b"e")) == events([wire]) == events(one_by_one(wire))


def test_a_frame_in_very_many_chunks_takes_no_longer_than_in_one():
    """Each byte is looked at once, however much came before it."""
    reader, chunk = FrameReader(), b"x" * 256
    reader.feed(b"data: ")
    started = time.perf_counter()
    for _ in range(2**15):
        assert [] == reader.feed(chunk)
    [frame] = reader.feed(b"\n\n")
    assert 2**23 == len(frame.data or b"")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize("file", [file for file in FILES if "gemini" in file.parts], ids=lambda file: file.stem)
@pytest.mark.parametrize("between", [b",", b",\r\n", b"\n , \n"], ids=["close", "lines", "wide"])
def test_an_array_cut_anywhere_has_the_same_elements(file: Path, between: bytes):
    frames = events([file.read_bytes()])
    elements = [*(data for _, data in frames), rb'{"text": "]}{[\" \\", "in": {"[": []}}']
    wire = b"[" + between.join(elements) + b"\n]\n"
    assert elements == cut_out([wire])
    assert elements == cut_out(one_by_one(wire))
    for place in range(len(wire) + 1):
        assert elements == cut_out([wire[:place], wire[place:]])
    assert heard(file, frames) == heard(file, tuple((None, element) for element in elements[:-1]))


def near(wire: bytes, line_end: bytes) -> set[int]:
    ends = [found.end() for found in re.finditer(re.escape(line_end), wire)]
    return {end + more for end in ends for more in range(-3, 3) if 0 <= end + more <= len(wire)}


def one_by_one(wire: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in wire]


def cut_out(chunks: Sequence[bytes]) -> list[bytes]:
    reader = ArrayReader()
    return [element for chunk in chunks for element in reader.feed(chunk)]


def events(chunks: Sequence[bytes]) -> tuple[Event, ...]:
    """What the frames say; their bytes are those that came."""
    reader = FrameReader()
    frames: list[Frame] = [frame for chunk in chunks for frame in reader.feed(chunk)]
    frames += reader.end()
    assert b"".join(chunks).rstrip() == b"".join(frame.raw for frame in frames).rstrip()
    return tuple((frame.event, frame.data) for frame in frames if frame.data is not None)


@functools.cache
def heard(file: Path, told: tuple[Event, ...]) -> tuple[Any, ...]:
    """What the watcher and the decoder of the file's protocol make of these events. The same of the same."""
    dialect = DIALECTS[file.parts[-3]]
    watcher, decoder = dialect.watcher(), dialect.stream_decoder()
    found = []
    for name, data in told:
        watcher.see(name, data)
        found.append(tuple(decoder.feed(name, data)))
    facts = tuple(getattr(watcher, fact) for fact in FACTS)
    return facts, tuple(found), tuple(decoder.end())
