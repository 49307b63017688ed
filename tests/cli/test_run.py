"""`monoize run`: what the command gets, that it is as if nobody stood in between, and what becomes of its key."""

import contextlib
import datetime as dt
import fcntl
import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cli.command_line import COMMAND, CommandLine
from cli.foreign_server import Answer, Request, answering, relayed
from support.patience import PATIENCE_S
from support.processes import environment
from support.server import Server

SHOWN = """#!{python}
import json, os, sys
print(json.dumps({{"arguments": sys.argv[1:], "environment": dict(os.environ)}}))
"""


class Script:
    """A command of one's own, which is found by its name."""

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.key_name = f"run:{file.name}@{os.uname().nodename}"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.format(python=sys.executable))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)

    @property
    def path(self) -> str:
        return f"{self.file.parent}:{os.environ['PATH']}"


Make = Callable[..., Script]


@pytest.fixture
def script(tmp_path: Path, fresh: Callable[[], str]) -> Make:
    def make(text: str, name: str | None = None) -> Script:
        return Script(tmp_path / "commands" / (name or fresh()), text)

    return make


def seen(root: CommandLine, script: Script, *arguments: str, **variables: str) -> Any:
    """What the script found when it ran."""
    ran = root.does("run", "--", script.file.name, *arguments, PATH=script.path, **variables)
    return json.loads(ran.out)


def keys_of(root: CommandLine, script: Script) -> list[Any]:
    listed = root.json("keys", "list", "--limit", "1000")["items"]
    return [key for key in listed if key["name"] == script.key_name]


def opens_models(server: Server, secret: str) -> int:
    return httpx2.get(f"{server.address}/v1/models", headers={"authorization": f"Bearer {secret}"}).status_code


