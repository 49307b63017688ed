"""The verbs of `monoize providers` and `monoize channels`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.command_line import CommandLine
from cli.foreign_server import Answer, Request, answering

Fresh = Callable[[], str]
KEY = "sk-upstream-0123456789abcdef"
URL = "https://api.example.com/v1"


@pytest.fixture
def provider(root: CommandLine, fresh: Fresh) -> Iterator[str]:
    """A provider with one channel, gone afterwards."""
    name = fresh()
    root.does(
        "providers", "create", name, "--type", "responses", "--base-url", URL, "--key-stdin", stdin=f"{KEY}\n"
    )
    yield name
    root.run("providers", "delete", name, "--yes")


def shown(root: CommandLine, name: str) -> Any:
    return root.json("providers", "show", name)


def test_one_is_made_of_a_preset_and_its_key_is_shown_to_nobody(root: CommandLine, fresh: Fresh):
    name = fresh()
    models = ("--model", "gpt-5", "--model", "gpt-5-mini=gpt-5-mini-2025-08-07", "--multiplier", "1.250")
    made = root.does("providers", "create", name, "--preset", "openai", "--key-stdin", *models, stdin=f"{KEY}\n")
    provider = shown(root, name)
    (channel,) = provider["channels"]

    assert ("responses", "openai") == (provider["type"], provider["price_provider"])
    assert [("gpt-5", None, "1.25"), ("gpt-5-mini", "gpt-5-mini-2025-08-07", "1.25")] == [
        tuple(model.values()) for model in provider["models"]
    ]
    assert ("default", "https://api.openai.com/v1", True, "cdef") == (
        channel["name"],
        channel["base_url"],
        channel["has_api_key"],
        channel["api_key_hint"],
    )
    assert "gpt-5 ×1.25, gpt-5-mini=gpt-5-mini-2025-08-07 ×1.25" in made.out and "…cdef" in made.out
    assert f"Created the provider {name}; it is tried after all others." in made.err
    said = root.does("providers", "list").out + root.does("audit", "list", "--limit", "500").out
    assert [] == [text for text in (made.out, made.err, said, str(provider)) if KEY in text]

    removed = root.does("providers", "delete", name, "--yes")
    assert "with 1 channels and their keys" in removed.err
    assert 1 == root.run("providers", "show", name).code


def test_one_without_a_key_or_an_address(root: CommandLine, fresh: Fresh):
    local, bare = fresh(), fresh()
    root.does("providers", "create", local, "--preset", "ollama", "--model", "llama")
    root.does("providers", "create", bare, "--type", "messages")

    assert (False, None) == tuple(
        shown(root, local)["channels"][0][name] for name in ("has_api_key", "api_key_hint")
    )
    assert [] == shown(root, bare)["channels"]
    assert "No price is known of llama; set one with" in root.does("providers", "update", local, "--enable").err


def test_settings_are_set_changed_and_cleared(root: CommandLine, provider: str):
    root.does(
        *("providers", "update", provider, "--group", "eu", "--price-provider", "somebody", "--max-retries", "2"),
        *(
            "--channel-retries",
            "1",
            "--retry-interval-ms",
            "250",
            "--no-breaker",
            "--type-override",
            "claude-*=messages",
        ),
        *("--connect-timeout-ms", "1000", "--total-timeout-ms", "60000", "--model", "a", "--model", "b"),
    )
    found = shown(root, provider)
    assert (["eu"], "somebody", 2, 1, 250, False, [{"pattern": "claude-*", "type": "messages"}]) == tuple(
        found[name]
        for name in (
            *("groups", "price_provider", "max_retries", "channel_max_retries", "channel_retry_interval_ms"),
            *("circuit_breaker_enabled", "type_overrides"),
        )
    )
    root.does("providers", "update", provider, "--idle-timeout-ms", "5", "--breaker", "--disable")
    found = shown(root, provider)
    assert {"connect_ms": 1000, "first_byte_ms": None, "idle_ms": 5, "total_ms": 60000} == found["timeouts"]
    assert (True, False) == (found["circuit_breaker_enabled"], found["enabled"])

    root.does("providers", "update", provider, "--add-model", "c=d", "--multiplier", "2", "--remove-model", "a")
    assert [("b", None, "1"), ("c", "d", "2")] == [tuple(each.values()) for each in shown(root, provider)["models"]]
    root.does("providers", "update", provider, "--add-model", "b", "--multiplier", "3")
    assert ["3", "2"] == [each["multiplier"] for each in shown(root, provider)["models"]]

    everything = ("groups", "models", "max-retries", "price-provider", "type-overrides", "timeouts")
    root.does("providers", "update", provider, *(f"--clear={what}" for what in everything))
    found = shown(root, provider)
    assert ([], [], None, None, [], {None}) == (
        *(found[name] for name in ("groups", "models", "max_retries", "price_provider", "type_overrides")),
        set(found["timeouts"].values()),
    )


def test_channels_come_change_and_go(root: CommandLine, provider: str, tmp_path: Path):
    file = tmp_path / "key"
    file.write_text("another-upstream-key-wxyz\n")
    added = root.does(
        *("channels", "add", provider, "second", "--base-url", f"{URL}/", "--key-file", str(file), "--weight", "3"),
        *("--type", "messages", "--model", "own", "--disable"),
    )
    row = next(line for line in added.out.splitlines() if line.startswith("second"))
    assert ["second", "messages", URL, "…wxyz", "3", "no", "own"] == row.split()[:7]
    assert "wxyz" not in added.out.replace("…wxyz", "") + added.err

    root.does("channels", "update", provider, "second", "--name", "renamed", "--enable", "--clear", "models")
    moved = root.run("channels", "update", provider, "renamed", "--base-url", "https://elsewhere.example.com")
    assert (1, True) == (moved.code, "needs its API key again" in moved.err)
    elsewhere = ("--base-url", "https://elsewhere.example.com", "--key-stdin")
    root.does("channels", "update", provider, "renamed", *elsewhere, stdin=KEY)
    first, second = shown(root, provider)["channels"]
    assert ("default", "renamed", "https://elsewhere.example.com", "cdef", True, []) == (
        first["name"],
        *(second[name] for name in ("name", "base_url", "api_key_hint", "enabled", "models")),
    )
    root.does("channels", "update", provider, second["id"], "--clear", "key", "--clear", "type")
    assert (False, None) == tuple(shown(root, provider)["channels"][1][name] for name in ("has_api_key", "type"))

    root.does("channels", "remove", provider, "renamed", "--yes")
    assert ["default"] == [channel["name"] for channel in shown(root, provider)["channels"]]
    gone = root.run("channels", "remove", provider, "renamed", "--yes")
    assert (1, True) == (gone.code, f"{provider} has no channel renamed" in gone.err)


def test_those_that_are_named_are_tried_first(root: CommandLine, fresh: Fresh):
    first, second, third = names = [fresh() for _ in range(3)]
    for name in names:
        root.does("providers", "create", name, "--type", "echo")
    done = root.does("providers", "reorder", third, shown(root, second)["id"])

    listed = [line.split()[0] for line in root.does("providers", "list").out.splitlines()[1:]]
    assert [third, second] == listed[:2]
    assert first in listed[2:] and f"in this order: {third}, {second}, " in done.err
    assert 1 == root.run("providers", "reorder", third, "nobody").code


def test_the_presets_are_listed(root: CommandLine):
    listed = root.does("providers", "presets").out

    assert all(
        name in listed for name in ("openai", "anthropic", "gemini", "ollama", "echo", "https://api.x.ai/v1")
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--preset", "openai"),
        ("--preset", "openai", "--key-stdin", "--key-file", "x"),
        ("--type", "messages", "--key-stdin"),
        ("--type", "messages", "--multiplier", "2"),
        ("--type", "messages", "--type-override", "claude"),
        ("--type", "messages", "--base-url", URL, "--key-file", "/nowhere/at/all"),
        ("--type", "messages", "--base-url", URL, "--key-file", "/dev/null"),
        ("--type", "messages", "--base-url", URL, "--key", KEY),
    ],
)
def test_a_command_line_that_cannot_be_meant_makes_nothing(
    root: CommandLine, fresh: Fresh, arguments: tuple[str, ...]
):
    name = fresh()
    refused = root.run("providers", "create", name, *arguments, stdin=KEY)

    assert (2, 1) == (refused.code, root.run("providers", "show", name).code), refused.err
    assert KEY not in refused.err + refused.out or "--key" in arguments


def test_what_the_server_does_not_take_is_told(root: CommandLine, provider: str):
    for arguments, said in (
        (("providers", "create", provider, "--type", "echo"), "exists"),
        (("providers", "create", "x", "--type", "grok"), "type: "),
        (("providers", "create", "x", "--preset", "nobody"), "no preset nobody"),
        (("providers", "update", provider, "--model", "a", "--multiplier", "0"), "multiplier"),
        (("channels", "add", provider, "x", "--base-url", "https://a:b@example.com"), "base_url"),
    ):
        refused = root.run(*arguments)
        assert (1, True) == (refused.code, said in refused.err), refused.err
    assert 2 == root.run("providers", "update", provider).code
    assert 2 == root.run("providers", "update", provider, "--model", "a", "--add-model", "b").code
    assert 2 == root.run("channels", "update", provider, "default").code
    assert 2 == root.run("channels", "add", provider, "x").code


def listing(request: Request) -> Answer:
    """An upstream with two models, which answers nothing else."""
    if request.path == "/v1/models" and request.headers.get("authorization") == f"Bearer {KEY}":
        return 200, {}, json.dumps({"data": [{"id": "gpt-5"}, {"id": "gpt-4o"}]}).encode()
    return 401, {}, json.dumps({"error": {"message": f"not {request.headers.get('authorization')}"}}).encode()


def test_an_upstream_tells_which_models_it_has(root: CommandLine, fresh: Fresh):
    name = fresh()
    with answering(listing) as address:
        new = ("--type", "responses", "--base-url", address)
        found = root.does("providers", "discover", *new, "--key-stdin", stdin=KEY)
        assert (["gpt-4o", "gpt-5"], True) == (found.out.splitlines(), "2 models." in found.err)
        refused = root.run("providers", "discover", *new)
        assert (3, True) == (refused.code, "answers with 401 instead of its models" in refused.err)

        root.does("providers", "create", name, *new, "--key-stdin", "--model", "gpt-5", stdin=KEY)
        stored = root.does("providers", "discover", name)
        assert "2 models, 1 of them are not offered yet" in stored.err
        assert {"models": ["gpt-4o", "gpt-5"]} == root.json("providers", "discover", name, "--channel", "default")
    assert ["echo"] == root.does("providers", "discover", "--preset", "echo").out.splitlines()
    for arguments in ((), (name, "--preset", "echo"), (name, "--base-url", URL), ("--type", "messages")):
        assert 2 == root.run("providers", "discover", *arguments).code


def test_channels_are_tried_out(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("providers", "create", name, "--preset", "echo", "--model", "echo")
    tested = root.does("providers", "test", name)
    assert ["default", "yes", "echo", "0", "-"] == tested.out.splitlines()[1].split()

    with answering(listing) as address:
        another = ("--base-url", address, "--type", "chat_completion", "--key-stdin")
        root.does("channels", "add", name, "other", *another, stdin=KEY)
        broken = root.run("providers", "test", name, "--model", "echo")
    assert 1 == broken.code
    assert "1 of 2 channels did not answer: other" in broken.err
    assert "The provider answers with 401: it does not accept the API key." in broken.out
    assert KEY not in broken.out + broken.err
    assert root.json("providers", "test", name, "--channel", "default")["items"][0]["success"]
    assert 1 == root.run("providers", "test", name, "--model", "nobody").code
    assert 1 == root.run("providers", "test", "nobody").code


def test_a_list_says_how_channels_are(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("providers", "create", name, "--preset", "echo", "--model", "echo")

    (line,) = (line for line in root.does("providers", "list").out.splitlines() if line.startswith(f"{name} "))
    assert "healthy" in line.split()
    assert "healthy" == shown(root, name)["channels"][0]["health"]
