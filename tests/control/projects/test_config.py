"""What may be a service: names of images, ports, volumes, and what of the machine may be mounted."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.base.errors import Refusal
from monoize.control.projects.model import ports as port_rules
from monoize.control.projects.model.config import (
    Health,
    Limits,
    Port,
    ServiceConfig,
    Volume,
    as_json,
    check,
    config_hash,
    folder_allowed,
    health_port,
    image_is_valid,
    of_json,
)
from monoize.control.projects.model.terms import DeployTerms

PLAIN = ServiceConfig(image="app:1", ports=(Port(80), Port(53, host=5353, protocol="udp")))

configs = st.builds(
    ServiceConfig,
    image=st.sampled_from(["app", "ghcr.io/a/b:1"]),
    command=st.none() | st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple),
    ports=st.lists(st.builds(Port, st.integers(1, 65_535), st.none() | st.integers(1, 65_535))).map(tuple),
    volumes=st.lists(st.builds(Volume, st.just("data"), st.just("/data"), st.booleans())).map(tuple),
    limits=st.builds(Limits, st.none() | st.integers(6, 100), st.none() | st.sampled_from([0.5, 2.0])),
    health=st.builds(Health, st.sampled_from(["http", "tcp", "none"])),
    replicas=st.integers(1, 20),
    deploy=st.builds(DeployTerms, st.none() | st.just(("true",))),
)


@given(configs)
def test_what_is_kept_of_a_configuration_is_the_configuration(config: ServiceConfig):
    assert config == of_json(as_json(config))
    assert config_hash(config) == config_hash(of_json(as_json(config)))


@pytest.mark.parametrize(
    "image",
    ["app", "app:1", "a/b/c:v1.2-x", "ghcr.io/owner/app:1", "127.0.0.1:5000/app", f"app@sha256:{'0' * 64}"],
)
def test_names_of_images(image: str):
    assert image_is_valid(image)


@pytest.mark.parametrize(
    "image",
    [
        "",
        "App",
        "-v",
        "--privileged",
        "app:",
        "app:.x",
        "app:1:2",
        "a b",
        "a\nb",
        "app;rm -rf /",
        "$(id)",
        "`id`",
        "app?tag=x",
        "app#x",
        "app&fromSrc=-",
        "../../app",
        "a//b",
        "/app",
        "app/",
        "http://host/app",
        "app@sha256:00",
        f"app@md5:{'0' * 64}",
        "app\x00",
        "%2e%2e/app",
        "a" * 501,
        "äpp",
    ],
)
def test_what_is_no_name_of_an_image(image: str):
    assert not image_is_valid(image)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ports": (Port(80), Port(80))}, "port_twice"),
        ({"ports": (Port(80, host=9000), Port(81, host=9000))}, "port_twice"),
        ({"ports": (Port(80, host=9000),), "replicas": 2}, "replicas_share_port"),
        ({"ports": (Port(80, host=80),)}, "privileged_port"),
        ({"volumes": (Volume("a", "/x"), Volume("b", "/x/"))}, "volume_target_twice"),
        ({"volumes": (Volume("a", "/"),)}, "mount_not_allowed"),
        ({"volumes": (Volume("a", "/proc"),)}, "mount_not_allowed"),
        ({"volumes": (Volume("a", "//"),)}, "mount_not_allowed"),
        ({"volumes": (Volume("a", "//proc/./sys/"),)}, "mount_not_allowed"),
        ({"volumes": (Volume("a", "/sys/fs/cgroup"),)}, "mount_not_allowed"),
        ({"volumes": (Volume("a", "/x"), Volume("b", "//x"))}, "volume_target_twice"),
        ({"volumes": (Volume("a", "/x/../proc"),)}, "mount_not_allowed"),
        ({"volumes": (Volume("/srv", "/x"),)}, "mount_not_allowed"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, object], code: str):
    with pytest.raises(Refusal) as refused:
        check(dataclasses.replace(PLAIN, **changes), is_admin=False)  # type: ignore[arg-type]
    assert code == refused.value.code


def test_administrators_may_give_low_ports_and_mount_folders():
    check(dataclasses.replace(PLAIN, ports=(Port(80, host=80),), volumes=(Volume("/srv", "/x"),)), is_admin=True)


@pytest.mark.parametrize(
    ("resolved", "allowed"), [("/srv/a", True), ("/srv", True), ("/srvx", False), ("/", False), ("/etc", False)]
)
def test_a_folder_is_one_of_the_allowed_or_within_one(resolved: str, allowed: bool):
    assert allowed == folder_allowed(resolved, ["/srv", "/"])


def test_the_first_port_of_tcp_is_looked_at_unless_another_is_named():
    assert 80 == health_port(PLAIN)
    assert 81 == health_port(dataclasses.replace(PLAIN, health=Health(port=81)))
    assert health_port(dataclasses.replace(PLAIN, health=Health("none"))) is None
    assert health_port(ServiceConfig(image="worker")) is None


@given(st.integers(1, 10**9), st.sets(st.integers(port_rules.FIRST, port_rules.LAST), max_size=50))
def test_every_replica_gets_ports_of_its_own_that_nobody_holds(release: int, taken: set[int]):
    config = dataclasses.replace(PLAIN, ports=(Port(80), Port(81)), replicas=3)

    chosen = port_rules.choose(config, {0: {80: 20_000}}, taken, lambda port: port % 2 == 0, start=release)

    assert {(0, 81), (1, 80), (1, 81), (2, 80), (2, 81)} == set(chosen)
    assert len(set(chosen.values())) == len(chosen)
    assert not taken & set(chosen.values())
    assert all(port_rules.FIRST <= port <= port_rules.LAST and port % 2 == 0 for port in chosen.values())