@contextlib.contextmanager
def running(root: CommandLine, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(MONOIZE_PROFILES=str(root.profiles)),
        # A group of its own, so that what outlives it can be found and ended.
        start_new_session=True,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    overdue = threading.Timer(PATIENCE_S, end_group, [process.pid])
    overdue.start()
    try:
        yield process
    finally:
        overdue.cancel()
        end_group(process.pid)
        process.communicate()


def end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_the_clients_of_all_protocols_find_the_server_and_one_key(server: Server, root: CommandLine, script: Make):
    theirs = {"ANTHROPIC_API_KEY": "theirs", "GOOGLE_API_KEY": "theirs", "CLAUDE_CODE_USE_BEDROCK": "1"}
    found = seen(root, script(SHOWN), **theirs)["environment"]

    secret = found["OPENAI_API_KEY"]
    assert secret.startswith("sk-")
    assert {secret} == {
        found[name] for name in ("GEMINI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_API_KEY", "OPENAI_API_KEY")
    }
    assert f"{server.address}/v1" == found["OPENAI_BASE_URL"]
    assert {server.address} == {found["ANTHROPIC_BASE_URL"], found["GOOGLE_GEMINI_BASE_URL"]}
    assert {"GOOGLE_API_KEY", "CLAUDE_CODE_USE_BEDROCK"}.isdisjoint(found)
    assert str(root.home) == found["HOME"]


def test_claude_is_not_shown_a_key_that_it_would_ask_about(root: CommandLine, script: Make):
    found = seen(root, script(SHOWN, "claude"), "-p", "hello", ANTHROPIC_API_KEY="theirs")

    assert "ANTHROPIC_API_KEY" not in found["environment"]
    assert found["environment"]["ANTHROPIC_AUTH_TOKEN"].startswith("sk-")
    assert ["-p", "hello"] == found["arguments"]


def test_codex_is_told_of_another_provider_before_its_own_arguments(
    server: Server, root: CommandLine, script: Make
):
    found = seen(root, script(SHOWN, "codex"), "exec", "--", "-c", "hello")

    assert [
        *("-c", 'model_provider="monoize"'),
        *("-c", 'model_providers.monoize.name="Monoize"'),
        *("-c", f'model_providers.monoize.base_url="{server.address}/v1"'),
        *("-c", 'model_providers.monoize.env_key="OPENAI_API_KEY"'),
        *("-c", 'model_providers.monoize.wire_api="responses"'),
        *("exec", "--", "-c", "hello"),
    ] == found["arguments"]
    assert found["environment"]["OPENAI_API_KEY"].startswith("sk-")


def test_the_key_works_while_the_command_runs_and_not_afterwards(server: Server, root: CommandLine, script: Make):
    command = script(
        "#!{python}\n"
        "import os, urllib.request\n"
        "asked = urllib.request.Request(os.environ['OPENAI_BASE_URL'] + '/models')\n"
        "asked.add_header('authorization', 'Bearer ' + os.environ['OPENAI_API_KEY'])\n"
        "print(urllib.request.urlopen(asked).status, os.environ['OPENAI_API_KEY'])\n"
    )
    ran = root.does("run", str(command.file))

    status, secret = ran.out.split()
    assert "200" == status
    assert 401 == opens_models(server, secret)
    assert [] == keys_of(root, command)
    assert f"Deleted the key {command.key_name}." in ran.err


def test_what_was_set_and_where_the_cost_is_shown_are_said(server: Server, root: CommandLine, script: Make):
    command = script("#!/bin/sh\necho out; echo err >&2\n")
    ran = root.does("run", str(command.file))

    assert "out\n" == ran.out
    for words in (command.key_name, server.address, "OPENAI_BASE_URL", "ANTHROPIC_AUTH_TOKEN", "err\n"):
        assert words in ran.err
    statement = ran.err.partition("`monoize ")[2].partition("`")[0]
    assert statement.startswith("ledger statement ")
    root.does(*statement.split())


def test_the_secret_is_in_no_arguments_and_in_no_log(server: Server, root: CommandLine, script: Make):
    command = script(
        "#!{python}\n"
        "import os, pathlib\n"
        "secret = os.environ['OPENAI_API_KEY'].encode()\n"
        "def read(file):\n"
        "    try:\n"
        "        return file.read_bytes()\n"
        "    except OSError:\n"
        "        return b''\n"
        "files = list(pathlib.Path('/proc').glob('[0-9]*/cmdline'))\n"
        "print(len(files), sum(secret in read(file) for file in files), secret.decode())\n",
        "codex",
    )
    ran = root.does("run", str(command.file))

    looked_at, found, secret = ran.out.split()
    assert int(looked_at) > 1
    assert "0" == found
    assert secret not in ran.err
    assert secret not in server.logged()


def test_the_command_does_not_get_the_token_that_made_its_key(root: CommandLine, script: Make):
    session = root.profiles.read_text().partition('token = "')[2].partition('"')[0]
    found = seen(root, script(SHOWN), MONOIZE_TOKEN=session)

    assert "MONOIZE_TOKEN" not in found["environment"]
    assert session not in json.dumps(found)


def test_the_key_expires_when_it_is_told_to(root: CommandLine, script: Make):
    command = script("#!/bin/sh\n")
    before = dt.datetime.now(dt.UTC)
    ran = root.does("run", "--keep-key", "--key-ttl", "90m", "--", str(command.file))

    (key,) = keys_of(root, command)
    lasts = dt.datetime.fromisoformat(key["expires_at"]) - before
    assert dt.timedelta(minutes=90) <= lasts < dt.timedelta(minutes=91)
    assert f"Kept the key {command.key_name}, id {key['id']}" in ran.err
    root.does("keys", "delete", key["id"], "--yes")


@pytest.mark.parametrize("ttl", ["0h", "12", "-1h", "1.5h", "1w", "99999d"])
def test_what_is_no_duration_is_a_usage_error(root: CommandLine, ttl: str):
    refused = root.run("run", f"--key-ttl={ttl}", "--", "true")

    assert 2 == refused.code
    assert "is not a duration" in refused.err


@pytest.mark.parametrize(
    ("ending", "code"), [("exit 0", 0), ("exit 1", 1), ("exit 255", 255), ("kill -TERM $$", 128 + signal.SIGTERM)]
)
def test_the_exit_code_is_the_command_s(root: CommandLine, script: Make, ending: str, code: int):
    command = script(f"#!/bin/sh\n{ending}\n")

    assert code == root.run("run", str(command.file)).code
    assert [] == keys_of(root, command)


def test_what_follows_the_command_is_its_own(root: CommandLine):
    program = ("sh", "-c", 'echo "$@"', "x", "--", "--help", "--url", "--key-ttl")

    for separator in ((), ("--",)):
        assert "-- --help --url --key-ttl\n" == root.does("run", *separator, *program).out


def test_pipes_reach_through(root: CommandLine):
    assert "hello\n" == root.does("run", "cat", stdin="hello\n").out

    # Writing to a pipe that nobody reads ends a process, unless it ignores that, as Python does.
    ends = "yes; echo $? >&2"
    assert str(128 + signal.SIGPIPE) in root.does("run", "bash", "-c", f"({ends}) | head -1").err


@pytest.mark.parametrize("name", ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_a_signal_is_passed_on_and_the_key_is_deleted(server: Server, root: CommandLine, script: Make, name: str):
    command = script(
        "#!{python}\n"
        "import os, signal\n"
        "def heard(number, frame):\n"
        "    print(signal.Signals(number).name, flush=True)\n"
        "    raise SystemExit(9)\n"
        f"signal.signal(signal.{name}, heard)\n"
        "print(os.environ['OPENAI_API_KEY'], flush=True)\n"
        "while True:\n"
        "    signal.pause()\n"
    )
    with running(root, "run", str(command.file)) as process:
        secret = line(process)
        assert 200 == opens_models(server, secret)
        process.send_signal(signal.Signals[name])

        assert name == line(process)
        assert 9 == process.wait(PATIENCE_S)
    assert 401 == opens_models(server, secret)


def test_a_signal_that_ends_the_command_leaves_no_key(root: CommandLine, script: Make):
    command = script("#!/bin/sh\necho ready\nexec sleep 1000\n")
    with running(root, "run", str(command.file)) as process:
        assert "ready" == line(process)
        process.send_signal(signal.SIGINT)

        assert 128 + signal.SIGINT == process.wait(PATIENCE_S)
    assert [] == keys_of(root, command)


def test_what_was_ignored_stays_ignored(root: CommandLine, script: Make):
    command = script("#!/bin/sh\necho ready\nread line\necho $line\n")
    nohup = f"trap '' HUP; exec {sys.executable} -m monoize run {command.file}"
    process = subprocess.Popen(
        ["bash", "-c", nohup],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(MONOIZE_PROFILES=str(root.profiles)),
    )
    assert "ready" == line(process)
    process.send_signal(signal.SIGHUP)

    assert ("alive\n", 0) == (process.communicate("alive\n", timeout=PATIENCE_S)[0], process.returncode)


def test_a_killed_run_leaves_a_key_that_expires(server: Server, root: CommandLine, script: Make):
    command = script("#!/bin/sh\necho $$ $OPENAI_API_KEY\nexec sleep 1000 >&- 2>&-\n")
    with running(root, "run", "--key-ttl", "8s", str(command.file)) as process:
        child, secret = line(process).split()
        process.kill()
        process.wait(PATIENCE_S)
    os.kill(int(child), signal.SIGKILL)

    (left,) = keys_of(root, command)
    expiry = dt.datetime.fromisoformat(left["expires_at"]).timestamp()
    assert 200 == opens_models(server, secret)
    time.sleep(max(0.0, expiry - time.time()))
    assert 401 == opens_models(server, secret)


def test_an_unknown_command_makes_no_key(root: CommandLine, fresh: Callable[[], str]):
    unknown = fresh()
    refused = root.run("run", "--", unknown, "--help")

    assert (127, "") == (refused.code, refused.out)
    assert f"monoize: there is no command {unknown}\n" == refused.err
    assert f"run:{unknown}@" not in root.does("audit", "list", "--action", "key").out
    assert unknown not in root.does("keys", "list", "--limit", "1000").out


@pytest.mark.parametrize(("text", "code"), [("#!/nowhere/sh\n", 127), ("\x7fELF", 126)])
def test_a_command_that_cannot_start_leaves_no_key(root: CommandLine, script: Make, text: str, code: int):
    command = script(text)
    refused = root.run("run", "--", str(command.file))

    assert code == refused.code
    assert f"monoize: cannot run {command.file}: " in refused.err
    assert [] == keys_of(root, command)


def test_who_is_not_signed_in_runs_nothing(stranger: CommandLine, script: Make):
    refused = stranger.run("run", str(script("#!/bin/sh\necho ran\n").file))

    assert (3, "") == (refused.code, refused.out)
    assert "nobody is signed in" in refused.err


def test_a_key_that_cannot_be_deleted_is_said_and_the_exit_code_stays(
    server: Server, root: CommandLine, script: Make
):
    command = script("#!/bin/sh\nexit 7\n")

    def lose_deletions(request: Request) -> Answer | None:
        return None if request.method == "DELETE" else relayed(request, server.address)

    with answering(lose_deletions) as address:
        direct = root.profiles.read_text()
        root.profiles.write_text(direct.replace(server.address, address))
        ran = root.run("run", str(command.file))
        root.profiles.write_text(direct)

    (key,) = keys_of(root, command)
    assert 7 == ran.code
    assert f"monoize: the key {command.key_name} was not deleted, and expires " in ran.err
    assert f"hint: `monoize keys delete {key['id']}` deletes it." in ran.err
    root.does("keys", "delete", key["id"], "--yes")


class Desk:
    """A terminal that controls what runs on it."""

    def __init__(self, root: CommandLine, *command: str) -> None:
        self._ours, theirs = pty.openpty()
        self.seen = ""
        self._process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=environment(MONOIZE_PROFILES=str(root.profiles)),
            preexec_fn=self._take_over,
        )
        os.close(theirs)

    @staticmethod
    def _take_over() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)

    def expect(self, words: str) -> None:
        while words not in self.seen:
            assert self._read(), self.seen

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._ours)
        return self._process.wait(PATIENCE_S)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._ours], [], [], PATIENCE_S)
        assert ready, self.seen
        try:
            chunk = os.read(self._ours, 4096)
        except OSError:
            return False
        self.seen += chunk.decode()
        return bool(chunk)


