"""Valid requests for the changing endpoints of the room `projects`; `mutations` takes them along."""

import functools
from typing import Any, Final

from fakes.registry import PASSWORD, USERNAME, Registry

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.projects.model.repositories import repository_key
from monoize.control.projects.store import projects, releases, services, sources
from support.mutations import Request, Scene, valid

SERVICE = {"name": "web", "image": "busybox:test", "ports": [{"container": 80}], "deploy": {"drain_s": 0}}

REPOSITORY = "https://git.example.com/shop/web.git"


async def project_of(scene: Scene) -> int:
    return int((await scene.created("/api/projects", name="shop"))["id"])


async def service_of(scene: Scene, **fields: object) -> int:
    """A service that nobody has started."""
    made = await scene.created(
        f"/api/projects/{await project_of(scene)}/services", **{**SERVICE, "start": False, **fields}
    )
    return int(made["service"]["id"])


async def running_service_of(scene: Scene) -> int:
    scene.engine.needed()
    service = await service_of(scene, start=True)
    for deployer in scene.house.app.state.projects.workers.deployers[:1]:
        await deployer.drain()
    return service


@valid("POST /api/projects")
async def create_project(scene: Scene) -> Request:
    body = {"name": "Shop 1", "description": "what we sell"}
    return Request(await scene.root(), "/api/projects", (("project.create", "user:root", "project"),), body)


@valid("PATCH /api/projects/{project_id}")
async def update_project(scene: Scene) -> Request:
    path = f"/api/projects/{await project_of(scene)}"
    return Request(
        await scene.root(),
        path,
        (("project.update", "user:root", "project"),),
        {"name": "store", "description": None},
    )


@valid("DELETE /api/projects/{project_id}")
async def delete_project(scene: Scene) -> Request:
    path = f"/api/projects/{await project_of(scene)}"
    rows = (("project.delete", "user:root", "project"),)
    return Request(await scene.root(), path, rows, {"name": "shop", "with_volumes": True})


@valid("POST /api/projects/{project_id}/services")
async def create_service(scene: Scene) -> Request:
    path = f"/api/projects/{await project_of(scene)}/services"
    body = await full_service(scene)
    return Request(await scene.root(), path, (("service.create", "user:root", "service"),), {**body, "start": True})


async def full_service(scene: Scene) -> dict[str, object]:
    """With every field that there is."""
    environment = await scene.created("/api/environments", name="live", kind="production")
    return {
        **SERVICE,
        "command": ["httpd", "-f"],
        "volumes": [{"source": "data", "target": "/data", "read_only": True}],
        "limits": {"memory_mb": 64, "cpus": 0.5, "pids": 100},
        "restart": "on-failure",
        "health": {"kind": "http", "path": "/healthz", "timeout_s": 2.5, "within_s": 30},
        "replicas": 2,
        "stop_grace_s": 5,
        "deploy": {"hook": ["true"], "drain_s": 1, "timeout_s": 60},
        "env": {"GREETING": "hello"},
        "registry_id": await registry_of(scene),
        "environment_id": environment["id"],
        "description": "the front",
    }


@valid("PATCH /api/services/{service_id}")
async def update_service(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}"
    rows = (("service.update", "user:root", "service"),)
    body = {**await full_service(scene), "image": "busybox:2", "command": None, "redeploy": False}
    return Request(await scene.root(), path, rows, body)


@valid("DELETE /api/services/{service_id}")
async def delete_service(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}"
    rows = (("service.delete", "user:root", "service"),)
    return Request(await scene.root(), path, rows, {"name": "web", "with_volumes": False})


@valid("POST /api/services/{service_id}/start")
async def start_service(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}/start"
    return Request(await scene.root(), path, (("service.start", "user:root", "service"),))


@valid("POST /api/services/{service_id}/stop")
async def stop_service(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}/stop"
    return Request(await scene.root(), path, (("service.stop", "user:root", "service"),))


@valid("POST /api/services/{service_id}/restart")
async def restart_service(scene: Scene) -> Request:
    path = f"/api/services/{await running_service_of(scene)}/restart"
    return Request(await scene.root(), path, (("service.restart", "user:root", "service"),))


@valid("POST /api/services/{service_id}/unlock")
async def unlock_service(scene: Scene) -> Request:
    service = await service_of(scene)
    async with scene.house.house.database.write() as tx:
        await services.change(tx, service, {"crash_looping": True, "restart_count": 5})
    path = f"/api/services/{service}/unlock"
    return Request(await scene.root(), path, (("service.unlock", "user:root", "service"),))


