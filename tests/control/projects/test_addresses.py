"""What may be written into a configuration of nginx, and what may not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.injections import INJECTED, LABEL

from monoize.control.projects.model.addresses import (
    covers,
    domain_name,
    header_name,
    header_value,
    route_path,
)

SAFE_DOMAIN = re.compile(r"(\*\.)?[a-z0-9.-]+")
SAFE_PATH = re.compile(r"/[A-Za-z0-9/._~-]*")


@pytest.mark.parametrize("text", INJECTED)
def test_what_is_no_domain_is_refused(text: str):
    with pytest.raises(ValueError, match="must"):
        domain_name(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("App.Example.COM", "app.example.com"),
        ("app.example.com.", "app.example.com"),
        ("*.Example.com", "*.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        (f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}", f"{LABEL}.{LABEL}.{LABEL}.{'a' * 61}"),
    ],
)
def test_a_domain_has_one_spelling(text: str, kept: str):
    assert kept == domain_name(text)
    assert kept == domain_name(kept)


def test_where_no_wildcard_belongs_none_is_taken():
    with pytest.raises(ValueError, match="must"):
        domain_name("*.example.com", wildcard=False)


@pytest.mark.parametrize(
    "text",
    [
        "api",
        "",
        "//",
        "/a//b",
        "/a/../b",
        "/..",
        "/.",
        "/a b",
        "/a;b",
        "/a{b",
        '/a"',
        "/a$uri",
        "/a%2e",
        "/a\n",
        "/ä",
        "/a?b",
        "/a#b",
        "/.well-known/acme-challenge",
        "/.well-known/acme-challenge/token",
        f"/{'a' * 255}",
    ],
)
def test_what_is_no_path_is_refused(text: str):
    with pytest.raises(ValueError, match="must"):
        route_path(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/", "/"),
        ("/api", "/api"),
        ("/api/", "/api"),
        ("/A.b_c~d-e/f", "/A.b_c~d-e/f"),
        ("/.well-known", "/.well-known"),
    ],
)
def test_a_path_has_one_spelling(text: str, kept: str):
    assert kept == route_path(text)


@pytest.mark.parametrize(
    "name", ["", "1a", "a b", "a:b", "a\nb", "Content-Length", "connection", "Set-Cookie", "a" * 65]
)
def test_what_is_no_name_of_a_header_is_refused(name: str):
    with pytest.raises(ValueError, match="must"):
        header_name(name)


@pytest.mark.parametrize("value", ["", " a", "a ", 'a"b', "a$b", "a\\b", "a\r\nb", "a\x00", "ä", "a" * 1001])
def test_what_is_no_value_of_a_header_is_refused(value: str):
    with pytest.raises(ValueError, match="must"):
        header_value(value)


@given(st.text(max_size=300))
def test_whatever_is_taken_is_harmless(text: str):
    for checked, safe in ((domain_name, SAFE_DOMAIN), (route_path, SAFE_PATH)):
        try:
            kept = checked(text)
        except ValueError:
            continue
        assert safe.fullmatch(kept)
        assert kept == checked(kept)


@pytest.mark.parametrize(
    ("pattern", "domain", "good"),
    [
        ("a.example.com", "a.example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "*.example.com", True),
        ("*.example.com", "example.com", False),
        ("*.example.com", "a.b.example.com", False),
        ("a.example.com", "*.example.com", False),
        ("*.com", "*.example.com", False),
    ],
)
def test_a_wildcard_of_a_certificate_stands_for_one_label(pattern: str, domain: str, good: bool):
    assert good == covers(pattern, domain)
