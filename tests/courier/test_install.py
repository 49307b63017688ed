"""From an install link to a working host: any shell, once, whole or not at all."""

import ast
import hashlib
import json
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from courier.logins import codex_login
from courier.machine import SCRIPT, Machine, Operator
from support.processes import Outcome

import monoize
from monoize.control.fleet.errors import BaseUrlUnusable
from monoize.control.fleet.model.install_script import install_script, refusal_script
from monoize.courier import courier

Fresh = Callable[[], str]
GOOD = {
    "base_url": "https://hub.example.com",
    "key": "ab" * 32,
    "fqdn": "one.example.com",
    "installation_id": "00000000-0000-7000-8000-000000000000",
    "courier_sha256": "cd" * 32,
}


@pytest.fixture
def link(operator: Operator, pool: str, fresh: Fresh) -> str:
    enrolled = operator.enrol(f"{fresh()}.example.com", pool=pool)
    url: str = enrolled["installer"]["url"]
    return url


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    """A computer on which nobody has done anything yet, with a systemd that notes what it is told."""
    machine = Machine(tmp_path / "bare")
    systemctl = machine.tool.bin / "systemctl"
    systemctl.write_text('#!/bin/sh\nprintf "%s " "$@" >> "$HOME/systemctl"\n')
    systemctl.chmod(0o755)
    return machine


def installs(machine: Machine, link: str, *options: str, shell: str = "sh") -> Outcome:
    command = 'curl -sS "$1" > script && shell=$2 && shift 2 && exec "$shell" -s -- "$@" < script'
    return machine.run("sh", "-c", command, "sh", link, shell, *options)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_link_makes_a_computer_a_host(bare: Machine, link: str, shell: str):
    bare.log_in(codex_login())
    done = installs(bare, link, "--user", shell=shell)

    assert 0 == done.code, done.err
    cdx = bare.home / ".local" / "bin" / "cdx"
    assert 0o755 == stat.S_IMODE(cdx.stat().st_mode)
    assert bare.run(str(cdx), "a b", "$x").code == 0
    assert ["a b", "$x"] == bare.tool.arguments
    assert f"{monoize.__version__}\n" == bare.run(str(cdx), "--wrapper-version").out
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in bare.courier_home.iterdir()}
    assert (0o600, 0o700) == (modes["courier.json"], modes["courier.py"])
    assert 0o700 == stat.S_IMODE(bare.courier_home.stat().st_mode)

    units = bare.home / ".config" / "systemd" / "user"
    assert {"monoize-courier.service", "monoize-courier.timer"} == {path.name for path in units.iterdir()}
    told = (bare.home / "systemctl").read_text()
    assert "--user daemon-reload --user enable --now monoize-courier.timer " == told

    assert bare.run(str(cdx), "--uninstall").code == 0
    assert not cdx.exists() and not list(units.iterdir()) and not bare.courier_home.exists()


def test_a_computer_without_a_login_is_a_host_that_says_what_is_missing(bare: Machine, link: str):
    done = installs(bare, link, "--user", "--no-timer")

    assert 0 == done.code, done.err
    assert "no login yet" in done.err
    assert not (bare.home / ".config").exists()