@valid("POST /api/services/{service_id}/probe")
async def probe_service(scene: Scene) -> Request:
    """A look changes nothing but what is known."""
    scene.engine.needed()
    return Request(await scene.root(), f"/api/services/{await service_of(scene)}/probe", ())


@valid("POST /api/services/{service_id}/exec")
async def run_command(scene: Scene) -> Request:
    path = f"/api/services/{await running_service_of(scene)}/exec"
    rows = (("service.exec", "user:root", "service"),)
    return Request(await scene.root(), path, rows, {"command": ["true"], "replica": 0, "timeout_s": 5})


@valid("PUT /api/services/{service_id}/links")
async def put_links(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}/links"
    return Request(await scene.root(), path, (("service.link", "user:root", "service"),), {"targets": []})


@valid("POST /api/removals/{removal_id}/forget")
async def forget_removal(scene: Scene) -> Request:
    root = await scene.root()
    service = await service_of(scene)
    removal = await root.request("DELETE", f"/api/services/{service}", json={"name": "web"})
    path = f"/api/removals/{removal.json()['id']}/forget"
    return Request(root, path, (("removal.forget", "user:root", "removal"),))


async def registry_of(scene: Scene, server: str = "ghcr.io") -> int:
    body = {"name": "ours", "type": "generic", "server": server, "username": USERNAME, "password": PASSWORD}
    return int((await scene.created("/api/registries", **body))["id"])


@valid("POST /api/registries")
async def create_registry(scene: Scene) -> Request:
    body = {"name": "ours", "type": "ghcr", "server": "ghcr.io", "username": "robot", "password": "let me in"}
    return Request(await scene.root(), "/api/registries", (("registry.create", "user:root", "registry"),), body)


@valid("PATCH /api/registries/{registry_id}")
async def update_registry(scene: Scene) -> Request:
    path = f"/api/registries/{await registry_of(scene)}"
    rows = (("registry.update", "user:root", "registry"),)
    body = {"name": "theirs", "server": "quay.io", "username": "another", "password": "another one"}
    return Request(await scene.root(), path, rows, body)


@valid("DELETE /api/registries/{registry_id}")
async def delete_registry(scene: Scene) -> Request:
    path = f"/api/registries/{await registry_of(scene)}"
    return Request(await scene.root(), path, (("registry.delete", "user:root", "registry"),))


@valid("POST /api/registries/{registry_id}/test")
async def log_in_to_registry(scene: Scene) -> Request:
    """A trial changes nothing."""
    scene.engine.needed()
    path = f"/api/registries/{await registry_of(scene, _registry().host)}/test"
    return Request(await scene.root(), path, ())


@valid("DELETE /api/orphans/{container_id}")
async def remove_orphan(scene: Scene) -> Request:
    scene.engine.needed()
    engine = scene.house.app.state.projects.engine
    config = {"Image": "busybox:test", "Labels": engine.ours.label, "HostConfig": {"NetworkMode": "none"}}
    orphan = await engine.docker.create_container(f"orphan-{new_id()}", config)
    rows = (("orphan.remove", "user:root", "container"),)
    return Request(await scene.root(), f"/api/orphans/{orphan}", rows)


@valid("POST /api/orphans/{container_id}/adopt")
async def adopt_orphan(scene: Scene) -> Request:
    service = await running_service_of(scene)
    engine = scene.house.app.state.projects.engine
    (replica,) = await engine.instances(service)
    async with scene.house.house.database.write() as tx:
        await projects.remove(tx, replica.project_id)
    rows = (("orphan.adopt", "user:root", "service"),)
    path = f"/api/orphans/{replica.container_id}/adopt"
    return Request(await scene.root(), path, rows, {"name": "web", "project": "shop"})


async def backup_of(scene: Scene) -> str:
    return str((await scene.created("/api/backups"))["name"])


@valid("POST /api/backups")
async def make_backup(scene: Scene) -> Request:
    return Request(await scene.root(), "/api/backups", (("backup.create", "user:root", "backup"),))


@valid("DELETE /api/backups/{backup}")
async def delete_backup(scene: Scene) -> Request:
    rows = (("backup.delete", "user:root", "backup"),)
    return Request(await scene.root(), f"/api/backups/{await backup_of(scene)}", rows)


