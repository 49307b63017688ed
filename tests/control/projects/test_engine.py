"""The engine in the words of this room: repeated verbs, refusals, hostile names, and what is not ours."""

import asyncio
import dataclasses
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from fakes.registry import PASSWORD, USERNAME, Registry
from pydantic import ValidationError
from support.docker_engine import DockerEngine
from support.patience import PATIENCE_S

from monoize.control.projects.api.config_wire import VolumeSent
from monoize.control.projects.drivers import container_spec
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.errors import MountNotAllowed
from monoize.control.projects.model.config import Health, Limits, Port, ServiceConfig, Volume, check, config_hash
from monoize.control.projects.model.instances import Login, Probe, ReleasePlan
from monoize.control.projects.model.ownership import Ours
from monoize.infra.docker import Docker, EngineRefused, InTheWay

CONFIG = ServiceConfig(image="app:1", ports=(Port(80),), health=Health("http"), stop_grace_s=0)
OURS = Ours("0123456789ab")
HOSTILE = ("$(touch /pwned)", "`id`", "'; exit 1; '", '"', "a\nb", "--privileged", "é", "\\x00", "%s%n", "${IFS}")


@pytest.fixture
def shared() -> Iterator[Path]:
    """Not where temporary folders may lie: below /dev nothing is ever mounted."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.fixture
async def engine(docker_engine: DockerEngine, shared: Path) -> AsyncIterator[Engine]:
    async with Docker(docker_engine.url) as docker:
        opened = Engine(docker, OURS, (str(shared),), kept_from=(shared / "data",))
        yield opened
        for one in await opened.instances():
            await opened.remove(one.container_id)
        await opened.remove_network(9)


async def plan(engine: Engine, config: ServiceConfig = CONFIG, **changes: object) -> ReleasePlan:
    image = await engine.pull("app:1")
    made = ReleasePlan(
        project_id=9,
        service_id=90,
        service_name="web",
        release_id=900,
        image_id=image.id,
        config=config,
        config_hash=config_hash(config),
        aliases=("web",),
        host_ports={0: {80: 29_901}, 1: {80: 29_902}},
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


async def answered(engine: Engine, wanted: ReleasePlan, replica: int = 0) -> Probe:
    (one,) = [one for one in await engine.instances(90) if one.replica == replica and one.task is None]
    async with asyncio.timeout(PATIENCE_S):
        while not (seen := await engine.probe(one, wanted.config)).ok:
            await asyncio.sleep(0.05)
    return seen


async def test_a_release_is_started_once_however_often_it_is_asked_for(engine: Engine):
    wanted = await plan(engine, dataclasses.replace(CONFIG, replicas=2, limits=Limits(64, 0.5, 50)))

    first, second = await asyncio.gather(engine.start_release(wanted), engine.start_release(wanted))
    again = await engine.start_release(wanted)

    assert 2 == len(again)
    assert {one.container_id for one in [*first, *second]} == {one.container_id for one in again}
    assert [(True, 29_901), (True, 29_902)] == [(one.running, one.ports[80]) for one in again]
    assert ("1\n", 200) == ((seen := await answered(engine, wanted, 1)).body_head, seen.status)
    told = await engine.docker.inspect_container(again[0].container_id)
    assert (64 * 2**20, 500_000_000, 50) == tuple(
        told["HostConfig"][name] for name in ("Memory", "NanoCpus", "PidsLimit")
    )
    await engine.remove_release(90, 900)
    await engine.remove_release(90, 900)
    assert [] == await engine.instances(90)


async def test_what_environment_and_command_hold_arrives_as_it_is_and_no_shell_looks_at_it(engine: Engine):
    said: list[str] = []

    async def listen(line: str) -> None:
        said.append(line)

    hostile = await plan(engine, env={f"V{n}": value for n, value in enumerate(HOSTILE)})
    shown = " ".join(f'"$V{n}"' for n in range(len(HOSTILE)))

    code = await engine.run_once(
        hostile,
        ["sh", "-c", f'printf "<%s>\\n" {shown} "$@"', "sh", *HOSTILE],
        "hook-1",
        listen,
        within_s=PATIENCE_S,
    )

    assert 0 == code
    wanted = "".join(f"<{value}>\n" for value in HOSTILE * 2)
    assert wanted == "".join(f"{line}\n" for line in said)
    assert [] == await engine.instances(90)


@pytest.mark.parametrize(
    "image",
    ["../../x", "a b", "app:1?x=1", "-rm", "$(id)", "a" * 600, "app\n", "http://127.0.0.1/x", "", "app@sha256:0"],
)
async def test_a_hostile_name_of_an_image_is_refused_and_fetches_nothing(engine: Engine, image: str):
    before = {one["Id"] for one in await engine.docker.images()}

    with pytest.raises(EngineRefused):
        await engine.pull(image)

    assert before == {one["Id"] for one in await engine.docker.images()}


async def test_a_registry_that_refuses_is_quoted_and_one_that_knows_us_is_told_who_we_are(engine: Engine):
    with Registry() as registry:
        image = f"{registry.host}/private/app:1"
        with pytest.raises(EngineRefused, match=r"(?i)auth|credentials|denied"):
            await engine.pull(image)
        with pytest.raises(EngineRefused, match=r"(?i)auth|denied"):
            await engine.pull(image, Login(registry.host, USERNAME, "wrong"))
        # Let in: then it is the image that is missing.
        with pytest.raises(EngineRefused, match=r"(?i)manifest"):
            await engine.pull(image, Login(registry.host, USERNAME, PASSWORD))
        await engine.docker.check_login(registry.host, USERNAME, PASSWORD)
        with pytest.raises(EngineRefused):
            await engine.docker.check_login(registry.host, USERNAME, "wrong")


async def test_what_is_not_ours_is_in_the_way_and_left_alone(engine: Engine):
    network, volume = OURS.network(9), OURS.volume(9, 90, "data")
    foreign = await engine.docker.create_network(network, {"Labels": Ours("ba9876543210").of_project(9)})
    try:
        with pytest.raises(InTheWay):
            await engine.start_release(await plan(engine))
        with pytest.raises(InTheWay):
            await engine.remove_network(9)
        assert foreign == (await engine.docker.inspect_network(network))["Id"]
    finally:
        await engine.docker.remove_network(foreign)
    await engine.docker.create_volume(volume, {})
    try:
        with pytest.raises(InTheWay):
            await engine.start_release(
                await plan(engine, dataclasses.replace(CONFIG, volumes=(Volume("data", "/data"),)))
            )
    finally:
        await engine.docker.remove_volume(volume)


async def test_a_folder_is_mounted_only_if_it_is_in_the_list_when_links_are_followed(engine: Engine, shared: Path):
    (shared / "data").mkdir()
    (shared / "public").mkdir()
    (shared / "escape").symlink_to("/etc")
    (shared / "inside").symlink_to(shared / "public")

    for allowed in ("public", "inside"):
        await engine.check_folder(str(shared / allowed))
    for denied in ("escape", "data", ".", "public/../../..", "public/../data"):
        with pytest.raises(MountNotAllowed):
            await engine.check_folder(str(shared / denied))


@pytest.mark.parametrize("target", ["/data:ro", "/a@b/+-_.", "/x:/etc:rw", "//srv//data/", "/" + "d" * 200])
async def test_whatever_path_is_let_in_the_volume_is_mounted_there_and_nothing_else_is(engine: Engine, target: str):
    config = dataclasses.replace(CONFIG, volumes=(Volume("data", target, read_only=True),))
    check(config, is_admin=False)
    VolumeSent(source="data", target=target)

    [one] = await engine.start_release(await plan(engine, config))

    [mount] = (await engine.docker.inspect_container(one.container_id))["Mounts"]
    shown = "/" + "/".join(part for part in target.split("/") if part)
    assert (shown, "volume", False) == (mount["Destination"], mount["Type"], mount["RW"])
    await engine.remove_release(90, 900)
    await engine.remove_volume(mount["Name"])


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("../data", "/x"),
        ("data:/etc", "/x"),
        ("/srv/../etc", "/x"),
        ("-v", "/x"),
        ("", "/x"),
        ("data\n", "/x"),
        ("data", "x"),
        ("data", "/a b"),
        ("data", "/a,readonly=false"),
        ("data", "/a\n"),
        ("data", "/$(id)"),
        ("data", "/a\x00b"),
        ("data", "/" + "d" * 255),
    ],
)
def test_what_is_no_path_of_a_volume_never_reaches_the_engine(source: str, target: str):
    with pytest.raises(ValidationError):
        VolumeSent(source=source, target=target)


async def test_a_port_on_which_nobody_listens_is_found_out_behind_the_engines_own_proxy(engine: Engine):
    deaf = dataclasses.replace(CONFIG, command=("sleep", "60"), health=Health("tcp"))
    wanted = await plan(engine, deaf)
    (one,) = await engine.start_release(wanted)

    seen = await engine.probe(one, deaf)

    assert (False, "tcp://127.0.0.1:29901") == (seen.ok, seen.url)
    assert not (await engine.probe(one, dataclasses.replace(deaf, health=Health("http", timeout_s=1)))).ok
    assert (await engine.probe(one, dataclasses.replace(deaf, health=Health("none")))).ok


async def test_a_program_that_knows_nothing_of_signals_ends_at_once_when_it_is_asked_to(engine: Engine):
    """As the first process of a container it would be sent SIGTERM in vain, and take all of its grace."""
    sleeps = dataclasses.replace(CONFIG, command=("sh", "-c", "echo up; exec sleep 600"), stop_grace_s=25)
    (one,) = await engine.start_release(await plan(engine, sleeps))
    async with asyncio.timeout(PATIENCE_S):
        while "up" not in await engine.log_tail(one.container_id, 1):
            await asyncio.sleep(0.02)

    async with asyncio.timeout(10):
        await engine.stop_release(90, 900, grace_s=25)

    assert [128 + signal.SIGTERM] == [one.exit_code for one in await engine.release_instances(90, 900)]


async def test_an_image_that_brings_its_own_init_is_given_no_other(engine: Engine, docker_engine: DockerEngine):
    insists = "#!/bin/sh\n[ $$ = 1 ] || exit 100\nexec httpd -f -p 80 -h /www\n"
    id = docker_engine.import_image("own-init:1", {"init": insists}, changes=('ENTRYPOINT ["/init"]',))
    wanted = await plan(engine, image_id=id)
    await engine.start_release(wanted)

    assert (await answered(engine, wanted)).ok


@pytest.mark.parametrize(
    ("entrypoint", "cmd", "command", "is_one"),
    [
        (["/init"], ["app"], None, True),
        (None, ["/sbin/init"], None, True),
        (None, ["/sbin/init"], ["app"], False),
        (["/usr/bin/tini", "--"], ["app"], ["app"], True),
        (["docker-entrypoint.sh"], ["init"], None, False),
        (["app"], None, ["init"], False),
        (None, None, None, False),
        ([], [], ["dumb-init", "app"], True),
    ],
)
def test_what_is_started_first_decides_whether_it_is_an_init(
    entrypoint: list[str] | None, cmd: list[str] | None, command: list[str] | None, is_one: bool
):
    assert is_one is container_spec.is_an_init({"Entrypoint": entrypoint, "Cmd": cmd}, command)
