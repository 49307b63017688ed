"""The head of a request says one thing to every reader."""

import pytest

from monoize.gateway.upstream.request import METHODS, OURS, head_of
from monoize.gateway.upstream.target import Target

TARGET, _ = Target.of("http://a.example:8080")


def test_a_head_is_what_it_should_be():
    head = head_of(TARGET, "POST", "/v1/x?y=1", [(b"Authorization", b"Bearer k"), (b"x-empty", b"")], 12)

    assert head == (
        b"POST /v1/x?y=1 HTTP/1.1\r\nhost: a.example:8080\r\nAuthorization: Bearer k\r\nx-empty: \r\n"
        b"accept-encoding: identity\r\ncontent-length: 12\r\n\r\n"
    )


def test_an_encoding_that_is_asked_for_is_left_alone():
    head = head_of(TARGET, "POST", "/", [(b"Accept-Encoding", b"gzip")], 0)

    assert 1 == head.lower().count(b"accept-encoding")


def test_only_a_get_without_a_body_has_no_length():
    assert b"content-length" not in head_of(TARGET, "GET", "/", [], 0)
    assert b"content-length: 1\r\n" in head_of(TARGET, "GET", "/", [], 1)
    for method in METHODS - {"GET"}:
        assert b"content-length: 0\r\n" in head_of(TARGET, method, "/", [], 0)


@pytest.mark.parametrize(
    "value",
    [
        b"a\r\nx-more: b",
        b"a\r\n\r\nGET /admin HTTP/1.1\r\nhost: b",
        b"a\nx-more: b",
        b"a\rb",
        b"a\0b",
        b"\r\n",
        b"a\n",
        b"a\r",
        b"a\r\n b",
    ],
)
def test_a_value_cannot_end_its_line(value: bytes):
    with pytest.raises(ValueError):
        head_of(TARGET, "POST", "/", [(b"x", value)], 0)
    with pytest.raises(ValueError):
        head_of(TARGET, "POST", "/", [(b"x", value), (b"y", b"z")], 0)


@pytest.mark.parametrize(
    "name", [b"", b"a b", b"a:", b"a:b", b"a\r\n", b"a\0", b" a", b"a\t", b"\xc3\xbc", b"a" * 257]
)
def test_a_name_is_a_token(name: bytes):
    with pytest.raises(ValueError):
        head_of(TARGET, "POST", "/", [(name, b"x")], 0)


@pytest.mark.parametrize("name", sorted(OURS))
def test_nobody_else_says_how_the_connection_is_used(name: bytes):
    for given in (name, name.upper(), name.title()):
        with pytest.raises(ValueError):
            head_of(TARGET, "POST", "/", [(given, b"x")], 0)


@pytest.mark.parametrize("path", ["", "x", "/a b", "/a\r\nx: y", "/a#b", "/ü", "/a\0", "/\x7f", "http://b/x", "*"])
def test_a_path_stays_on_its_line(path: str):
    with pytest.raises(ValueError):
        head_of(TARGET, "POST", path, [], 0)


@pytest.mark.parametrize(
    "method", ["HEAD", "CONNECT", "TRACE", "post", "", "GET /x HTTP/1.1\r\nhost: b\r\n\r\nGET"]
)
def test_a_method_is_one_of_a_few(method: str):
    with pytest.raises(ValueError):
        head_of(TARGET, method, "/", [], 0)
