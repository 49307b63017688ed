"""Builds: a commit of a repository becomes an image, by real git and a real engine, and is deployed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.git_server import GitServer, serving_git
from support.deployments import SERVES, Yard, config, open_yard
from support.docker_engine import DockerEngine

from monoize.control.projects.actions import builds as verbs
from monoize.control.projects.actions.building import Builder
from monoize.control.projects.drivers import git
from monoize.control.projects.drivers.git import GitFailed
from monoize.control.projects.model.builds import Build
from monoize.control.projects.store import builds, operation_lines

DOCKERFILE = "FROM busybox:test\nARG GREETING=none\nCOPY index.html /www/index.html\nLABEL greeting=$GREETING\n"
TOKEN = "a-token-for-the-repository"


@pytest.fixture
async def yard(sqlite: str, tmp_path: Path, docker_engine: DockerEngine) -> AsyncIterator[Yard]:
    async with open_yard(sqlite, tmp_path, docker_engine.url) as opened:
        yield opened


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[GitServer]:
    with serving_git(tmp_path, TOKEN) as served:
        yield served


async def sourced(yard: Yard, served: GitServer, **changes: Any) -> int:
    """A service with a source, that has nothing to deploy yet."""
    service = await yard.service(config("app:1", command=SERVES))
    await yard.live(service)
    values = {
        "repository": served.url,
        "branch": "main",
        "context": ".",
        "dockerfile": "Dockerfile",
        "build_args": {"GREETING": "hello"},
        "auto_deploy": True,
        **changes,
    }
    async with yard.change() as change:
        await verbs.put_source(change, yard.house.seal, service, values, credential=TOKEN)
    return service


async def asked(yard: Yard, service: int, ref: str | None = None) -> Build:
    async with yard.change() as change:
        return await verbs.start_build(change, service, ref=ref, deploys=True, reason=None)


async def built(yard: Yard, build: Build) -> tuple[Build, list[str]]:
    await Builder(yard.house, yard.engine, yard.lease).drain()
    async with yard.house.database.read() as tx:
        lines = [one.line for one in await operation_lines.after(tx, "build_id", build.id, 0, 1000)]
        return await builds.get(tx, build.id), lines


async def test_a_commit_becomes_an_image_and_is_deployed(yard: Yard, repository: GitServer):
    first = repository.commit({"Dockerfile": DOCKERFILE, "index.html": "built\n"})
    repository.commit({"index.html": "newer\n"})
    service = await sourced(yard, repository)

    done, lines = await built(yard, await asked(yard, service, first))

    assert ("success", first, None) == (done.status, done.commit_id, done.error)
    assert any(line.startswith("Step 1/") for line in lines)
    assert TOKEN not in "\n".join(lines)
    await yard.live(service)
    assert {"built"} == await yard.serves(service)
    labels = (await yard.engine.docker.inspect_image(str(done.image)))["Config"]["Labels"]
    assert (str(done.id), "hello") == (labels["monoize.build"], labels["greeting"])
    # Every container made from it inherits them, also those that people make by hand.
    assert not {"monoize.managed", "monoize.service"} & labels.keys()
    assert not list((yard.house.settings.data_dir / "builds").iterdir())

    newest, _ = await built(yard, await asked(yard, service))
    assert "success" == newest.status
    await yard.live(service)
    assert {"newer"} == await yard.serves(service)


@pytest.mark.parametrize(
    ("files", "changes", "ref", "says"),
    [
        ({"Dockerfile": "FROM busybox:test\nCOPY missing /x\n"}, {}, None, "missing"),
        ({"Dockerfile": "NOT A DOCKERFILE\n"}, {}, None, "instruction"),
        ({"index.html": "x"}, {}, None, "no Dockerfile"),
        ({"Dockerfile": DOCKERFILE}, {"context": "nowhere"}, None, "no folder nowhere"),
        ({"Dockerfile": DOCKERFILE}, {}, "nobranch", "nobranch"),
        ({"Dockerfile": DOCKERFILE}, {"repository": "http://127.0.0.1:1/app.git"}, None, "127.0.0.1"),
    ],
)
async def test_a_build_that_cannot_succeed_says_why_and_deploys_nothing(
    yard: Yard, repository: GitServer, files: dict[str, str], changes: dict[str, str], ref: str | None, says: str
):
    repository.commit(files)
    service = await sourced(yard, repository, **changes)
    before = await yard.newest(service)

    done, lines = await built(yard, await asked(yard, service, ref))

    assert "failed" == done.status
    assert says in str(done.error)
    assert done.error in "\n".join(lines)
    assert before.id == (await yard.newest(service)).id


async def test_a_build_takes_no_more_memory_than_it_may(
    sqlite: str, tmp_path: Path, docker_engine: DockerEngine, repository: GitServer
):
    async with open_yard(sqlite, tmp_path, docker_engine.url, build_memory_mb=64) as yard:
        service = await sourced(yard, repository)
        for megabytes, ends in ((8, "success"), (256, "failed")):
            eats = f"RUN busybox dd if=/dev/zero of=/dev/null bs={megabytes}M count=1"
            repository.commit({"Dockerfile": f"FROM busybox:test\n{eats}\n"})
            done, lines = await built(yard, await asked(yard, service))
            assert ends == done.status, lines


async def test_a_repository_is_not_let_in_without_its_credential_and_a_credential_stays_with_its_repository(
    yard: Yard, repository: GitServer
):
    repository.commit({"Dockerfile": DOCKERFILE, "index.html": "x"})
    service = await sourced(yard, repository)
    async with yard.change() as change:
        source = await verbs.get_source(change.tx, service)
        moved = {"repository": repository.url + "/", "branch": source.branch, "context": ".", "build_args": {}}
        values = {**moved, "dockerfile": "Dockerfile", "auto_deploy": False}
        put = await verbs.put_source(change, yard.house.seal, service, values, credential=None)
    assert not put.has_credential

    done, _ = await built(yard, await asked(yard, service))

    assert "failed" == done.status
    assert "could not read Username" in str(done.error)


async def test_a_newer_build_takes_the_place_of_one_that_waits_and_cancelling_ends_one(
    yard: Yard, repository: GitServer
):
    repository.commit({"Dockerfile": DOCKERFILE, "index.html": "x"})
    service = await sourced(yard, repository)
    first, second = await asked(yard, service), await asked(yard, service)
    async with yard.house.database.read() as tx:
        assert ["cancelled", "queued"] == [(await builds.get(tx, one.id)).status for one in (first, second)]
    async with yard.change() as change:
        await verbs.cancel_build(change, second.id)
    done, _ = await built(yard, second)
    assert "cancelled" == done.status


async def test_a_build_under_way_is_cancelled_and_leaves_nothing(yard: Yard, tmp_path: Path):
    with serving_git(tmp_path / "slow") as slow:
        slow.commit({"Dockerfile": DOCKERFILE, "index.html": "x"})
        going = asyncio.Event()
        loop, answer = asyncio.get_running_loop(), slow.answer

        def hangs(environment: dict[str, str], body: bytes) -> bytes:
            loop.call_soon_threadsafe(going.set)
            asyncio.run_coroutine_threadsafe(asyncio.sleep(20), loop).result()
            return answer(environment, body)

        slow.answer = hangs
        service = await sourced(yard, slow)
        build = await asked(yard, service)
        async with asyncio.TaskGroup() as together:
            working = together.create_task(Builder(yard.house, yard.engine, yard.lease).drain())
            await asyncio.wait_for(going.wait(), 10)
            async with yard.change() as change:
                await verbs.cancel_build(change, build.id)
            await asyncio.wait_for(working, 10)
        async with yard.house.database.read() as tx:
            assert "cancelled" == (await builds.get(tx, build.id)).status
        assert not list((yard.house.settings.data_dir / "builds").iterdir())


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/a.git", "http://[fe80::1]/a.git", "http://0.0.0.0/a.git"]
)
async def test_nothing_is_fetched_from_where_clouds_keep_their_credentials(tmp_path: Path, address: str):
    async def said(_line: str) -> None:
        raise AssertionError("git was started")

    with pytest.raises(GitFailed, match="nothing is fetched"):
        await git.fetch(address, "main", tmp_path, credential=None, said=said)


async def test_images_that_were_built_go_with_their_releases(yard: Yard, repository: GitServer):
    repository.commit({"Dockerfile": DOCKERFILE, "index.html": "first\n"})
    service, images = await sourced(yard, repository), []
    for number in range(3):
        repository.commit({"index.html": f"{number}\n"})
        done, _ = await built(yard, await asked(yard, service))
        images.append(str(done.image))
        await yard.live(service, kept=1)
    there = [await yard.engine.image(image) is not None for image in images]
    assert [False, False, True] == there
