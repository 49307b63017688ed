"""The verbs of `monoize plans`, `presets`, `agents` and `overage`, all against one server."""

import json
from collections.abc import Callable

import pytest
from cli.command_line import CommandLine

Fresh = Callable[[], str]


def named(fresh: Fresh) -> str:
    return fresh().replace("_", "-")


@pytest.fixture
def plan(root: CommandLine, fresh: Fresh) -> str:
    """That root is on."""
    name = named(fresh)
    root.does("plans", "create", name, "--agents", "3", "--bandwidth-gb", "2", "--bandwidth-cents", "5")
    root.does("plans", "assign", "root", name)
    return name


def test_a_plan_is_made_changed_given_presets_and_deleted(root: CommandLine, plan: str, fresh: Fresh):
    preset = named(fresh)
    root.does("presets", "create", preset, "--provider", "process", "--image", "sleep 60", "--memory", "256")
    root.does("plans", "link", plan, preset)

    shown = root.json("plans", "update", plan, "--cpu-hours", "3", "--memory-gb-hours", "2", "--storage-gb", "1")
    included = root.json("presets", "list", "--plan", plan)["items"]
    root.does("plans", "unlink", plan, preset)

    assert (3, 1, 2 * 2**30, 5) == tuple(
        shown[name]
        for name in ("max_agents", "max_vpses", "max_bandwidth_bytes", "overage_bandwidth_cost_per_gb_cents")
    )
    assert (3 * 3_600_000, 2 * 1024 * 3600, 2**30) == tuple(
        shown[name] for name in ("max_cpu_ms", "max_memory_mb_seconds", "max_storage_bytes")
    )
    assert [(preset, 256)] == [(item["name"], item["memory_mb"]) for item in included]
    assert [] == root.json("presets", "list", "--plan", plan)["items"]
    assert 512 == root.json("presets", "update", preset, "--memory", "512")["memory_mb"]
    assert preset in root.does("presets", "list").out and plan in root.does("plans", "list").out
    root.does("presets", "delete", preset, "--yes")
    root.does("plans", "assign", "root", "--none")
    root.does("plans", "delete", plan, "--yes")
    assert "There is no such plan" in root.run("plans", "show", plan).err
    assert 2 == root.run("plans", "assign", "root").code


def test_an_agent_is_made_with_a_token_alone_renamed_rotated_and_deleted(
    root: CommandLine, plan: str, fresh: Fresh
):
    name, other = named(fresh), named(fresh)

    token = root.does("agents", "create", name).out.strip()
    rotated = root.does("agents", "rotate", name).out.strip()
    root.does("agents", "update", name, "--name", other)

    assert {64} == {len(bytes.fromhex(each)) * 2 for each in (token, rotated)} and token != rotated
    assert "no" in root.does("agents", "disable", other).out
    assert root.json("agents", "enable", other)["enabled"]
    assert other in root.does("agents", "list").out
    assert other == root.json("agents", "show", other)["name"]
    assert root.json("agents", "usage", other)["machine"] is None
    root.does("agents", "delete", other, "--yes")
    assert f"there is no agent {other}" in root.run("agents", "show", other).err


def test_credentials_of_channels_go_in_and_do_not_come_out(root: CommandLine, plan: str, fresh: Fresh):
    name = named(fresh)
    root.does("agents", "create", name)
    document = json.dumps({"bot_token": "very-secret", "webhook_secret": "hush"})

    made = root.does("agents", "set-channel", name, "telegram", stdin=document)
    listed = root.does("agents", "channels", name)

    assert "bot_token" in listed.out and "very-secret" not in made.out + listed.out + made.err
    assert 2 == root.run("agents", "set-channel", name, "telegram", stdin="no json").code
    root.does("agents", "remove-channel", name, "telegram", "--yes")
    assert [] == root.json("agents", "channels", name)["items"]
    root.does("agents", "delete", name, "--yes")


def test_a_budget_is_set_in_usd_and_shown_beside_what_was_used(root: CommandLine, plan: str):
    told = root.json("overage", "set", "12.34")

    shown = root.does("overage", "show").out
    assert 1234 == told["budget_cents"]
    assert "12.34 USD" in shown and plan in shown and f"0 of {2 * 2**30}" in shown
    assert 2 == root.run("overage", "set", "0.001").code
