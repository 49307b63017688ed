"""The verbs of `monoize mcp`, `monoize notes` and `monoize buckets`."""

import json
from collections.abc import Callable, Iterator

import pytest
from cli.command_line import CommandLine
from fakes.mcp_server import FakeMcp, mcp_server
from fakes.object_store import KEY_ID, REGION, SECRET, FakeObjectStore
from fakes.server import LocalServer

Fresh = Callable[[], str]


@pytest.fixture(scope="module")
def shop() -> Iterator[tuple[FakeMcp, str]]:
    with mcp_server() as running:
        yield running


def test_a_service_from_its_making_to_its_end(root: CommandLine, fresh: Fresh, shop: tuple[FakeMcp, str]):
    fake, url = shop
    name = fresh().replace("_", "-").lower()
    made = root.does("mcp", "create", name, url, "--private-network", "--credential-stdin", stdin="s3cret\n")
    assert "s3cret" not in made.out + made.err
    refreshed = root.does("mcp", "refresh", name)
    assert "look" in refreshed.out and "Not as it was accepted" in refreshed.err
    root.does("mcp", "accept", name, "--all")
    assert "active" in root.does("mcp", "tools", name).out
    judged = json.loads(root.does("mcp", "judge", name, "look", "--reads", "--risk", "low", "--json").out)
    assert (True, "low") == (judged["read_only"], judged["risk"])
    fake.change_description("write", f"Something else, {name}.")
    assert "write" in root.does("mcp", "refresh", name).err
    assert "drifted" in root.does("mcp", "tools", name, "write").out
    assert "Accepted write." in root.does("mcp", "accept", name, "write").err
    root.does("mcp", "update", name, "--timeout-ms", "500", "--open-to-keys", "--deny", "write")
    shown = json.loads(root.does("mcp", "show", name, "--json").out)
    assert (500, True, ["write"], True) == (
        shown["timeout_ms"],
        shown["open_to_keys"],
        shown["tools_deny"],
        shown["has_credential"],
    )
    root.does("mcp", "calls", "--service", name)
    root.does("mcp", "usage", "--service", name)
    assert name in root.does("mcp", "list").out
    root.does("mcp", "delete", name, "--yes")
    assert "there is no MCP service" in root.run("mcp", "show", name).err


def test_notes_are_written_pinned_shown_and_taken_away(root: CommandLine, fresh: Fresh):
    topic = fresh()
    made = json.loads(root.does("notes", "add", "On Mondays only.", "--topic", topic, "--json").out)
    number = str(made["id"])
    root.does("notes", "pin", number)
    assert "On Mondays only." in root.does("notes", "list", "--topic", topic).out
    assert "On Mondays only." in root.does("notes", "context", "--topic", topic).out
    root.does("notes", "delete", number)
    assert "On Mondays only." not in root.does("notes", "list", "--topic", topic).out


def test_a_bucket_is_listed_and_searched(root: CommandLine, fresh: Fresh):
    name = fresh().replace("_", "-").lower()
    store = FakeObjectStore(bucket=name)
    store.objects = {"2026/a.jpg": 1, "2026/b.txt": 2}
    with LocalServer(store.app) as running:
        options = ("--region", REGION, "--access-key-id", KEY_ID, "--private-network", "--secret-stdin")
        made = root.does("buckets", "create", name, running.url, *options, stdin=f"{SECRET}\n")
        assert SECRET not in made.out + made.err
        synced = json.loads(root.does("buckets", "sync", name, "--json").out)
        assert 2 == synced["objects"]
    found = root.does("buckets", "find", "2026/", "--suffix", ".jpg", "--bucket", name).out
    assert "a.jpg" in found and "b.txt" not in found
    root.does("buckets", "update", name, "--disable")
    assert name in root.does("buckets", "list").out
    root.does("buckets", "delete", name, "--yes")
