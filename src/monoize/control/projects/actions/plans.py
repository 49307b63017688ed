"""What a release needs to run, together: its configuration as it was, its environment opened, its ports claimed.

Deployments start releases with it, the reconciler brings back what is missing of the one that serves.
"""

from monoize.control.projects.actions import effective, links, ports
from monoize.control.projects.model import config as configs
from monoize.control.projects.model.instances import ReleasePlan, aliases_of
from monoize.control.projects.store import releases, services
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


async def plan_of(tx: Tx, seal: Seal, release_id: int) -> ReleasePlan:
    """Needs a writing transaction, since ports are claimed. SecretUnreadable when its environment does not open."""
    release = await releases.get(tx, release_id)
    service = await services.get(tx, release.service_id)
    config = configs.of_json(release.config)
    # What a service says itself counts more than what a link says for it.
    env = {
        **await links.link_env(tx, service.id),
        **effective.open_env(seal, service.id, await releases.env_sealed(tx, release.id)),
    }
    return ReleasePlan(
        project_id=service.project_id,
        service_id=service.id,
        service_name=service.name,
        release_id=release.id,
        image_id=release.image_id,
        config=config,
        config_hash=release.config_hash,
        aliases=aliases_of(service.name, service.project_name),
        host_ports=await ports.claim(tx, service.id, release.id, config),
        env=env,
    )
