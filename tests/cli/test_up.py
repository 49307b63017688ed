"""A project's file and the plan that is made of it; that it is carried out is shown by `bin/prove projects`."""

import contextlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.errors import StartupProblem
from monoize.cli.project_file import NotAsItMustBe, ProjectFile, parsed
from monoize.cli.up_plan import MASK, Plan, Seen, SeenService, planned
from monoize.infra.settings import load

SHOP = """
project = "shop"
[services.web]
image = "app:1"
ports = [8080, "80:8081", { container = 53, protocol = "udp" }]
volumes = ["data:/data:ro"]
env = { COLOUR = "blue" }
secrets = ["TOKEN"]
links = ["db"]
environment = "live"
limits = { memory_mb = 64 }
health = { path = "/up" }
routes = ["shop.example.com", { domain = "shop.example.com", path = "/api", tls = true }]
[services.db]
image = "db:1"
"""


def file(text: str = SHOP) -> ProjectFile:
    return parsed(tomllib.loads(text))


def nothing(**changes: Any) -> Seen:
    return Seen(**{"project": None, "services": {}, "environments": {"live": 7}, "registries": {}, **changes})


def as_planned(plan: Plan, **changes: Any) -> Seen:
    """What a server has once the plan was carried out."""
    services: dict[str, SeenService] = {}
    usual: dict[str, Any] = {
        "command": None,
        "ports": [],
        "volumes": [],
        "limits": {"memory_mb": None, "cpus": None, "pids": None},
        "health": {"kind": "tcp", "path": "/", "within_s": 60},
        "replicas": 1,
    }
    for number, step in enumerate(plan.steps, 1):
        if step.kind == "service":
            config = {name: step.body.get(name, usual[name]) for name in usual} | {"image": step.body["image"]}
            config["limits"] = {**usual["limits"], **step.body.get("limits", {})}
            config["health"] = {**usual["health"], **step.body.get("health", {})}
            config["ports"] = [
                {"host": None, "protocol": "tcp", "bind": "127.0.0.1", **port}
                for port in step.body.get("ports", [])
            ]
            rest = {"env": step.body.get("env", {}), "environment_id": step.body.get("environment_id")}
            service = {"id": number, "release_id": 1, "registry_id": None, "description": None, **rest}
            services[step.name] = SeenService({**service, "config": config}, {"TOKEN"}, [], [])
    for step in plan.steps:
        if step.kind == "links":
            services[step.name] = dataclasses_replace(services[step.name], links=set(step.body["targets"]))
        if step.kind == "route":
            before = services[step.service]
            route = {"id": 1, "port": 8080, "options": {"body_mb": 50}, **step.body}
            services[step.service] = dataclasses_replace(before, routes=[*before.routes, route])
    return nothing(project={"id": 1, "description": None}, services=services, **changes)


def dataclasses_replace(seen: SeenService, **changes: Any) -> SeenService:
    values = {name: getattr(seen, name) for name in ("service", "variables", "links", "routes")}
    return SeenService(**{**values, **changes})


def told(plan: Plan) -> list[str]:
    return [f"{step.sign} {step.kind} {step.name}" for step in plan.steps]


def test_on_an_empty_server_all_of_it_is_made_and_deployed_in_the_order_of_links():
    plan = planned(file(), nothing(), prune=False)

    assert [
        "+ project shop",
        "+ service web",
        "~ links web",
        "+ service db",
        "+ route shop.example.com/",
        "+ route shop.example.com/api",
    ] == told(plan)
    assert (["db", "web"], {"web": ["TOKEN"]}) == (plan.deploys, plan.missing)
    web = plan.steps[1].body
    assert [{"container": 8080}, {"container": 8081, "host": 80}, {"container": 53, "protocol": "udp"}] == web[
        "ports"
    ]
    assert ([{"source": "data", "target": "/data", "read_only": True}], 7) == (
        web["volumes"],
        web["environment_id"],
    )
    assert {"kind": "http", "path": "/up"} == web["health"]


def test_what_was_carried_out_is_not_planned_again():
    done = as_planned(planned(file(), nothing(), prune=True))

    again = planned(file(), done, prune=True)

    assert ([], [], {}) == (told(again), list(again.deploys), dict(again.missing))


