"""Starting and stopping, and how a start that cannot succeed says so."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest
from cli.command_line import COMMAND, CommandLine
from support.processes import environment
from support.server import forked_server, serving

STOP_S = 30


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_it_cleanly(tmp_path: Path, stop: signal.Signals):
    with serving(tmp_path, command=(*COMMAND, "serve", "--port=0"), MONOIZE_LOG_LEVEL="error") as server:
        server.process.send_signal(stop)
        out, _ = server.process.communicate(timeout=STOP_S)

    assert 0 == server.process.returncode
    assert out.endswith("Monoize has stopped.\n")


def test_a_taken_port_is_said_in_one_line(operator: CommandLine):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = operator.run("serve", "--port", str(port))

    assert (3, "") == (refused.code, refused.out)
    assert [f"monoize: cannot listen on 127.0.0.1:{port}: "] == [
        line.partition("Address")[0] for line in refused.err.splitlines()
    ]
    assert not (operator.home / "data").exists()


def test_a_host_that_is_none_is_said_in_one_line(operator: CommandLine):
    for host in ("a..b", "nowhere.invalid", "x" * 70):
        refused = operator.run("serve", "--host", host, "--port", "0")

        assert (3, 1) == (refused.code, len(refused.err.splitlines())), refused.err
        assert f"cannot listen on {host}" in refused.err


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_during_the_start_stops_it_cleanly_too(tmp_path: Path, stop: signal.Signals):
    """A database server that accepts and says nothing: the start hangs in the middle."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(STOP_S)
        address = f"postgresql://root@127.0.0.1:{silent.getsockname()[1]}/x"
        process = subprocess.Popen(
            [*COMMAND, "serve", "--port=0"],
            cwd=tmp_path,
            env=environment(MONOIZE_DATABASE_DSN=address),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with silent.accept()[0]:
                process.send_signal(stop)
                out, err = process.communicate(timeout=STOP_S)
        finally:
            process.kill()

    assert (0, "Monoize has stopped.\n", "") == (process.returncode, out, err)


def test_a_misspelt_setting_is_refused_with_a_suggestion(operator: CommandLine):
    refused = operator.run("serve", MONOIZE_DATABSE_DSN="sqlite://x.db")

    assert 3 == refused.code
    line = "monoize: unknown environment variable MONOIZE_DATABSE_DSN; did you mean MONOIZE_DATABASE_DSN?\n"
    assert line == refused.err


def test_options_win_over_the_file_and_the_file_over_the_default(operator: CommandLine, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "house.toml").write_text(f'host = "127.0.0.1"\nport = {port}\ndata_dir = "elsewhere"\n')
        assert 3 == operator.run("serve", "--config", "house.toml").code
        arguments = ("serve", "--config", "house.toml", "--host", "127.0.0.1", "--port", "0")
        with forked_server(tmp_path, arguments=arguments) as server:
            assert str(port) not in server.address

    assert (tmp_path / "elsewhere" / "master.key").is_file()


@pytest.mark.parametrize("arguments", [("--port", "70000"), ("--port", "http"), ("--config", "/")])
def test_a_wrong_option_is_a_usage_error(operator: CommandLine, arguments: tuple[str, ...]):
    assert 2 == operator.run("serve", *arguments).code


def test_a_missing_file_is_named(operator: CommandLine):
    refused = operator.run("serve", "--config", "absent.toml")

    assert 3 == refused.code
    assert "monoize: cannot read the settings file absent.toml: No such file or directory\n" == refused.err


def test_the_client_s_variables_are_no_settings(tmp_path: Path):
    own = environment(MONOIZE_URL="http://x", MONOIZE_TOKEN="x", MONOIZE_PROFILES="x")
    shown = subprocess.run([*COMMAND, "config", "show"], cwd=tmp_path, env=own, capture_output=True, check=False)

    assert 0 == shown.returncode