def test_the_command_owns_the_terminal_and_hears_ctrl_c_once(root: CommandLine, script: Make):
    # Whoever stands in between is halted until the first one was heard; two at a time would be taken for one.
    command = script(
        "#!{python}\n"
        "import os, signal, sys\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\n"
        "os.kill(os.getppid(), signal.SIGSTOP)\n"
        "print(sys.stdin.isatty(), sys.stdout.isatty(), 'ready', flush=True)\n"
        "first = signal.sigtimedwait([signal.SIGINT], 20)\n"
        "os.kill(os.getppid(), signal.SIGCONT)\n"
        "second = signal.sigtimedwait([signal.SIGINT], 1)\n"
        "print('first', bool(first), 'second', bool(second), input(), flush=True)\n"
    )
    desk = Desk(root, *COMMAND, "run", str(command.file))
    desk.expect("True True ready")
    desk.press(b"\x03")
    desk.press(b"typed\n")

    assert 0 == desk.end()
    assert "first True second False typed" in desk.seen
    assert [] == keys_of(root, command)


@pytest.mark.parametrize("stops", ["kill -STOP $$", "echo press; read line"], ids=["by itself", "by ctrl-z"])
def test_a_command_that_stops_gives_the_shell_back_and_goes_on(root: CommandLine, script: Make, stops: str):
    command = script(f"#!/bin/sh\n{stops}\necho went on; exit 5\n")
    monoize = f"{sys.executable} -m monoize run {command.file}"
    shell = f'set -m; {monoize}; echo "stopped $?"; fg; echo "ended $?"'
    desk = Desk(root, "bash", "-c", shell)
    if "press" in stops:
        desk.expect("press\r\n")
        desk.press(b"\x1a")
        desk.expect("stopped ")
        desk.press(b"\n")

    assert 0 == desk.end(), desk.seen
    assert f"stopped {128 + signal.SIGTSTP}" in desk.seen
    assert "went on" in desk.seen
    assert "ended 5" in desk.seen
    assert [] == keys_of(root, command)
