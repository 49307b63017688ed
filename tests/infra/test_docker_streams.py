"""What an engine streams is read whole, however it is cut into pieces and whatever is in it."""

import itertools
from collections.abc import AsyncIterator, Sequence

from hypothesis import given
from hypothesis import strategies as st

from monoize.infra.docker_streams import LINE_BYTES_MOST, Line, Lines, objects

AT = "2026-11-21T18:28:10.509625913Z"


def frame(stream: int, payload: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(payload).to_bytes(4) + payload


def read(pieces: Sequence[bytes], *, stamped: bool) -> list[Line]:
    lines = Lines(stamped=stamped)
    found = [line for piece in pieces for line in lines.feed(piece)]
    return found + list(lines.end())


def cut(whole: bytes, at: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(whole), *(place % (len(whole) + 1) for place in at)})
    return [whole[start:end] for start, end in itertools.pairwise(places)]


texts = st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=("Cs",)), max_size=40)


@given(st.lists(st.tuples(st.sampled_from([1, 2]), texts), max_size=20), st.lists(st.integers(0, 5_000)))
def test_lines_are_the_same_wherever_the_stream_is_cut(said: list[tuple[int, str]], at: list[int]):
    whole = b"".join(frame(stream, f"{AT} {text}\n".encode()) for stream, text in said)

    wanted = [Line("stdout" if stream == 1 else "stderr", AT, text) for stream, text in said]
    assert wanted == read(cut(whole, at), stamped=True)


@given(st.binary(max_size=400), st.lists(st.integers(0, 400)), st.booleans())
def test_whatever_the_bytes_are_nothing_is_raised(garbage: bytes, at: list[int], stamped: bool):
    read(cut(garbage, at), stamped=stamped)


def test_the_two_streams_do_not_end_one_anothers_lines():
    pieces = [frame(1, b"be"), frame(2, b"wrong\n"), frame(1, b"gin\n")]

    assert [Line("stderr", "", "wrong"), Line("stdout", "", "begin")] == read(pieces, stamped=False)


def test_a_line_that_the_engine_cut_is_one_line_with_the_time_of_its_beginning():
    pieces = [frame(1, f"{AT} {'a' * 16_384}".encode()), frame(1, f"{AT[:-2]}9Z {'b' * 10}\n".encode())]

    assert [Line("stdout", AT, "a" * 16_384 + "b" * 10)] == read(pieces, stamped=True)


def test_a_line_without_an_end_is_cut_and_keeps_little():
    endless = [frame(1, b"x" * 10_000) for _ in range(20)]

    found = read(endless, stamped=False)

    assert 200_000 == sum(len(line.text) for line in found)
    assert max(len(line.text) for line in found) <= LINE_BYTES_MOST + 10_000


def test_what_is_no_text_is_shown_with_replacements():
    assert [Line("stdout", "", "a\ufffdb")] == read([frame(1, b"a\xffb\r\n")], stamped=False)


async def test_objects_are_read_over_pieces_and_what_is_none_is_left_out():
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"a": 1}\n{"b"', b": 2}\r\n[1]\nnonsense\n", b'{"c": 3}'):
            yield piece

    assert [{"a": 1}, {"b": 2}, {"c": 3}] == [one async for one in objects(pieces())]
