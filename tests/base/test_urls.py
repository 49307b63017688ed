"""Addresses of upstreams: one spelling for each, one way to put a path behind it, and no version twice."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure

from monoize.base.urls import canonical_base, endpoint, origin

CHAT, MESSAGES, GEMINI = "/v1/chat/completions", "/v1/messages", "/v1beta/models/m:streamGenerateContent?alt=sse"

segments = st.from_regex(r"[a-z0-9._~-]{1,9}", fullmatch=True).filter(lambda text: text not in (".", ".."))
versions = st.sampled_from(["v1", "v1beta", "v2", "v4", "v1alpha", "v1beta1"])
hosts = st.sampled_from(["api.example.com", "v1", "127.0.0.1:11434", "[::1]:8080", "my_service:80"])
bases = st.builds(
    lambda scheme, host, path, slashes: canonical_base(f"{scheme}://{'/'.join([host, *path])}{slashes}"),
    st.sampled_from(["http", "https", "HTTPS"]),
    hosts,
    st.lists(segments | versions, max_size=4),
    st.sampled_from(["", "/", "//"]),
)
paths = st.builds(
    lambda version, rest: "/" + "/".join([version, *rest]), versions, st.lists(segments, min_size=1, max_size=3)
)


@pytest.mark.parametrize(
    ("expected", "base", "path"),
    [
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com", CHAT),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1", CHAT),
        ("https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/", CHAT),
        ("https://api.openai.com/v1/responses", "https://api.openai.com/v1", "/v1/responses"),
        ("https://api.anthropic.com/v1/messages", "https://api.anthropic.com", MESSAGES),
        ("https://api.deepseek.com/anthropic/v1/messages", "https://api.deepseek.com/anthropic", MESSAGES),
        ("https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1", CHAT),
        ("https://api.groq.com/openai/v1/chat/completions", "https://api.groq.com/openai/v1", CHAT),
        ("http://127.0.0.1:11434/v1/chat/completions", "http://127.0.0.1:11434/v1", CHAT),
        ("https://api.z.ai/api/paas/v4/chat/completions", "https://api.z.ai/api/paas/v4", CHAT),
        ("https://g.example/v1beta/models/m:streamGenerateContent?alt=sse", "https://g.example", GEMINI),
        ("https://g.example/v1beta/models/m:streamGenerateContent?alt=sse", "https://g.example/v1beta", GEMINI),
        ("https://g.example/v1/models/m:streamGenerateContent?alt=sse", "https://g.example/v1", GEMINI),
        ("https://g.example/v1beta/openai/chat/completions", "https://g.example/v1beta/openai", CHAT),
        ("https://g.example/openai/v1/chat/completions", "https://g.example/openai", CHAT),
        ("http://v1/v1/chat/completions", "http://v1", CHAT),
        ("http://v1/v1/chat/completions", "http://v1/v1", CHAT),
        ("https://g.example/v1x/v1/models", "https://g.example/v1x", "/v1/models"),
        ("https://g.example/v1/v1x/models", "https://g.example/v1", "/v1x/models"),
        ("https://g.example/v1", "https://g.example/v1", "/v1"),
    ],
)
def test_a_path_is_put_behind_a_base(expected: str, base: str, path: str):
    assert expected == endpoint(base, path)


@at_leisure
@given(bases, paths)
def test_a_version_is_never_repeated_and_nothing_else_is_lost(base: str, path: str):
    address = endpoint(base, path)
    _, version, rest = path.split("/", 2)

    assert address.startswith(base) and address.endswith(f"/{rest}")
    assert not re.match(r"/?v[0-9]+((alpha|beta)[0-9]*)?/v[0-9]+((alpha|beta)[0-9]*)?/", address[len(base) :])
    assert address == endpoint(base + "/", path)
    assert address in (f"{base}/{rest}", f"{base}/{version}/{rest}")
    assert f"{base}/{version}/{rest}" == endpoint(f"{base}/{version}", path)


@at_leisure
@given(bases)
def test_a_base_has_one_spelling(base: str):
    assert base == canonical_base(base) == canonical_base(f"{base}/")
    assert base.startswith(origin(base))
    assert origin(base) == origin(endpoint(base, CHAT))


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("https://api.example.com", "HTTPS://API.Example.com:443//"),
        ("http://api.example.com:443/V1", "http://api.example.com:443/V1/"),
        ("http://[::1]:8080/v1", "http://[0:0::1]:8080/v1"),
        ("https://example.com/a%20b", "https://example.com/a%20b"),
        ("http://my_service", "http://my_service:80"),
    ],
)
def test_other_spellings_become_it(expected: str, text: str):
    assert expected == canonical_base(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "example.com", "ftp://example.com", "https://", "https:///v1", "//example.com", "https:example.com"),
        *("https://user@example.com", "https://user:secret@example.com", "https://@example.com"),
        *("https://example.com?key=1", "https://example.com/v1?", "https://example.com/#top", "https://a.b\\@c.d"),
        *(
            "https://example.com/a//b",
            "https://example.com/../v1",
            "https://example.com/%2E%2e/v1",
            "https://a.b/%zz",
        ),
        *("https://example.com:0", "https://example.com:65536", "https://example.com:", "https://example.com:٣"),
        *("https://[::1", "https://[1::2::3]", "https://[::1%25eth0]", "https://exa mple.com", "https://a.b/\n"),
        *(
            "https://exämple.com",
            "https://ехample.com",
            "https://\u212aa.example",
            "https://-example.com",
            "javascript:alert(1)",
        ),
        "https://example.com/" + "a" * 2048,
    ],
)
def test_what_is_more_or_less_than_an_address_is_refused(text: str):
    with pytest.raises(ValueError):
        canonical_base(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://a.example/v1", "https://b.example/v1"),
        ("https://a.example/v1", "http://a.example/v1"),
        ("https://a.example/v1", "https://a.example:8443/v1"),
    ],
)
def test_another_scheme_host_or_port_is_another_origin(one: str, other: str):
    assert origin(one) != origin(other)
    assert origin(one) == origin("https://a.example")
