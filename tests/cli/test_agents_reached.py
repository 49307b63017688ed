"""Reaching an agent from the command line: what is no patch is not sent, and an agent without a machine says so."""

from collections.abc import Callable

from cli.command_line import CommandLine

from monoize.cli.failure import Exit


def test_an_agent_without_a_machine_is_not_reached_and_what_is_no_patch_not_sent(
    root: CommandLine, fresh: Callable[[], str]
):
    agent = fresh()
    root.does("plans", "assign", "root", "team")
    root.does("agents", "create", agent)

    for asked, stdin in (
        (("health", agent), ""),
        (("configure", agent, "-"), '{"model": "m"}'),
        (("write", agent, "SOUL.md", "-"), "Be kind."),
        (("restart", agent), ""),
    ):
        outcome = root.run("agents", *asked, stdin=stdin)
        assert Exit.NO == outcome.code, outcome
        assert "no machine" in outcome.err
    no_patch = root.run("agents", "configure", agent, "-", stdin="[]")
    assert (Exit.USAGE, True) == (no_patch.code, "one JSON object" in no_patch.err)


def test_a_channel_says_why_no_machine_was_told_of_it(root: CommandLine, fresh: Callable[[], str]):
    agent = fresh()
    root.does("plans", "assign", "root", "team")
    root.does("agents", "create", agent)
    root.does("agents", "set-channel", agent, "telegram", stdin='{"bot_token": "very-secret"}')
    root.does("agents", "set-channel", agent, "web", stdin='{"page": "very-secret"}')
    root.does("agents", "remove-channel", agent, "web", "--yes")

    shown, told = root.does("agents", "channels", agent).out, root.json("agents", "channels", agent)

    assert "the agent has no machine" in shown and "very-secret" not in shown
    assert [("telegram", False)] == [(each["kind"], each["delivered"]) for each in told["items"]]
    assert [] == told["removing"]