@valid("POST /api/backups/{backup}/restore")
async def lay_backup_ready(scene: Scene) -> Request:
    rows = (("backup.stage", "user:root", "backup"),)
    return Request(await scene.root(), f"/api/backups/{await backup_of(scene)}/restore", rows)


@valid("DELETE /api/backups/laid-ready")
async def discard_restore(scene: Scene) -> Request:
    root = await scene.root()
    await root.post(f"/api/backups/{await backup_of(scene)}/restore")
    return Request(root, "/api/backups/laid-ready", (("backup.discard", "user:root", "backup"),))


@functools.cache
def _registry() -> Registry:
    """One for the whole run; its thread ends with the process."""
    return Registry().__enter__()


async def asked_of(scene: Scene, path: str, **body: object) -> dict[str, Any]:
    """Something that root has asked for, and that nobody has begun."""
    answer = await (await scene.root()).post(path, json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()


async def source_of(scene: Scene) -> int:
    """A service that is built from a repository."""
    service = await service_of(scene)
    root = await scene.root()
    answer = await root.put(f"/api/services/{service}/source", json={"repository": REPOSITORY})
    assert answer.status_code == 200, answer.text
    return service


@valid("POST /api/services/{service_id}/deployments")
async def deploy_service(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}/deployments"
    rows = (("deployment.request", "user:root", "deployment"),)
    return Request(await scene.root(), path, rows, {"image": "busybox:2", "reason": "it is better"})


@valid("POST /api/services/{service_id}/rollback")
async def roll_back(scene: Scene) -> Request:
    service = await service_of(scene)
    release = {
        "image": "busybox:1",
        "image_id": "sha256:1",
        "config": {},
        "config_hash": "1",
        "secret_versions": {},
    }
    async with scene.house.house.database.write() as tx:
        served = await releases.add(tx, service, {**release, "env_sealed": "sealed"})
        await releases.became(tx, served.id, {"proven_at": utc_now()})
    rows = (("deployment.roll_back", "user:root", "deployment"),)
    return Request(
        await scene.root(), f"/api/services/{service}/rollback", rows, {"release": 1, "reason": "It was better."}
    )


@valid("POST /api/deployments/{deployment_id}/cancel")
async def cancel_deployment(scene: Scene) -> Request:
    asked = await asked_of(scene, f"/api/services/{await service_of(scene)}/deployments")
    rows = (("deployment.cancel", "user:root", "deployment"),)
    return Request(await scene.root(), f"/api/deployments/{asked['id']}/cancel", rows)


@valid("PUT /api/services/{service_id}/source")
async def put_source(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}/source"
    body = {
        "repository": REPOSITORY,
        "branch": "release/1",
        "context": "app",
        "dockerfile": "Dockerfile",
        "build_args": {"GREETING": "hello"},
        "auto_deploy": True,
        "credential": "let me in",
    }
    return Request(await scene.root(), path, (("source.put", "user:root", "service"),), body)


@valid("DELETE /api/services/{service_id}/source")
async def delete_source(scene: Scene) -> Request:
    path = f"/api/services/{await source_of(scene)}/source"
    return Request(await scene.root(), path, (("source.delete", "user:root", "service"),))


@valid("POST /api/services/{service_id}/builds")
async def start_build(scene: Scene) -> Request:
    path = f"/api/services/{await source_of(scene)}/builds"
    rows = (("build.request", "user:root", "build"),)
    return Request(await scene.root(), path, rows, {"ref": "main", "deploy": False, "reason": "to see it"})


@valid("POST /api/builds/{build_id}/cancel")
async def cancel_build(scene: Scene) -> Request:
    asked = await asked_of(scene, f"/api/services/{await source_of(scene)}/builds")
    rows = (("build.cancel", "user:root", "build"),)
    return Request(await scene.root(), f"/api/builds/{asked['id']}/cancel", rows)


@valid("POST /api/projects/{project_id}/webhook")
async def rotate_webhook(scene: Scene) -> Request:
    path = f"/api/projects/{await project_of(scene)}/webhook"
    return Request(await scene.root(), path, (("webhook.rotate", "user:root", "project"),))


@valid("DELETE /api/projects/{project_id}/webhook")
async def delete_webhook(scene: Scene) -> Request:
    path = f"/api/projects/{await project_of(scene)}/webhook"
    await scene.created(path)
    return Request(await scene.root(), path, (("webhook.delete", "user:root", "project"),))


@valid("POST /api/projects/{project_id}/webhook/deliveries/{delivery_id}/replay")
async def replay_delivery(scene: Scene) -> Request:
    service, root = await service_of(scene), await scene.root()
    source = {"repository": REPOSITORY, "branch": "main", "auto_deploy": True}
    await root.put(f"/api/services/{service}/source", json=source)
    project = (await root.get(f"/api/services/{service}")).json()["project_id"]
    push = {"repository": repository_key(REPOSITORY), "branch": "main", "commit_id": "a" * 40}
    async with scene.house.house.database.write() as tx:
        came = {"event": "push", "outcome": "ignored", "reason": "nobody knew it"}
        id = await sources.add_delivery(tx, project, new_id(), {**push, **came})
    rows = (("webhook.replay", "user:root", "project"),)
    return Request(root, f"/api/projects/{project}/webhook/deliveries/{id}/replay", rows)


VARIABLES: Final = {"API_TOKEN": {"value": "between us", "is_secret": True}}


async def service_with_secret(scene: Scene) -> int:
    service, root = await service_of(scene), await scene.root()
    for value in ("first", "second"):
        body = {"values": {"API_TOKEN": {"value": value}}}
        assert (await root.put(f"/api/services/{service}/secrets", json=body)).status_code == 200
    return service


@valid("PUT /api/services/{service_id}/secrets")
async def put_secrets(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}/secrets"
    body = {"values": VARIABLES, "replace": True, "redeploy": True}
    return Request(await scene.root(), path, (("secret.put", "user:root", "service"),), body)


@valid("DELETE /api/services/{service_id}/secrets/{key}")
async def delete_secret(scene: Scene) -> Request:
    path = f"/api/services/{await service_with_secret(scene)}/secrets/API_TOKEN"
    return Request(await scene.root(), path, (("secret.delete", "user:root", "service"),))


@valid("POST /api/services/{service_id}/secrets/{key}/restore")
async def restore_secret(scene: Scene) -> Request:
    path = f"/api/services/{await service_with_secret(scene)}/secrets/API_TOKEN/restore"
    return Request(await scene.root(), path, (("secret.restore", "user:root", "service"),), {"version": 1})


async def environment_of(scene: Scene, name: str = "shared") -> int:
    return int((await scene.created("/api/environments", name=name, kind="production"))["id"])


@valid("POST /api/environments")
async def create_environment(scene: Scene) -> Request:
    parent = await environment_of(scene, "parent")
    body = {"name": "shared", "kind": "staging", "description": "for all", "inherits_id": parent}
    rows = (("environment.create", "user:root", "environment"),)
    return Request(await scene.root(), "/api/environments", rows, body)


@valid("PATCH /api/environments/{environment_id}")
async def update_environment(scene: Scene) -> Request:
    parent = await environment_of(scene, "parent")
    path = f"/api/environments/{await environment_of(scene)}"
    body = {"name": "other", "kind": "staging", "description": None, "inherits_id": parent}
    return Request(await scene.root(), path, (("environment.update", "user:root", "environment"),), body)


@valid("DELETE /api/environments/{environment_id}")
async def delete_environment(scene: Scene) -> Request:
    path = f"/api/environments/{await environment_of(scene)}"
    return Request(await scene.root(), path, (("environment.delete", "user:root", "environment"),))


@valid("PUT /api/environments/{environment_id}/variables")
async def put_variables(scene: Scene) -> Request:
    path = f"/api/environments/{await environment_of(scene)}/variables"
    rows = (("environment.put_variables", "user:root", "environment"),)
    return Request(await scene.root(), path, rows, {"values": VARIABLES})


@valid("DELETE /api/environments/{environment_id}/variables/{key}")
async def delete_variable(scene: Scene) -> Request:
    path, root = f"/api/environments/{await environment_of(scene)}/variables", await scene.root()
    assert (await root.put(path, json={"values": VARIABLES})).status_code == 200
    rows = (("environment.delete_variable", "user:root", "environment"),)
    return Request(root, f"{path}/API_TOKEN", rows)


@valid("PUT /api/lockdown")
async def lock_down(scene: Scene) -> Request:
    rows = (("lockdown.begin", "user:root", "lockdown"),)
    return Request(await scene.root(), "/api/lockdown", rows, {"reason": "an intruder"})


@valid("DELETE /api/lockdown")
async def lift_lockdown(scene: Scene) -> Request:
    root = await scene.root()
    assert (await root.put("/api/lockdown", json={"reason": "an intruder"})).status_code == 200
    return Request(root, "/api/lockdown", (("lockdown.lift", "user:root", "lockdown"),))
