"""Heads, targets, bodies and credentials: what is taken, and that everything else is refused."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.egress import TOKEN, asked, basic

from monoize.egress import credentials, heads
from monoize.egress.bodies import CHUNKED, LAST_CHUNK, NO_BODY, UNTIL_CLOSE, Length, body_of, chunk
from monoize.egress.heads import answer_framing, end_to_end, read_answer, read_request, request_framing
from monoize.egress.targets import Target, absolute_target, tunnel_target


def request(*lines: str, first: str = "GET http://a/ HTTP/1.1") -> bytes:
    return "\r\n".join((first, *lines)).encode("latin-1")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET",
        b"GET http://a/",
        b"GET http://a/ HTTP/2.0",
        b"GET  http://a/ HTTP/1.1",
        b" GET http://a/ HTTP/1.1",
        b"GET http://a/\x00 HTTP/1.1",
        b"GET http://\xc3\xa4/ HTTP/1.1",
        b"G(T http://a/ HTTP/1.1",
        request("Host : a"),
        request("Host: a", " folded"),
        request("Host: a", "\tfolded"),
        request(": a"),
        request("no colon"),
        request("X: a\rb"),
        request("X: a\nY: b"),
        request("X: a\x00b"),
        request("X: a\x7fb"),
        request(*(f"X-{number}: a" for number in range(101))),
    ],
)
def test_a_head_that_could_be_read_in_two_ways_is_refused(head: bytes):
    with pytest.raises(ValueError):
        read_request(head)


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 3", "Transfer-Encoding: chunked"),
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length: 3, 4",),
        ("Content-Length: +3",),
        ("Content-Length: -3",),
        ("Content-Length: 0x3",),
        ("Content-Length:",),
        ("Content-Length: ³",),
        ("Content-Length: 9999999999999999999",),
        ("Transfer-Encoding: gzip",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: xchunked",),
    ],
)
def test_a_length_that_could_be_read_in_two_ways_is_refused(lines: tuple[str, ...]):
    with pytest.raises(ValueError):
        request_framing(read_request(request(*lines)))


def test_lengths():
    assert NO_BODY == request_framing(read_request(request()))
    assert Length(3) == request_framing(read_request(request("Content-Length: 3", "content-length: 3")))
    assert CHUNKED == request_framing(read_request(request("Transfer-Encoding: Chunked")))
    with pytest.raises(ValueError):
        request_framing(read_request(request("Transfer-Encoding: chunked", first="POST http://a/ HTTP/1.0")))


@pytest.mark.parametrize(
    ("first", "method", "framing"),
    [
        ("HTTP/1.1 200 OK", b"GET", UNTIL_CLOSE),
        ("HTTP/1.1 200", b"HEAD", NO_BODY),
        ("HTTP/1.0 204 No Content", b"GET", NO_BODY),
        ("HTTP/1.1 304 Not Modified", b"GET", NO_BODY),
        ("HTTP/1.1 100 Continue", b"POST", NO_BODY),
    ],
)
def test_where_an_answer_ends(first: str, method: bytes, framing: object):
    assert framing == answer_framing(read_answer(request(first=first)), method)


def test_what_is_meant_for_us_goes_no_further_and_what_others_rely_on_stays():
    read = read_request(
        request(
            "Host: a",
            "Connection: close, X-Private, host, authorization",
            "X-Private: gone",
            "Authorization: stays",
            "Proxy-Authorization: gone",
            "Keep-Alive: 5",
            "TE: trailers",
            "Upgrade: websocket",
            "X-Other: stays",
        )
    )
    assert [b"host", b"authorization", b"x-other"] == [name for name, _ in end_to_end(read.fields)]
    assert not read.keeps_open


@given(st.binary(max_size=400))
def test_any_bytes_are_a_head_or_a_value_error(head: bytes):
    for read in (read_request, read_answer):
        try:
            read(head)
        except ValueError:
            continue
        assert not {b"\x00", b"\r\n ", b"\n\n"} & {head}


@pytest.mark.parametrize(
    ("written", "target"),
    [
        (b"example.com:443", Target("example.com", 443)),
        (b"EXAMPLE.com.:443", Target("example.com", 443)),
        (b"127.0.0.1:80", Target("127.0.0.1", 80)),
        (b"[::1]:80", Target("::1", 80)),
        (b"[0:0::1]:80", Target("::1", 80)),
        (b"2130706433:80", Target("2130706433", 80)),
        (b"a_b.example:1", Target("a_b.example", 1)),
    ],
)
def test_where_a_tunnel_goes(written: bytes, target: Target):
    assert target == tunnel_target(written)


@pytest.mark.parametrize(
    "written",
    [
        b"example.com",
        b"example.com:",
        b"example.com:0",
        b"example.com:65536",
        b"example.com:443x",
        b"example.com:-1",
        b"example.com:443/",
        b"user@example.com:443",
        b"http://example.com:443",
        b":443",
        b"..:443",
        b"a..b:443",
        b"-a:443",
        b"[::1]",
        b"::1:443",
        b"[fe80::1%25eth0]:443",
        b"[1.2.3.4]:443",
        b"exa mple:443",
        b"ex%61mple.com:443",
        b"a" * 300 + b":443",
    ],
)
def test_what_is_no_place_for_a_tunnel(written: bytes):
    with pytest.raises(ValueError):
        tunnel_target(written)


@pytest.mark.parametrize(
    ("written", "host", "port", "path"),
    [
        (b"http://example.com", "example.com", 80, b"/"),
        (b"HTTP://Example.com:8080/a?b=c", "example.com", 8080, b"/a?b=c"),
        (b"http://example.com?b", "example.com", 80, b"/?b"),
        (b"http://[::1]/x", "::1", 80, b"/x"),
        (b"http://a/http://b", "a", 80, b"/http://b"),
    ],
)
def test_what_is_fetched(written: bytes, host: str, port: int, path: bytes):
    assert (Target(host, port), path) == absolute_target(written)


@pytest.mark.parametrize(
    "written",
    [
        b"/",
        b"*",
        b"example.com:80",
        b"https://example.com/",
        b"ftp://a/",
        b"http://a@b/",
        b"http://a/#b",
        b"http:///",
    ],
)
def test_what_is_not_fetched(written: bytes):
    with pytest.raises(ValueError):
        absolute_target(written)


@given(st.lists(st.binary(min_size=1, max_size=50)), st.binary(max_size=20), st.data())
def test_a_chunked_body_is_read_however_it_is_cut(pieces: list[bytes], after: bytes, data: st.DataObject):
    written = b"".join(map(chunk, pieces)) + LAST_CHUNK + after
    cuts = sorted(data.draw(st.sets(st.integers(0, len(written)))))
    body, read, rest = body_of(CHUNKED), b"", b""
    for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
        if body.is_over:
            rest += written[start:end]
        else:
            read += b"".join(body.feed(written[start:end]))
            rest = body.rest if body.is_over else b""

    assert body.is_over
    assert (b"".join(pieces), after) == (read, rest)


@pytest.mark.parametrize(
    "written",
    [
        b"x\r\n",
        b"\r\n",
        b"3\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"-3\r\n",
        b"0x3\r\n",
        b"0\r\nbad trailer\r\n",
        b"f" * 5000,
    ],
)
def test_a_chunked_body_that_is_none_is_refused(written: bytes):
    with pytest.raises(ValueError):
        list(body_of(CHUNKED).feed(written))


def test_trailers_and_extensions_are_dropped():
    body = body_of(CHUNKED)
    assert [b"abc"] == list(body.feed(b"3;name=value\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\nnext"))
    assert (True, b"next") == (body.is_over, body.rest)


def test_what_an_agent_shows_is_its_id_and_the_digest_of_its_token():
    shown = credentials.shown(basic(f"a1:{TOKEN}").encode())
    assert asked("a1", TOKEN) == shown
    assert shown is not None and hashlib.sha256(TOKEN.encode()).hexdigest() == shown.digest


@pytest.mark.parametrize(
    "shown",
    [
        None,
        b"",
        b"Basic",
        b"Basic !!!",
        b"Bearer " + TOKEN.encode(),
        b"Basic \xff",
        basic("no colon").encode(),
        basic(":token").encode(),
        basic("a1:").encode(),
        basic("a 1:token").encode(),
        basic("ä:token").encode(),
        basic("a1:" + "x" * 1000).encode(),
    ],
)
def test_what_is_no_credential_is_none(shown: bytes | None):
    assert credentials.shown(shown) is None


@given(st.binary(max_size=600))
def test_any_bytes_are_a_credential_or_none(shown: bytes):
    credentials.shown(b"Basic " + shown)


def test_a_head_is_written_as_it_was_read():
    fields = [(b"host", b"a"), (b"x", b"b")]
    assert b"GET / HTTP/1.1\r\nhost: a\r\nx: b\r\n\r\n" == heads.written(b"GET / HTTP/1.1", fields)
