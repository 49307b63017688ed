"""The root of the command: fast to start, and clear about what it is."""

import subprocess
import sys

import pytest
from cli.command_line import CommandLine
from support.processes import environment

import monoize

HEAVY = ("asyncio", "httpx2", "monoize.main", "sqlalchemy", "fastapi", "pydantic")


def loaded(module: str, suspects: tuple[str, ...]) -> list[str]:
    program = f"import sys, {module}; print(*[name for name in {suspects!r} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment(), check=True
    )
    return done.stdout.split()


def test_help_loads_nothing_that_takes_long():
    assert [] == loaded("monoize.cli.app", HEAVY)


def test_what_faces_need_is_not_loaded_before_a_server_listens():
    assert [] == loaded("monoize.main.server", ("fastapi", "jinja2", "monoize.control.app", "monoize.dashboard"))


def test_the_version_is_told(operator: CommandLine):
    assert f"monoize {monoize.__version__}\n" == operator.does("--version").out


@pytest.mark.parametrize("arguments", [(), ("users",), ("nonsense",), ("users", "list", "--limit", "0")])
def test_an_incomplete_command_line_is_a_usage_error(operator: CommandLine, arguments: tuple[str, ...]):
    refused = operator.run(*arguments)

    assert (2, "") == (refused.code, refused.out)
    assert "Usage: " in refused.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_and_what_it_calls(operator: CommandLine, shell: str):
    assert "_MONOIZE_COMPLETE" in operator.does("completion", shell).out

    word = "cr" if shell == "fish" else "2"
    called = {"_MONOIZE_COMPLETE": f"{shell}_complete", "COMP_WORDS": "monoize users cr", "COMP_CWORD": word}
    assert "create" in operator.run(**called).out


def test_a_reader_that_leaves_early_causes_no_noise(root: CommandLine):
    shell = f"{sys.executable} -m monoize audit list --limit 1000 | head -c 1"
    done = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        env=environment(MONOIZE_PROFILES=str(root.profiles)),
    )

    assert "" == done.stderr
