"""The first steps: which comes next, what each refuses, and that what is copied says what it should."""

import ast
import json
import shlex

import pytest
from dashboard.surfer import Page
from hypothesis import given
from hypothesis import strategies as st

from monoize.dashboard.live import frame
from monoize.dashboard.pages.start import next_step, progress
from monoize.dashboard.snippets import snippets


def _title(answer):
    return Page(answer).one("h1").text


async def test_an_administrator_goes_from_a_provider_to_a_key_to_a_request(boss, root):
    assert "Add a provider" == _title(await boss.get("/start"))
    assert (303, "/start") == (
        (added := await boss.submit("/start/provider", preset="echo")).status_code,
        added.headers["location"],
    )
    assert "Create an API key" == _title(await boss.get("/start"))
    created = await boss.submit("/start/key", name="first key")
    secret = Page(created).one("input", id="secret")["value"]

    assert 201 == created.status_code
    assert secret in Page(created).one("code", id="snippet-curl").text
    assert "Waiting for your first request" in Page(created).one("main").text
    assert secret not in (await boss.get("/start")).text
    (provider,) = (await root.get("/api/providers")).json()["items"]
    assert ("echo", ["echo"]) == (provider["type"], [model["name"] for model in provider["models"]])


async def test_a_real_provider_needs_its_key_and_a_model(boss):
    for fields in (
        {"preset": "openai", "models": "gpt-5"},
        {"preset": "openai", "api_key": "sk-1"},
        {"preset": "nobody", "api_key": "sk-1", "models": "gpt-5"},
        {"preset": "openai", "api_key": "sk-1", "models": "x" * 300},
        {},
    ):
        answer = await boss.submit("/start/provider", **fields)
        assert 422 == answer.status_code
        assert "sk-1" not in answer.text
    assert (
        303 == (await boss.submit("/start/provider", preset="openai", api_key="sk-1", models="gpt-5")).status_code
    )
    assert "Your balance is $0.00" in (await boss.get("/start?step=request")).text
    await boss.submit("/start/unlimited")
    assert "Your balance is $0.00" not in (await boss.get("/start?step=request")).text


async def test_somebody_without_rights_starts_with_a_key(alice):
    assert "Create an API key" == _title(await alice.get("/start"))
    assert "Create an API key" == _title(await alice.get("/start?step=key"))
    assert "Make the first request" == _title(await alice.get("/start?step=provider"))
    assert 403 == (await alice.submit("/start/provider", preset="echo")).status_code
    assert 403 == (await alice.submit("/start/unlimited")).status_code
    assert "Nobody answers yet" in (await alice.get("/start?step=request")).text


def test_what_comes_next_follows_from_what_there_is():
    assert "provider" == next_step(has_provider=False, has_key=True, may_add=True)
    assert "key" == next_step(has_provider=False, has_key=False, may_add=False)
    assert "key" == next_step(has_provider=True, has_key=False, may_add=True)
    assert "request" == next_step(has_provider=True, has_key=True, may_add=True)
    assert [("Account", "done"), ("API key", "now"), ("First request", "later")] == progress("key", may_add=False)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_a_model_of_any_name_is_only_a_word_in_what_is_copied(model):
    said = {snippet.id: snippet.text for snippet in snippets("http://monoize.test", model, "sk-1")}

    assert model == json.loads(shlex.split(said["curl"])[-1])["model"]
    assert model == shlex.split(said["codex"])[-1]
    assert model == shlex.split(said["claude"])[-1]
    for name in ("openai", "anthropic"):
        calls = [node for node in ast.walk(ast.parse(said[name])) if isinstance(node, ast.keyword)]
        assert model in [node.value.value for node in calls if node.arg == "model"]


@pytest.mark.parametrize(("html", "sent"), [("", b"data: \n\n"), ("<p>\n</p>", b"data: <p>\ndata: </p>\n\n")])
def test_a_part_is_sent_line_by_line(html, sent):
    assert sent == frame(html)
