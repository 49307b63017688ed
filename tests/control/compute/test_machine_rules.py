"""What machines are told and what their sizes come to, as pure rules."""

import base64
import datetime as dt
import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monoize.base.ids import new_id
from monoize.control.compute.model.cloud_init import TooMuchUserData, user_data
from monoize.control.compute.model.environment import UnreachableFromThere, environment, seen_from_there
from monoize.control.compute.model.machines import (
    Access,
    MachineRef,
    MachineSpec,
    Reading,
    Ways,
    WaysOut,
    machine_id_of,
    machine_name,
)
from monoize.control.compute.model.memory import memory_mb_seconds
from monoize.control.compute.model.sizes import fly_guest, hetzner_type
from monoize.infra.settings import Settings

NOON = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


ELSEWHERE = Ways("proxy.example.com:3128", "https://ai.example.com/base")


def spec(here: Ways, **env: str) -> MachineSpec:
    access = Access("agent", "secret", WaysOut(here=here, outside=ELSEWHERE))
    return MachineSpec("m", "op", "image", 1000, 256, 1, access, env)


def test_this_computer_is_called_as_the_machine_knows_it() -> None:
    told = environment(spec(Ways("127.0.0.1:3128", "http://localhost:8080/")), this_computer="10.1.2.1")

    assert "http://agent:secret@10.1.2.1:3128" == told["HTTPS_PROXY"]
    assert ("http://10.1.2.1:8080/v1", "http://10.1.2.1:8080") == (
        told["OPENAI_BASE_URL"],
        told["ANTHROPIC_BASE_URL"],
    )
    assert "10.1.2.1" in told["NO_PROXY"].split(",")


def test_a_machine_elsewhere_is_told_what_this_computer_is_called_there() -> None:
    told = environment(spec(Ways("127.0.0.1:3128", "http://localhost:8080/")), this_computer=None)

    assert "http://agent:secret@proxy.example.com:3128" == told["HTTP_PROXY"]
    assert "https://ai.example.com/base/v1" == told["OPENAI_BASE_URL"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]", "0.0.0.0", "[::]"])
def test_a_loopback_address_is_of_no_use_elsewhere(host: str) -> None:
    with pytest.raises(UnreachableFromThere):
        seen_from_there(f"http://{host}:1", None)
    assert "http://[fd00::1]:1" == seen_from_there(f"http://{host}:1", "fd00::1")


def test_what_we_say_is_not_replaced_by_what_a_preset_says() -> None:
    told = environment(spec(ELSEWHERE, OPENAI_API_KEY="mine", GREETING="hi"), this_computer=None)

    assert ("secret", "hi") == (told["OPENAI_API_KEY"], told["GREETING"])


def test_secrets_do_not_show_in_what_is_printed() -> None:
    assert "secret" not in repr(spec(ELSEWHERE, K="secret"))


def test_a_name_leads_back_to_its_machine() -> None:
    id = new_id()

    assert id == machine_id_of(machine_name(id)) == machine_id_of(MachineRef(id).name)
    assert None is machine_id_of("monoize-") is machine_id_of("other-1")
    # The names of hosts have at most 63 characters, those of labels' values too.
    assert len(machine_name(id)) <= 63


@pytest.mark.parametrize(
    ("millicores", "memory_mb", "guest"),
    [
        (1, 1, ("shared", 1, 256)),
        (1000, 257, ("shared", 1, 512)),
        (1001, 256, ("shared", 2, 512)),
        (2000, 100_000, ("shared", 2, 4096)),
        (2001, 1024, ("performance", 4, 8192)),
        (4000, 9000, ("performance", 4, 9216)),
        (4001, 1, ("performance", 8, 16_384)),
        (64_000, 1_000_000, ("performance", 8, 65_536)),
    ],
)
def test_sizes_at_fly(millicores: int, memory_mb: int, guest: tuple[str, int, int]) -> None:
    kind, cpus, memory = guest
    assert {"cpu_kind": kind, "cpus": cpus, "memory_mb": memory} == fly_guest(millicores, memory_mb)


@pytest.mark.parametrize(
    ("millicores", "type"), [(1, "cx22"), (2000, "cx22"), (2001, "cx32"), (4001, "cx42"), (8001, "cx52")]
)
def test_sizes_at_hetzner(millicores: int, type: str) -> None:
    assert type == hetzner_type(millicores, Settings().hetzner_server_types)
    assert "only" == hetzner_type(millicores, ["only"])


def _written(text: str) -> Mapping[str, str]:
    document: dict[str, Any] = json.loads(text.removeprefix("#cloud-config\n"))
    return {file["path"]: base64.b64decode(file["content"]).decode() for file in document["write_files"]}


@settings(max_examples=50)
@given(
    st.dictionaries(st.from_regex("[A-Z_]{1,8}", fullmatch=True), st.text(st.characters(exclude_categories=["C"])))
)
def test_a_server_reads_its_environment_as_it_was_meant(env: dict[str, str]) -> None:
    lines = _written(user_data(env, {}))["/etc/monoize/env"].splitlines()

    assert len(env) == len(lines)
    for line, (name, value) in zip(lines, env.items(), strict=True):
        assert line.startswith(f'{name}="') and line.endswith('"')
        assert value == re.sub(r"\\(.)", r"\1", line.removeprefix(f'{name}="')[:-1])


def test_a_shell_reads_it_so_too() -> None:
    value = "a $HOME `id` \"quoted\" 'single' \\ back\\slash ; rm -rf #"
    env_file = _written(user_data({"VALUE": value}, {}))["/etc/monoize/env"]

    said = subprocess.run(["sh", "-c", f'{env_file}printf %s "$VALUE"'], capture_output=True, check=True, text=True)

    assert value == said.stdout


def test_a_server_is_not_told_more_than_fits() -> None:
    with pytest.raises(TooMuchUserData):
        user_data({}, {"/etc/large": "x" * 32_768})
    with pytest.raises(ValueError, match="one line"):
        user_data({"A": "b\nC=d"}, {})
    assert "hello" == _written(user_data({}, {"/etc/a": "hello"}))["/etc/a"]


def test_memory_adds_up_from_one_reading_to_the_next() -> None:
    before = Reading("e", NOON, memory_mb_seconds=100)
    later, began = NOON + dt.timedelta(seconds=60), NOON - dt.timedelta(seconds=10)

    assert 100 + 60 * 512 == memory_mb_seconds(before, epoch="e", began_at=began, at=later, memory_mb=512)
    assert 70 * 512 == memory_mb_seconds(before, epoch="f", began_at=began, at=later, memory_mb=512)
    assert 70 * 512 == memory_mb_seconds(None, epoch="e", began_at=began, at=later, memory_mb=512)
    assert 100 == memory_mb_seconds(before, epoch="e", began_at=began, at=began, memory_mb=512)
