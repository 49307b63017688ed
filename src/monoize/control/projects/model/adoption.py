"""What a container tells of the service that it was a replica of. Pure; `drivers.container_spec` told backwards.

For `actions.orphans`, which brings back a service whose rows are lost. Health, deploy terms, links and routes were
never the container's to tell: they are what is usual, or missing, until somebody says otherwise.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.control.projects.errors import NotAdoptable
from monoize.control.projects.model.config import IMAGE_MOST, Limits, Port, ServiceConfig, Volume, image_is_valid
from monoize.control.projects.model.env import KEY_FORM
from monoize.control.projects.model.instances import PIDS_UNSAID, Instance

_MIB: Final = 1024 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Labelled:
    """What the labels of a replica name; all replicas of its release together."""

    project_id: int
    service_id: int
    release_id: int
    config_hash: str
    replicas: Sequence[Instance]


def labelled(one: Instance, orphans: Sequence[Instance]) -> Labelled:
    """NotAdoptable unless it is a replica, and of the only release that is there of its service."""
    of_service = [each for each in orphans if each.service_id == one.service_id and each.task is None]
    if one.task is not None or None in (
        one.project_id,
        one.service_id,
        one.release_id,
        one.replica,
        one.config_hash,
    ):
        raise NotAdoptable(said="its labels do not say which release of which service it is a replica of")
    assert one.project_id is not None and one.service_id is not None
    assert one.release_id is not None and one.config_hash is not None
    others = sorted(each.name for each in of_service if each.release_id != one.release_id)
    if others:
        raise NotAdoptable(said=f"there are others of that service: remove {', '.join(others)} first")
    return Labelled(one.project_id, one.service_id, one.release_id, one.config_hash, of_service)


def config_told(
    container: Mapping[str, Any], image: Mapping[str, Any], named: str, found: Labelled, volume_prefix: str
) -> ServiceConfig:
    """`container` and `image` as the engine tells of them; `named` is what the image is called from now on."""
    said, host = container.get("Config") or {}, container.get("HostConfig") or {}
    command = said.get("Cmd")
    usual = (image.get("Config") or {}).get("Cmd")
    return ServiceConfig(
        image=named,
        command=None if not command or command == usual else tuple(command),
        ports=tuple(_ports(said, image, host, found.replicas)),
        volumes=tuple(
            Volume(
                str(mount["Source"]).removeprefix(volume_prefix),
                str(mount["Target"]),
                bool(mount.get("ReadOnly", False)),
            )
            for mount in host.get("Mounts") or ()
        ),
        limits=_limits(host),
        restart=(host.get("RestartPolicy") or {}).get("Name") or "no",
        replicas=1 + max(one.replica or 0 for one in found.replicas),
        stop_grace_s=int(said.get("StopTimeout") or 10),
    )


def image_name(image: Mapping[str, Any], pins: str) -> str:
    """What somebody calls it, or the name that we gave it ourselves. `pins`: the repository of those."""
    tags = [str(tag) for tag in image.get("RepoTags") or ()]
    theirs = [tag for tag in tags if not tag.startswith(f"{pins}:")]
    digests = [str(digest) for digest in image.get("RepoDigests") or ()]
    for name in (*sorted(theirs), *sorted(digests), *sorted(tags)):
        if len(name) <= IMAGE_MOST and image_is_valid(name):
            return name
    raise NotAdoptable(said="its image has no name that it could be fetched by")


def env_told(container: Mapping[str, Any], image: Mapping[str, Any]) -> Mapping[str, str]:
    """What it was given, less what its image says by itself."""
    given = (container.get("Config") or {}).get("Env") or ()
    usual = set((image.get("Config") or {}).get("Env") or ())
    pairs = (text.partition("=") for text in given if text not in usual)
    return {key: value for key, _, value in pairs if KEY_FORM.fullmatch(key)}


def _ports(
    said: Mapping[str, Any], image: Mapping[str, Any], host: Mapping[str, Any], replicas: Sequence[Instance]
) -> Sequence[Port]:
    published = {port for one in replicas for port in one.ports.values()}
    bound = host.get("PortBindings") or {}
    inside_only = set(said.get("ExposedPorts") or ()) - set((image.get("Config") or {}).get("ExposedPorts") or ())
    found = []
    for name, bindings in sorted({**dict.fromkeys(inside_only), **bound}.items()):
        inside, _, protocol = name.partition("/")
        fixed = [
            (str(each.get("HostIp") or "0.0.0.0"), int(each["HostPort"]))  # noqa: S104 - what the engine means by it
            for each in bindings or ()
            if str(each.get("HostPort") or "").isdecimal() and int(each["HostPort"]) not in published
        ]
        bind, shown = fixed[0] if fixed else ("127.0.0.1", None)
        found.append(Port(int(inside), shown, "udp" if protocol == "udp" else "tcp", bind))
    return found


def _limits(host: Mapping[str, Any]) -> Limits:
    memory, cpus, pids = (int(host.get(name) or 0) for name in ("Memory", "NanoCpus", "PidsLimit"))
    return Limits(
        memory_mb=memory // _MIB if memory else None,
        cpus=cpus / 1_000_000_000 if cpus else None,
        pids=pids if pids > 0 and pids != PIDS_UNSAID else None,
    )
