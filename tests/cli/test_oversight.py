"""The verbs by which agents are watched and stopped."""

import json
from collections.abc import Callable

from cli.command_line import CommandLine

Fresh = Callable[[], str]


def test_an_agent_is_stopped_listed_and_let_go_on(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("agent-records", "create", name, "--role", "helper")

    made = root.does("stop", "agent", name, "--reason", "It ran wild.")
    assert f"The agent {name} is stopped." in made.err
    (stop,) = [each for each in root.json("stop", "list")["items"] if each["reason"] == "It ran wild."]
    again = root.run("stop", "agent", name, "--reason", "Again.")
    assert (1, True) == (again.code, "stopped already" in again.err)
    assert "Lifted" in root.does("stop", "lift", stop["id"], "--reason", "It is tame.").err
    assert stop["id"] not in [each["id"] for each in root.json("stop", "list")["items"]]


def test_how_an_agent_is_and_what_people_are_called_for_is_shown(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("agent-records", "create", name, "--role", "helper")

    assert "unknown" == root.json("agent-records", "health", name)["state"]
    root.does("agent-records", "health")
    assert [] == root.json("escalations", "list", "--record", name)["items"]
    assert (
        "no such escalation" in root.run("escalations", "acknowledge", "01a1fc11-0000-7000-8000-000000000000").err
    )


def test_a_draft_is_tried_from_a_file(root: CommandLine, fresh: Fresh):
    name = fresh()
    root.does("agent-records", "create", name, "--role", "helper")
    (root.home / "draft.json").write_text(json.dumps({"safety_level": "moderate"}))
    (root.home / "wrong.json").write_text("[1]")

    tried = root.does("policy", "test", "--record", name, "--draft", "draft.json")
    assert "Of 0 requests, 0 more would be denied" in tried.err
    wrong = root.run("policy", "test", "--record", name, "--draft", "wrong.json")
    assert (2, True) == (wrong.code, "no JSON object" in wrong.err)
