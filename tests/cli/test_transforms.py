"""The verbs of `monoize transforms`, and rules as keys and providers show them."""

from collections.abc import Callable, Iterator

import pytest
from cli.command_line import CommandLine

from monoize.contract.transforms.catalogue import CATALOGUE

Fresh = Callable[[], str]
RULE = 'set_field@gpt-*,o3={"path": "service_tier", "value": "flex"}'


@pytest.fixture(autouse=True)
def no_rules(root: CommandLine) -> Iterator[None]:
    yield
    root.does("transforms", "clear")


def test_all_that_there_are_can_be_looked_at(root: CommandLine):
    assert list(CATALOGUE) == [each["id"] for each in root.json("transforms", "list")["items"]]
    assert "strip_reasoning" in root.does("transforms", "list").out
    assert "content" in root.json("transforms", "show", "Inject-System-Prompt")["config_schema"]["properties"]
    missing = root.run("transforms", "show", "make_coffee")
    assert (1, True) == (missing.code, "there is no transform make_coffee" in missing.err)


def test_rules_for_everything_are_set_shown_and_cleared(root: CommandLine):
    done = root.does("transforms", "set", "strip_reasoning", f"request:{RULE}")
    assert "2 rules hold" in done.err
    first, second = root.json("transforms", "rules")["items"]
    assert ("strip_reasoning", "response", []) == (first["transform"], first["phase"], first["models"])
    assert {
        "transform": "set_field",
        "phase": "request",
        "enabled": True,
        "models": ["gpt-*", "o3"],
        "config": {"path": "service_tier", "value": "flex"},
    } == second
    assert "service_tier" in root.does("transforms", "rules").out

    root.does("transforms", "clear")
    assert [] == root.json("transforms", "rules")["items"]


@pytest.mark.parametrize("rule", ["", "two words", "x={", "x=[1]", "later:x"])
def test_what_is_no_rule_is_told_before_anything_is_sent(root: CommandLine, rule: str):
    assert 2 == root.run("transforms", "set", rule).code


def test_what_the_server_refuses_is_told_with_its_name(root: CommandLine):
    refused = root.run("transforms", "set", RULE)

    assert 1 == refused.code
    assert "set_field: say in which phase" in refused.err


def test_keys_and_providers_have_rules_of_their_own(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("keys", "create", name, "--transform", 'reasoning_to_think_xml@gpt-*={"tag": "hm"}')
    assert 'response:reasoning_to_think_xml@gpt-*={"tag": "hm"}' in root.does("keys", "show", name).out
    assert [] == root.json("keys", "update", name, "--clear", "transforms")["transforms"]

    root.does("providers", "create", name, "--type", "echo", "--transform", "strip_reasoning")
    assert "response:strip_reasoning" in root.does("providers", "show", name).out
    changed = root.json("providers", "update", name, "--transform", f"request:{RULE}")
    assert ["set_field"] == [rule["transform"] for rule in changed["transforms"]]
    assert [] == root.json("providers", "update", name, "--clear", "transforms")["transforms"]
    root.does("providers", "delete", name, "--yes")