def test_a_link_is_good_for_one_of_twenty(operator: Operator, link: str):
    fetching = [
        subprocess.Popen(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", link], stdout=subprocess.PIPE)
        for _ in range(20)
    ]
    statuses = sorted(each.communicate(timeout=60)[0].decode() for each in fetching)

    assert ["200", *["410"] * 19] == statuses


@pytest.mark.parametrize("spent", [True, False])
def test_a_link_that_is_no_good_is_a_script_that_fails_and_says_why(bare: Machine, link: str, spent: bool):
    if spent:
        assert bare.run("curl", "-sS", link).code == 0
    else:
        link = link[:-1] + ("0" if link[-1] != "0" else "1")
    done = installs(bare, link)

    assert (1, "") == (done.code, done.out)
    assert "install link" in done.err
    assert not bare.courier_home.exists()


def test_the_line_that_operators_are_shown_does_all_of_it(
    bare: Machine, operator: Operator, pool: str, fresh: Fresh
):
    enrolled = operator.enrol(f"{fresh()}.example.com", pool=pool)
    line = enrolled["installer"]["command"].replace("| sh", "| sh -s -- --user --no-timer")
    assert enrolled["secret"] not in line

    assert bare.run("sh", "-c", line).code == 0
    assert enrolled["secret"] == json.loads((bare.courier_home / "courier.json").read_text())["key"]
    assert 1 == bare.run("sh", "-c", enrolled["installer"]["command"]).code


def test_somebody_elses_cdx_is_left_alone(bare: Machine, link: str):
    taken = bare.home / ".local" / "bin" / "cdx"
    taken.parent.mkdir(parents=True)
    taken.write_text("#!/bin/sh\necho mine\n")
    done = installs(bare, link, "--user", "--no-timer")

    assert 1 == done.code
    assert "is another program" in done.err
    assert "#!/bin/sh\necho mine\n" == taken.read_text()


def test_half_a_script_does_nothing(bare: Machine):
    lines = install_script(**GOOD).splitlines(keepends=True)
    for end in range(len(lines)):
        bare.run("dash", "-c", "".join(lines[:end]))

    assert {"home", "bin", "tool"} == {path.name for path in bare.home.parent.iterdir()}
    assert [] == list(bare.home.iterdir())


def test_what_was_changed_on_its_way_is_not_installed(bare: Machine, operator: Operator, pool: str, fresh: Fresh):
    enrolled = operator.enrol(f"{fresh()}.example.com", pool=pool)
    told = {**GOOD, "base_url": operator.address, "key": enrolled["secret"]}
    done = bare.run("sh", stdin=install_script(**told))

    assert 1 == done.code
    assert "not the courier" in done.err
    assert not bare.courier_home.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fqdn", "a; rm -rf /"),
        ("fqdn", "$(id)"),
        ("fqdn", "a\nEND_OF_PYTHON"),
        ("fqdn", "a'b"),
        ("base_url", "https://hub.example.com/$(id)"),
        ("base_url", 'https://hub.example.com/"'),
        ("base_url", "https://hub.example.com/a b"),
        ("base_url", "javascript:alert(1)"),
        ("key", "ab" * 31 + '";'),
        ("installation_id", "x"),
        ("courier_sha256", "\n"),
    ],
)
def test_nothing_that_a_shell_could_read_enters_a_script(name: str, value: str):
    with pytest.raises((AssertionError, BaseUrlUnusable)):
        install_script(**{**GOOD, name: value})


@pytest.mark.parametrize("message", ['it\'s $(touch x) `touch x` "quoted"', "%s %d \\n", "-n"])
def test_a_refusal_is_printed_as_it_is(tmp_path: Path, message: str):
    done = subprocess.run(
        ["dash"], input=refusal_script(message, message), capture_output=True, text=True, cwd=tmp_path
    )

    assert (1, "", f"monoize: {message}\n{message}\n") == (done.returncode, done.stdout, done.stderr)
    assert [] == list(tmp_path.iterdir())


def test_the_hub_serves_the_courier_with_what_it_is_known_by(operator: Operator, machine: Machine, tmp_path: Path):
    key = json.loads((machine.courier_home / "courier.json").read_text())["key"]
    config = tmp_path / "curl"
    config.write_text(f'header = "Authorization: Bearer {key}"\n')

    def fetched(path: str) -> tuple[dict[str, str], bytes]:
        command = ["curl", "-sS", "-i", "--config", str(config), operator.address + path]
        head, _, body = subprocess.run(command, capture_output=True, check=True).stdout.partition(b"\r\n\r\n")
        lines = head.decode().splitlines()[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}, body

    headers, script = fetched("/wrapper/download")
    told = json.loads(fetched("/wrapper")[1])["data"]
    digest = hashlib.sha256(script).hexdigest()
    assert SCRIPT.read_bytes() == script
    assert (digest, f'"{digest}"') == (headers["x-sha256"], headers["etag"])
    assert (digest, len(script), monoize.__version__) == (told["sha256"], told["size_bytes"], told["version"])
    assert courier.VERSION == monoize.__version__


def test_the_courier_is_one_file_for_python_3_9_without_anything_else():
    tree = ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
    }

    assert imported <= set(__import__("sys").stdlib_module_names)


def pythons() -> list[Any]:
    """Every other Python from 3.9 on that is to be had here."""
    found = sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"))
    on_path = [Path(path) for path in map(shutil.which, ("python3.9", "python3.10", "python3.14")) if path]
    return [
        pytest.param(str(path), id=version)
        for path in (*found, *on_path)
        if (version := working_version(path)) is not None
    ]


def working_version(python: Path) -> str | None:
    code = "import sys; assert sys.version_info >= (3, 9); print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.mark.parametrize("python", pythons())
def test_the_courier_works_with_every_python_from_3_9_on(
    operator: Operator, pool: str, fresh: Fresh, tmp_path: Path, python: str
):
    machine = operator.enrolled(Machine(tmp_path / "machine", python=python), f"{fresh()}.example.com", pool=pool)
    machine.log_in(codex_login())

    assert machine.cdx("work").code == 0
    assert "auths" in (machine.login or {})
