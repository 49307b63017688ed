"""`monoize usage show` and `usage summary`."""

from cli.command_line import CommandLine


def test_what_requests_came_to_is_shown(root: CommandLine):
    lines = root.does("usage", "show", "--everybody", "--by", "model,user", "--step", "day").out.splitlines()
    assert lines[0].startswith("AT")
    assert "CHARGE USD" in lines[0] and "COST USD" in lines[0]
    assert "total" == lines[-1].split()[0]
    assert ["today", "month"] == [line.split()[0] for line in root.does("usage", "summary").out.splitlines()[1:]]
    assert {"today", "month", "days"} == root.json("usage", "summary", "--everybody").keys()
    assert root.json("usage", "show", "--since", "2026-01-01", "--until", "2026-02-01")["items"] == []
    reported = root.does("usage", "show", "--everybody", "--source", "reported", "--by", "host").out.splitlines()
    assert "COST USD" in reported[0] and "CHARGE" not in reported[0]
    assert "total" == reported[-1].split()[0]
    assert {"today", "month", "days"} == root.json("usage", "summary", "--source", "reported").keys()
    refused = root.run("usage", "show", "--everybody", "--by", "colour")
    assert "at most two different dimensions" in refused.err
