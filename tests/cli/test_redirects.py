"""The verbs of `monoize redirects` and `monoize suffixes`, and what keys and channels say of the same."""

from collections.abc import Callable
from typing import Any

import pytest
from cli.command_line import CommandLine

Fresh = Callable[[], str]


def rules(root: CommandLine) -> list[tuple[str, str]]:
    return [(rule["pattern"], rule["replace"]) for rule in root.json("redirects", "list")["items"]]


def test_rules_are_added_before_or_behind_the_others_and_removed(root: CommandLine, fresh: Fresh):
    first, second = fresh(), fresh()
    done = root.does("redirects", "add", f"{second}.*", "m")
    assert f"Names that match {second}.* mean m." in done.err
    root.does("redirects", "add", first, "n", "--first")
    found = rules(root)
    assert (first, "n") == found[0]
    assert found.index((first, "n")) < found.index((f"{second}.*", "m"))
    assert first in root.does("redirects", "list").out

    root.does("redirects", "remove", first)
    root.does("redirects", "remove", f"{second}.*")
    assert not {first, f"{second}.*"} & {pattern for pattern, _ in rules(root)}
    gone = root.run("redirects", "remove", first)
    assert (1, True) == (gone.code, f"there is no redirect of {first}" in gone.err)


def test_a_pattern_that_could_take_forever_is_told(root: CommandLine):
    refused = root.run("redirects", "add", "(a*)*", "m")

    assert 1 == refused.code
    assert "nothing may repeat within what repeats" in refused.err


def test_suffixes_are_set_changed_and_removed(root: CommandLine, fresh: Fresh):
    suffix = f"-{fresh()}"

    def efforts() -> dict[str, str]:
        return {each["suffix"]: each["effort"] for each in root.json("suffixes", "list")["items"]}

    root.does("suffixes", "set", "--", suffix, "max")
    assert "max" == efforts()[suffix]
    root.does("suffixes", "set", "--", suffix, "low")
    assert "low" == efforts()[suffix]
    root.does("suffixes", "remove", "--", suffix)
    assert suffix not in efforts()
    assert 1 == root.run("suffixes", "remove", "--", suffix).code
    assert 2 == root.run("suffixes", "set", "--", suffix, "utmost").code


def test_a_key_has_redirects_of_its_own(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("keys", "create", name, "--redirect", "gpt-4.*=gpt-5", "--redirect", "a=b=c")
    wanted = [{"pattern": "gpt-4.*", "replace": "gpt-5"}, {"pattern": "a=b", "replace": "c"}]
    assert wanted == root.json("keys", "show", name)["model_redirects"]
    assert "gpt-4.*=gpt-5, a=b=c" in root.does("keys", "show", name).out
    assert [] == root.json("keys", "update", name, "--clear", "redirects")["model_redirects"]
    assert 2 == root.run("keys", "update", name, "--redirect", "gpt-4").code


@pytest.fixture
def provider(root: CommandLine, fresh: Fresh) -> str:
    name = fresh()
    root.does("providers", "create", name, "--type", "echo", "--probe-interval-s", "9", "--no-probe")
    root.does("channels", "add", name, "one", "--base-url", "https://example.com", "--affinity-idle-s", "60")
    return name


def test_what_is_not_said_of_probes_and_affinity_stays(root: CommandLine, provider: str):
    def shown() -> tuple[Any, Any, Any]:
        found = root.json("providers", "show", provider)
        (channel,) = found["channels"]
        return found["probe"], channel["probe"], channel["affinity"]

    nothing = {"enabled": None, "interval_s": None, "successes": None, "model": None}
    affinity = {"enabled": None, "idle_s": 60, "mode": None, "failback_s": None}
    assert ({**nothing, "enabled": False, "interval_s": 9}, nothing, affinity) == shown()

    root.does("providers", "update", provider, "--probe", "--probe-model", "m")
    root.does("channels", "update", provider, "one", "--no-affinity", "--probe-successes", "2")
    assert (
        {"enabled": True, "interval_s": 9, "successes": None, "model": "m"},
        {**nothing, "successes": 2},
        {**affinity, "enabled": False},
    ) == shown()
    assert "probe model" in root.does("providers", "show", provider).out

    root.does("providers", "update", provider, "--clear", "probe")
    root.does("channels", "update", provider, "one", "--clear", "probe", "--clear", "affinity")
    assert (nothing, nothing, {**affinity, "idle_s": None}) == shown()
