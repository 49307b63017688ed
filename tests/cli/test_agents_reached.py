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
