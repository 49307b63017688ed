"""What of an engine is ours: the names and labels of one installation. Pure.

Ids of rows begin at one in every database, so names and labels made of them alone would be the same for each
installation that shares an engine. All of these hold the installation's own id; what bears another one, or none, is
somebody else's. `drivers.engine` makes and looks for nothing but by these.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

from monoize.control.projects.model.builds import Build
from monoize.control.projects.model.instances import (
    BUILD,
    CONFIG,
    INSTALLATION,
    MANAGED,
    PORTS,
    PROJECT,
    RELEASE,
    REPLICA,
    SERVICE,
    ReleasePlan,
)
from monoize.control.projects.model.releases import Release

_NONE: Final[Mapping[str, object]] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Ours:
    installation: str

    # Names, which an engine gives once only

    def network(self, project_id: int) -> str:
        return f"monoize-{self.installation}-p{project_id}"

    def volume(self, project_id: int, service_id: int, name: str) -> str:
        """Named volumes belong to a service. Without a name: how all of them begin."""
        return f"{self.network(project_id)}-s{service_id}-{name}"

    def container(self, plan: ReleasePlan, replica: int) -> str:
        return f"{self._release(plan)}-{replica}"

    def task(self, plan: ReleasePlan, task: str) -> str:
        return f"{self._release(plan)}-task-{task}"

    def repository(self, service_id: int) -> str:
        """Of all images of a service that bear a name of ours."""
        return f"monoize/{self.installation}/service-{service_id}"

    def pin(self, release: Release) -> tuple[str, str]:
        """The repository and tag that keep an image from being pruned, by us or by anybody else."""
        return self.repository(release.service_id), f"r{release.number}"

    def built(self, build: Build, commit_id: str) -> str:
        """An image that we built: its service, its commit, and the build, so that no name is given twice."""
        return f"{self.repository(build.service_id)}:{commit_id[:12]}-{build.id}"

    # Labels

    @property
    def label(self) -> Mapping[str, str]:
        return {MANAGED: "1", INSTALLATION: self.installation}

    def of_project(self, project_id: int) -> Mapping[str, str]:
        return {**self.label, PROJECT: str(project_id)}

    def of_service(self, project_id: int, service_id: int) -> Mapping[str, str]:
        return {**self.of_project(project_id), SERVICE: str(service_id)}

    def of_build(self, build: Build) -> Mapping[str, str]:
        """Of an image, whose labels all containers made from it inherit: so it does not say that we run them."""
        return {INSTALLATION: self.installation, BUILD: str(build.id)}

    def of_replica(self, plan: ReleasePlan, replica: int) -> Mapping[str, str]:
        published = plan.host_ports.get(replica, {})
        return {
            **self.of_service(plan.project_id, plan.service_id),
            RELEASE: str(plan.release_id),
            REPLICA: str(replica),
            CONFIG: plan.config_hash,
            PORTS: ",".join(f"{container}:{host}" for container, host in sorted(published.items())),
        }

    def bearing(self, more: Mapping[str, object] = _NONE) -> Sequence[str]:
        """What to ask an engine for: everything of ours, or of that what bears these labels as well."""
        return [f"{name}={value}" for name, value in {**self.label, **more}.items()]

    def _release(self, plan: ReleasePlan) -> str:
        return f"monoize-{self.installation}-{plan.service_name}-s{plan.service_id}-r{plan.release_id}"


def bears(labels: Mapping[str, str] | None, wanted: Mapping[str, str]) -> bool:
    """Whether something has all these labels: a name alone makes nothing ours."""
    return wanted.items() <= (labels or {}).items()
