"""The verbs of `monoize keys`."""

import json
import re
from collections.abc import Callable

import pytest
from cli.command_line import CommandLine

Fresh = Callable[[], str]


def test_the_secret_stands_alone_on_stdout(root: CommandLine, fresh: Fresh):
    name = fresh()
    made = root.does("keys", "create", name)

    assert re.fullmatch(r"sk-[0-9a-f]{64}\n", made.out)
    assert made.out.strip() not in made.err
    assert f"Created the key {name}, id {root.json('keys', 'show', name)['id']}." in made.err

    with_json = root.json("keys", "create", name)
    assert {"secret", "key"} == set(with_json)


def test_limits_are_set_changed_and_cleared(root: CommandLine, fresh: Fresh):
    name = fresh()
    limits = (
        *("--expires-at", "2199-01-31", "--model", "gpt-*", "--model", "claude-*", "--ip", "10.0.0.0/8"),
        *("--group", "eu", "--max-multiplier", "1.5", "--requests-per-minute", "60", "--tokens-per-minute", "9000"),
        *("--max-concurrent", "2", "--daily-budget-usd", "0.000000001", "--monthly-budget-usd", "25"),
        *("--capture", "capture-only-abnormal", "--cache-seconds", "60"),
    )
    root.does("keys", "create", name, *limits)

    key = root.json("keys", "show", name)
    assert (True, ["gpt-*", "claude-*"]) == (key["model_limits_enabled"], key["model_limits"])
    assert (["10.0.0.0/8"], ["eu"], "1.5") == (key["ip_whitelist"], key["allowed_groups"], key["max_multiplier"])
    assert (60, 9000, 2) == (key["requests_per_minute"], key["tokens_per_minute"], key["max_concurrent"])
    assert ("1", "25000000000") == (key["daily_budget_nano_usd"], key["monthly_budget_nano_usd"])
    assert ("capture-only-abnormal", 60) == (key["request_capture_mode"], key["cache_ttl_s"])
    shown = {line.rpartition("  ")[0].strip(): line.rpartition("  ")[2] for line in record(root, name)}
    assert ("0.000000001", "25.00") == (shown["daily budget usd"], shown["monthly budget usd"])
    assert "2199-01-31T00:00:00Z" == shown["expires at"]

    everything = ["expiry", "models", "ips", "groups", "max-multiplier", "requests-per-minute", "tokens-per-minute"]
    everything += ["max-concurrent", "daily-budget", "monthly-budget", "cache"]
    root.does("keys", "update", name, "--disable", *(f"--clear={what}" for what in everything))

    cleared = root.json("keys", "show", name)
    assert (False, False, [], []) == tuple(
        cleared[field] for field in ("enabled", "model_limits_enabled", "model_limits", "ip_whitelist")
    )
    nulls = {field for field, value in cleared.items() if value is None}
    limits_of_one = re.compile("budget|minute|concurrent|multiplier|expires|cache")
    assert {field for field in key if limits_of_one.search(field)} <= nulls

    renamed = fresh()
    assert True is root.json("keys", "update", name, "--enable", "--name", renamed)["enabled"]


def record(root: CommandLine, name: str) -> list[str]:
    return root.does("keys", "show", name).out.splitlines()


def test_keys_are_made_and_listed_for_others(root: CommandLine, fresh: Fresh):
    user, name = fresh(), fresh()
    root.does("users", "create", user)
    root.does("keys", "create", name, "--user", user)

    assert [name] == [key["name"] for key in root.json("keys", "list", "--user", user)["items"]]
    assert name not in root.does("keys", "list").out
    assert name in root.does("keys", "list", "--everybody").out
    assert 2 == root.run("keys", "list", "--everybody", "--user", user).code

    root.does("keys", "delete", name, "--user", user, "--yes")
    assert [] == root.json("keys", "list", "--user", user)["items"]


def test_two_keys_of_one_name_are_told_apart_by_id_or_prefix(root: CommandLine, fresh: Fresh):
    name = fresh()
    first, second = (root.json("keys", "create", name)["key"] for _ in range(2))
    refused = root.run("keys", "delete", name, "--yes")

    assert 1 == refused.code
    assert f"there are 2 keys called {name}" in refused.err
    assert first["id"] in refused.err and second["id"] in refused.err

    root.does("keys", "delete", first["key_prefix"], "--yes")
    root.does("keys", "delete", second["id"], "--yes")
    assert 1 == root.run("keys", "show", name).code


@pytest.mark.parametrize("amount", ["-1", "1e3", "0.0000000001", "five"])
def test_an_amount_that_is_not_exact_is_refused(root: CommandLine, amount: str):
    refused = root.run("keys", "create", "x", "--daily-budget-usd", amount)

    assert 2 == refused.code
    assert "is not an amount" in refused.err


def test_a_time_without_a_zone_is_utc(root: CommandLine, fresh: Fresh):
    times = {
        root.json("keys", "create", fresh(), "--expires-at", text)["key"]["expires_at"]
        for text in ("2199-01-31", "2199-01-31T00:00", "2199-01-31T01:00+01:00")
    }

    assert 1 == len(times)
    assert 2 == root.run("keys", "create", fresh(), "--expires-at", "tomorrow").code


def test_the_api_s_json_is_printed_as_it_is(root: CommandLine, fresh: Fresh):
    name = fresh()
    made = root.json("keys", "create", name)

    assert made["key"] == root.json("keys", "show", name)
    assert made["key"] == json.loads(root.does("--json", "keys", "show", name).out)


def test_a_key_is_governed_by_an_agent_record_until_it_is_not(root: CommandLine, fresh: Fresh):
    name, agent = fresh(), fresh()
    root.does("keys", "create", name)
    record = root.json("agent-records", "create", agent, "--role", "r", "--shadow", "budgets_json")
    assert ["budgets_json"] == record["shadow_policies"]

    assert f"is governed by {agent}" in root.does("keys", "govern", name, agent).err
    assert record["id"] == root.json("keys", "show", name)["agent_record_id"]
    root.does("keys", "ungovern", name)
    assert root.json("keys", "show", name)["agent_record_id"] is None
    assert [] == root.json("policy", "shadow", "--record", agent)["items"]
    assert "GATE" in root.does("policy", "shadow").out.upper()
    cleared = root.json("agent-records", "update", agent, "--clear", "shadow")
    assert [] == cleared["shadow_policies"]