@pytest.mark.parametrize(
    ("before", "after", "step", "field"),
    [
        ('image = "app:1"', 'image = "app:2"', "~ service web", "image"),
        ('"blue"', '"red"', "~ service web", "env"),
        ("memory_mb = 64", "memory_mb = 65", "~ service web", "limits"),
        ('"/up"', '"/health"', "~ service web", "health"),
        ('"80:8081", ', "", "~ service web", "ports"),
        ('links = ["db"]', "links = []", "~ links web", "links"),
        ("tls = true", "tls = false", "~ route shop.example.com/api", "tls"),
    ],
)
def test_each_change_of_the_file_is_one_step_that_names_it(before: str, after: str, step: str, field: str):
    done = as_planned(planned(file(), nothing(), prune=False))
    assert before in SHOP

    plan = planned(file(SHOP.replace(before, after)), done, prune=False)

    assert ([step], [field]) == (told(plan), [change.field for change in plan.steps[0].changes])
    assert (plan.deploys == ["web"]) == (not step.startswith("~ route"))
    assert {"memory_mb": 65, "cpus": None, "pids": None} == plan.steps[0].body.get(
        "limits", {"memory_mb": 65, "cpus": None, "pids": None}
    )


def test_a_value_that_the_server_hides_is_taken_as_unchanged_and_said_to_be():
    with_key = SHOP.replace('COLOUR = "blue"', 'COLOUR = "blue", API_KEY = "k"')
    done = as_planned(planned(file(with_key), nothing(), prune=False))
    done.services["web"].service["env"] = {"COLOUR": "blue", "API_KEY": MASK}

    plan = planned(file(with_key), done, prune=False)

    assert ([], {"web": ["API_KEY"]}) == (told(plan), plan.hidden)


def test_what_the_file_does_not_name_goes_only_when_it_is_pruned():
    done = as_planned(planned(file(), nothing(), prune=False))
    only_db = file('project = "shop"\n[services.db]\nimage = "db:1"\n[services.web2]\nimage = "x:1"\nroutes = []')

    assert ["+ service web2"] == told(planned(only_db, done, prune=False))
    assert ["+ service web2", "- service web"] == told(planned(only_db, done, prune=True))
    fewer = SHOP.replace(', { domain = "shop.example.com", path = "/api", tls = true }', "")
    assert ["- route shop.example.com/api"] == told(planned(file(fewer), done, prune=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services = {}", "project = NAME"),
        ('project = ""', "must be text"),
        ('project = "a"\n[services.web]', "no image"),
        ('project = "a"\n[services.web]\nimage = "a"\nreplica = 1', "did you mean replicas"),
        ('project = "a"\n[services.web]\nimage = "a"\nports = ["a"]', "not a port"),
        ('project = "a"\n[services.web]\nimage = "a"\nports = 80', "must be a list"),
        ('project = "a"\n[services.web]\nimage = "a"\nlimits = { memory = 1 }', "knows no memory"),
        ('project = "a"\n[services.web]\nimage = "a"\nroutes = [{ path = "/" }]', "no domain"),
        ('project = "a"\n[services.web]\nimage = "a"\nlinks = ["nobody"]', "no service nobody"),
        ('project = "a"\n[services.web]\nimage = "a"\nenvironment = "nowhere"', "no environment nowhere"),
    ],
)
def test_what_no_project_can_be_made_of_is_refused_with_its_place(text: str, said: str):
    with pytest.raises(NotAsItMustBe, match=said):
        planned(file(text), nothing(), prune=False)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["image", "ports", "volumes", "routes", "links", "secrets", "health", "limits", "env"])


@given(st.dictionaries(names, documents, max_size=4))
def test_whatever_stands_in_a_file_it_is_read_or_refused(service: dict[str, Any]):
    with contextlib.suppress(NotAsItMustBe):
        parsed({"project": "shop", "services": {"web": {"image": "app:1", **service}}})


def test_a_server_does_not_take_the_file_of_a_project_for_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "monoize.toml").write_text(SHOP)
    monkeypatch.chdir(tmp_path)

    assert 8080 == load({}).settings.port
    with pytest.raises(StartupProblem, match="what a project is made of"):
        load({}, tmp_path / "monoize.toml")
