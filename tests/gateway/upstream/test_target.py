"""An address is read in one way, or refused."""

import pytest

from monoize.gateway.upstream.target import Target


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "path"),
    [
        ("http://a.example", "a.example", 80, b"a.example", "/"),
        ("https://a.example/", "a.example", 443, b"a.example", "/"),
        ("https://A.Example:443/v1", "a.example", 443, b"a.example", "/v1"),
        ("http://a.example:443/v1/", "a.example", 443, b"a.example:443", "/v1/"),
        ("http://127.0.0.1:8080/x?y=1&z", "127.0.0.1", 8080, b"127.0.0.1:8080", "/x?y=1&z"),
        ("http://[::1]:8080/x", "::1", 8080, b"[::1]:8080", "/x"),
        ("https://[0:0::1]/x", "::1", 443, b"[::1]", "/x"),
        ("https://bücher.example/x", "xn--bcher-kva.example", 443, b"xn--bcher-kva.example", "/x"),
        ("http://localhost?y", "localhost", 80, b"localhost", "/?y"),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, authority: bytes, path: str):
    target, found = Target.of(url)

    assert (host, port, authority, path) == (target.host, target.port, target.authority, found)
    assert target.is_tls == url.startswith("https")


def test_equal_targets_have_one_name():
    names = {Target.of(url)[0].origin for url in ("https://a.example", "https://A.EXAMPLE:443/v1")}

    assert {"https://a.example:443"} == names


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "//a.example",
        "ftp://a.example",
        "http://",
        "http:///x",
        "http://user@a.example",
        "http://user:word@a.example",
        "http://a.example#x",
        "http://a.example/x#",
        "http://a.example:0",
        "http://a.example:65536",
        "http://a.example:x",
        "http://a.example/x y",
        "http://a.exa\r\nmple/",
        "http://a.example/\tx",
        "http://a.example\\b",
        "http://a..example",
        "http://-a.example",
        "http://a%2eexample",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://[not]/",
        "http://a.example/ü",
        "http://" + "a" * 254,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str):
    with pytest.raises(ValueError):
        Target.of(url)
