"""Models are found out in each of the shapes in which providers list them, within bounds."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.provider import Asked, Said, in_json, serving

from monoize.base.errors import Refusal
from monoize.contract.snapshot import ChannelType
from monoize.gateway import discovery
from monoize.gateway.discovery import BYTES_MOST, PAGES_MOST, read_list
from monoize.gateway.errors import DiscoveryFailed, DiscoveryTooLarge, NothingToAsk
from monoize.gateway.upstream.client import Client

KEY = "their-key"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    await client.close()


@pytest.mark.parametrize("version", ["", "/v1"])
@pytest.mark.parametrize("type", ["chat_completion", "responses", "openai_image"])
async def test_openais_list(client: Client, type: ChannelType, version: str):
    listed = {"object": "list", "data": [{"id": "gpt-5"}, {"id": "gpt-4o"}, {"id": "gpt-5"}]}
    async with serving(in_json(listed)) as theirs:
        found = await discovery.models(client, type, theirs.base_url + version, KEY)

    assert ["gpt-4o", "gpt-5"] == found
    (asked,) = theirs.asked
    assert ("GET", "/v1/models", f"Bearer {KEY}") == (asked.method, asked.path, asked.headers["authorization"])


async def test_anthropics_list_page_by_page(client: Client):
    def page(asked: Asked) -> Said:
        if "after_id=a%2Fb" in asked.path:
            return in_json({"data": [{"id": "claude-a"}], "has_more": False, "last_id": "claude-a"})
        return in_json({"data": [{"id": "claude-b"}], "has_more": True, "last_id": "a/b"})

    async with serving(page) as theirs:
        found = await discovery.models(client, "messages", theirs.base_url, KEY)

    assert ["claude-a", "claude-b"] == found
    assert ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=a%2Fb"] == [each.path for each in theirs.asked]
    assert (KEY, True) == (theirs.asked[0].headers["x-api-key"], "anthropic-version" in theirs.asked[0].headers)


async def test_googles_list_page_by_page(client: Client):
    def page(asked: Asked) -> Said:
        if "pageToken=t%20" in asked.path:
            return in_json({"models": [{"name": "models/gemini-a"}]})
        return in_json({"models": [{"name": "models/gemini-b"}], "nextPageToken": "t "})

    async with serving(page) as theirs:
        found = await discovery.models(client, "gemini", f"{theirs.base_url}/v1beta", KEY)

    assert ["gemini-a", "gemini-b"] == found
    assert "/v1beta/models?pageSize=1000" == theirs.asked[0].path
    assert KEY == theirs.asked[0].headers["x-goog-api-key"]


async def test_an_upstream_without_a_key_is_sent_none(client: Client):
    async with serving(in_json([{"id": "llama"}, {"name": "qwen"}, "plain"])) as theirs:
        assert ["llama", "plain", "qwen"] == await discovery.models(client, "chat_completion", theirs.base_url, "")

    assert not {"authorization", "x-api-key"} & theirs.asked[0].headers.keys()


async def test_the_built_in_model_needs_no_asking_and_some_have_no_list(client: Client):
    assert ["echo"] == await discovery.models(client, "echo", "https://echo.invalid", "")
    with pytest.raises(NothingToAsk):
        await discovery.models(client, "replicate", "https://api.example.com", KEY)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (Said(401, b'{"error": "no"}'), DiscoveryFailed),
        (Said(302, b"", {"location": "http://127.0.0.1:1/"}), DiscoveryFailed),
        (Said(200, b"<html>"), DiscoveryFailed),
        (Said(200, b"[" * 100_000), DiscoveryFailed),
        (in_json({"data": {}}), DiscoveryFailed),
        (in_json(3), DiscoveryFailed),
        (Said(200, b" " * (BYTES_MOST + 1)), DiscoveryTooLarge),
        (Said(chunks=[b" " * 2**20] * 17), DiscoveryTooLarge),
        (Said(chunks=[b"["], cut=True), DiscoveryFailed),
    ],
)
async def test_what_is_no_list_is_refused(client: Client, said: Said, problem: type[Refusal]):
    async with serving(said) as theirs:
        with pytest.raises(problem) as refused:
            await discovery.models(client, "chat_completion", theirs.base_url, KEY)

    assert (502, 1) == (refused.value.status, len(theirs.asked))
    assert KEY not in f"{refused.value.message} {refused.value.details}"


async def test_nobody_there_is_told(client: Client):
    with pytest.raises(DiscoveryFailed, match="did not answer: connect"):
        await discovery.models(client, "chat_completion", "http://127.0.0.1:1", KEY)


async def test_the_wait_and_the_pages_have_an_end(client: Client):
    async with serving(Said(wait_s=5)) as theirs:
        with pytest.raises(DiscoveryFailed, match="in time"):
            await discovery.models(client, "chat_completion", theirs.base_url, KEY, patience_s=0.2)
    async with serving(in_json({"data": [{"id": "a"}], "has_more": True, "last_id": "a"})) as theirs:
        assert ["a"] == await discovery.models(client, "messages", theirs.base_url, KEY)
    assert PAGES_MOST == len(theirs.asked)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "models", "id", "name", "has_more", "last_id"]), inner)
    ),
)


@given(ANYTHING)
def test_whatever_a_provider_says_is_a_list_of_names_or_refused(said: Any):
    try:
        listed = read_list(json.dumps(said).encode())
    except DiscoveryFailed:
        return
    assert all(0 < len(name) <= 191 and name.isascii() and " " not in name for name in listed.names)
