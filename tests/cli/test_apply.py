"""`monoize apply`, `export` and `import`: a file says how a server is configured."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.command_line import CommandLine
from cli.foreign_server import Answer, Request, answering, relayed
from support.server import Server

Fresh = Callable[[], str]
KEY = "sk-upstream-0123456789abcdef"
GUIDE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")


def one(name: str, *lines: str) -> str:
    return "\n".join(
        [
            "providers:",
            f"  - name: {name}",
            "    type: responses",
            "    channels:",
            "      - name: default",
            "        base_url: https://api.example.com",
            *(f"        {line}" for line in lines),
        ]
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monoize.yaml"


def test_a_dry_run_shows_what_would_change_and_changes_nothing(root: CommandLine, fresh: Fresh, file: Path):
    name = fresh()
    file.write_text(one(name, "weight: 2", "models: [{name: a, redirect: b, multiplier: 1.10}]"))

    shown = root.run("apply", str(file), "--dry-run")
    assert (4, 1) == (shown.code, root.run("providers", "show", name).code)
    assert [
        f"+ provider {name}",
        "    type: responses",
        f"+ channel {name}/default",
        "    base_url: https://api.example.com",
        "    weight: 1 → 2",
        "    models/a: as b ×1.1",
    ] == shown.out.splitlines()
    assert "2 added" in shown.err

    done = root.does("apply", str(file))
    assert (shown.out, True) == (done.out, "Done: 2 added." in done.err)
    again = root.does("apply", str(file), "--dry-run")
    assert ("", True) == (again.out, "Everything is as the file says." in again.err)
    assert [] == root.json("apply", str(file), "--dry-run")["differences"]
    file.write_text(one(name, "enabled: false"))
    changed = root.does("apply", "-", stdin=file.read_text())
    assert "    enabled: yes → no\n" in changed.out and "    models/a: as b ×1.1 → -\n" in changed.out


def test_what_is_exported_is_applied_without_a_change_and_holds_no_key(root: CommandLine, fresh: Fresh, file: Path):
    name = fresh()
    secret = file.with_name("secret")
    secret.write_text(f"{KEY}\n")
    file.write_text(one(name, "api_key_file: secret"))
    root.does("apply", str(file))
    secret.unlink()

    written = root.does("export", "--output", str(file))
    text = file.read_text()
    assert f"Wrote {file}" in written.err and f"name: {name}" in text
    assert KEY not in text + written.out + written.err
    assert "Everything is as the file says" in root.does("apply", str(file), "--prune").err
    assert root.json("export") == json.loads(root.does("export", "--json").out)
    assert text == root.does("export").out
    assert "cdef" == root.json("providers", "show", name)["channels"][0]["api_key_hint"]
    assert 3 == root.run("export", "--output", "/nowhere/at/all").code


def test_a_key_comes_from_the_environment_and_nowhere_else(root: CommandLine, fresh: Fresh, file: Path):
    name = fresh()
    file.write_text(one(name, "api_key: ${UPSTREAM_KEY}"))

    unset = root.run("apply", str(file))
    assert (2, True) == (unset.code, "line 5: the variable UPSTREAM_KEY is not set" in unset.err)
    done = root.run("apply", str(file), UPSTREAM_KEY=KEY)
    assert (0, True) == (done.code, "api_key: set" in done.out) and KEY not in done.out + done.err
    for line in (f"api_key: {KEY}", "api_key: {a: b}", "api_key: 3", "api_key: ${A} ${B}"):
        file.write_text(one(name, line))
        literal = root.run("apply", str(file))
        assert (2, True) == (literal.code, "is not written into a file" in literal.err)
        assert KEY not in literal.out + literal.err
    for line in ("api_key_file: nowhere", "api_key_file: [a]"):
        file.write_text(one(name, line))
        assert 2 == root.run("apply", str(file)).code
    file.write_text(one(name, "api_key: null"))
    assert "api_key: set → -" in root.does("apply", str(file)).out


def test_what_is_wrong_is_told_with_its_line(root: CommandLine, fresh: Fresh, file: Path):
    file.write_text(one(fresh(), "weigth: 2", "weight: much"))
    refused = root.run("apply", str(file))
    assert 1 == refused.code
    assert f"{file}, line 7: providers/0/channels/0/weigth: " in refused.err
    assert f"{file}, line 8: providers/0/channels/0/weight: " in refused.err

    file.write_text("providers:\n  - name: a\n    type: echo\n  - type: echo\n")
    assert f"{file}, line 4: providers/1/name: " in root.run("apply", str(file)).err
    file.write_text("providers:\n  - name: a\n  nonsense\n")
    broken = root.run("apply", str(file))
    assert (2, True) == (broken.code, f"{file}, line " in broken.err)
    assert 2 == root.run("apply", "/nowhere/at/all").code


def test_pruning_removes_what_the_file_does_not_name(root: CommandLine, fresh: Fresh, file: Path):
    gone, kept = fresh(), fresh()
    root.does("providers", "create", gone, "--type", "echo")
    file.write_text(one(kept))

    root.does("apply", str(file))
    assert 0 == root.run("providers", "show", gone).code
    assert f"- provider {gone}" in root.does("apply", str(file), "--prune").out
    assert [kept] == [each["name"] for each in root.json("providers", "list")["items"]]


def test_what_somebody_changes_after_it_was_shown_stops_it(
    server: Server, root: CommandLine, fresh: Fresh, file: Path
):
    name, meanwhile = fresh(), fresh()
    token = root.does("tokens", "create", name, "--role", "admin").out.strip()
    file.write_text(one(name))

    def late(request: Request) -> Answer:
        if request.path == "/api/configuration":
            root.does("providers", "create", meanwhile, "--type", "echo")
        return relayed(request, server.address)

    with answering(late) as address:
        refused = root.run("apply", str(file), "--url", address, MONOIZE_TOKEN=token)
    assert (1, True) == (refused.code, "Somebody has changed the configuration" in refused.err), refused.err
    assert 1 == root.run("providers", "show", name).code


def test_the_example_of_the_guide_can_be_applied_and_is_stable(root: CommandLine, file: Path):
    example = re.search(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert example
    file.write_text(example[1])
    file.with_name("openai-second.key").write_text(KEY)
    keys = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY}

    done = root.run("apply", str(file), "--prune", **keys)
    assert 0 == done.code, done.err
    again = root.run("apply", str(file), "--prune", "--dry-run", **keys)
    assert (0, "") == (again.code, again.out), again.err
    assert ["anthropic", "openai", "own"] == [each["name"] for each in root.json("providers", "list")["items"]]


LITELLM = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
      rpm: 6
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-5, api_key: "sk-written-down-0123456789"}
router_settings:
  num_retries: 2
  routing_strategy: least-busy
general_settings:
  master_key: sk-1234
"""


def test_a_configuration_of_litellm_is_printed_or_applied(root: CommandLine, file: Path):
    file.write_text(LITELLM)
    printed = root.does("import", "litellm", str(file))
    assert "sk-written-down" not in printed.out + printed.err
    assert "api_key: ${ANTHROPIC_KEY_1}" in printed.out and "name: openai" in printed.out
    for note in ("router_settings that are not carried over: routing_strategy", "general_settings", "rpm"):
        assert note in printed.err
    assert root.json("import", "litellm", str(file))["providers"][0]["max_retries"] == 2

    dry = root.run("import", "litellm", str(file), "--dry-run", OPENAI_API_KEY=KEY)
    assert 4 == dry.code, dry.err
    applied = root.run("import", "litellm", str(file), "--apply", OPENAI_API_KEY=KEY)
    assert 0 == applied.code, applied.err
    found = {each["name"]: each for each in root.json("providers", "list")["items"]}
    hints = [found[name]["channels"][0]["api_key_hint"] for name in ("openai", "anthropic")]
    assert ["cdef", "6789"] == hints
    file.write_text("providers: []\n")
    assert 1 == root.run("import", "litellm", str(file)).code
