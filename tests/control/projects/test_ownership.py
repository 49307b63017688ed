"""Two installations on one engine: neither takes what is the other's for its own."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from support.deployments import Yard, config, open_yard
from support.docker_engine import DockerEngine
from support.engines import Scratch

from monoize.base.clock import utc_now
from monoize.control.projects.actions import removals
from monoize.control.projects.actions.proxy import make_proxy
from monoize.control.projects.actions.reconcile import Reconciler
from monoize.control.projects.actions.removals import Remover
from monoize.control.projects.model.builds import Build
from monoize.control.projects.model.config import ServiceConfig, Volume
from monoize.control.projects.model.instances import ReleasePlan
from monoize.control.projects.model.ownership import Ours, bears
from monoize.control.projects.model.releases import Release
from monoize.control.projects.store import releases, services

ids = st.integers(1, 10**9)
plans = st.builds(
    ReleasePlan,
    project_id=ids,
    service_id=ids,
    service_name=st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True),
    release_id=ids,
    image_id=st.just("sha256:0"),
    config=st.just(ServiceConfig("app:1")),
    config_hash=st.just("0"),
    aliases=st.just(()),
    host_ports=st.just({0: {80: 20_000}}),
)
installations = st.from_regex("[0-9a-f]{12}", fullmatch=True)


def release(service_id: int, number: int) -> Release:
    return Release(
        *(number, service_id, number, "app:1", "sha256:0", None, {}, "0", {}),
        *(None, None, None, None, None, utc_now()),
    )


def build(service_id: int, id: int) -> Build:
    asked: Any = (id, 1, service_id, "https://example.com/a.git", "main", ".", "Dockerfile", {}, True, None, None)
    return Build(*asked, "queued", *(None,) * 5, False, 0, utc_now(), None, None)


def names(ours: Ours, plan: ReleasePlan) -> set[str]:
    """Of everything that the release comes to on an engine."""
    project, service, number = plan.project_id, plan.service_id, plan.release_id
    return {
        ours.network(project),
        ours.volume(project, service, "data"),
        ours.container(plan, 0),
        ours.task(plan, "hook-1"),
        ":".join(ours.pin(release(service, number))),
        ours.built(build(service, number), "0" * 40),
    }


def labels(ours: Ours, plan: ReleasePlan) -> list[dict[str, str]]:
    every = ours.of_project(plan.project_id), ours.of_service(plan.project_id, plan.service_id)
    return [dict(one) for one in (*every, ours.of_replica(plan, 0), ours.of_build(build(plan.service_id, 1)))]


@given(mine=installations, other=installations, one=plans, another=plans)
def test_no_name_and_no_label_of_an_installation_fits_another(
    mine: str, other: str, one: ReleasePlan, another: ReleasePlan
):
    ours, theirs = Ours(mine), Ours(other)
    asked = [
        dict(label.split("=", 1) for label in theirs.bearing(more))
        for more in ({}, {"monoize.service": one.service_id})
    ]

    for plan in (one, another):
        assert (mine == other) or not names(ours, plan) & names(theirs, one)
        for found in labels(ours, plan):
            assert (mine == other) or not any(bears(found, wanted) for wanted in asked)
    assert bears(ours.of_replica(one, 0), ours.of_service(one.project_id, one.service_id))
    assert 6 == len(names(ours, one)), "and all names of one are different"


async def seen_of(yard: Yard, service: int) -> Any:
    """Everything on the engine that this service is, as the engine tells of it."""
    engine, ours = yard.engine, yard.engine.ours
    networks = await engine.docker.networks({"label": ours.bearing()})
    return (
        [(one.container_id, one.name, one.state) for one in await engine.instances(service)],
        await engine.volumes_of(service),
        await engine.names_in(ours.repository(service)),
        sorted(str(one["Id"]) for one in networks),
        await yard.serves(service),
    )


async def test_what_another_installation_runs_is_not_touched_by_anything_we_do(
    sqlite: str, sqlite_scratch: Scratch, tmp_path: Path, docker_engine: DockerEngine
):
    second = sqlite_scratch.fresh()
    async with (
        open_yard(sqlite, tmp_path / "a", docker_engine.url) as theirs,
        open_yard(second, tmp_path / "b", docker_engine.url) as ours,
    ):
        wanted = config("app:1", volumes=(Volume("data", "/data"),))
        alike = [await yard.service(wanted, name="web") for yard in (theirs, ours)]
        for yard, service in zip((theirs, ours), alike, strict=True):
            await yard.live(service)
        assert [1, 1] == alike, "both databases count from one"
        before = await seen_of(theirs, 1)
        assert [1, 1, 1, 1] == [len(one) for one in before[:4]], "container, volume, image name, network"
        (container,) = before[0]

        # Deployments and the pruning of images.
        for image in ("app:2", "app:1", "app:2"):
            await ours.asks(1, image)
            await ours.live(1, kept=1)
        assert ({"2"}, before) == (await ours.serves(1), await seen_of(theirs, 1))

        # The reconciler, also once the service that bears the same id is gone from its database.
        reconciler = Reconciler(ours.house, ours.engine, make_proxy(ours.house))
        assert ([], []) == tuple(map(list, ((found := await reconciler.look()).acts, found.orphans)))
        assert container[0] not in {one.container_id for one in await ours.engine.instances()}

        # Their release, asked for by its id, and the removal of the project.
        await ours.engine.stop_release(1, 1, grace_s=0)
        await ours.engine.remove_release(1, 1)
        async with ours.change() as change:
            project = await services.get(change.tx, 1)
            await removals.remove_project(change, 1, name=project.project_name, with_volumes=True)
        await Remover(ours.house, ours.engine, make_proxy(ours.house)).carry_out()
        async with ours.house.database.read() as tx:
            assert await services.find(tx, 1) is None
            assert [] == list(await releases.newest(tx, 1))
        found = await reconciler.look()

        assert ([], []) == (list(found.acts), list(found.orphans))
        assert before == await seen_of(theirs, 1)
        (theirs_now,) = docker_engine.containers("monoize.managed=1")
        assert container[0] == theirs_now["Id"], "nothing of ours is left"
        # And they have nothing to see to.
        assert [] == list((await Reconciler(theirs.house, theirs.engine, make_proxy(theirs.house)).look()).acts)
    sqlite_scratch.done(second)
