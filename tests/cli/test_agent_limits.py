"""The verbs of `monoize agent-limits`."""

from collections.abc import Callable

from cli.command_line import CommandLine

Fresh = Callable[[], str]


def test_limits_are_given_changed_raised_and_taken_away(root: CommandLine, fresh: Fresh):
    role = fresh()
    nothing = root.run("agent-limits", "show", role)
    assert (1, True) == (nothing.code, f"the role {role} has no limits of its own" in nothing.err)

    made = root.json("agent-limits", "set", role, "--tier", "low", "--max-ai-calls-per-day", "7", "--no-tools")
    assert ("low", 7, 4000, []) == tuple(
        made[name] for name in ("cost_tier", "max_ai_calls_per_day", "max_tokens_per_request", "allowed_tools")
    )
    changed = root.json("agent-limits", "set", role, "--max-ai-calls-per-day", "unlimited", "--any-tool")
    assert (None, None, 2) == (changed["max_ai_calls_per_day"], changed["allowed_tools"], changed["version"])
    raised = root.does(
        "agent-limits", "override", role, "rate_limit_per_minute", "99", "--until", "2099-01-01", "--reason", "demo"
    )
    assert "is 99 until 2099-01-01" in raised.err
    assert [99] == [override["value"] for override in root.json("agent-limits", "show", role)["overrides"]]
    assert role in root.does("agent-limits", "list").out
    assert "has those of the tier free" in root.does("agent-limits", "delete", role, "--yes").err
    assert 1 == root.run("agent-limits", "show", role).code


def test_tiers_are_shown_with_what_they_do_not_limit(root: CommandLine):
    lines = root.does("agent-limits", "tiers").out.splitlines()

    assert ["free", "low", "standard", "unlimited"] == [line.split()[0] for line in lines[1:]]
    assert ["unlimited"] * 6 == lines[4].split()


def test_what_is_no_limit_is_refused_before_anything_is_sent(root: CommandLine):
    for wrong in ("-1", "many", "1.5"):
        assert 2 == root.run("agent-limits", "set", "worker", f"--max-concurrent={wrong}").code
    assert 2 == root.run("agent-limits", "set", "worker", "--no-tools", "--any-tool").code
