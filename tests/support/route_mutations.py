"""Valid requests for what leads to services: routes, domains, certificates; `mutations` takes them along."""

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

from fakes.cloudflare import TOKEN, running_cloudflare
from sqlalchemy import insert, update

from monoize.base.ids import new_id
from monoize.control.compute.tables import vps_configs, vpses
from monoize.control.projects.actions.proxy import make_proxy
from monoize.control.projects.tables import domains
from support.mutations import Request, Scene, valid
from support.nginx import nginx_settings, stop_nginx
from support.pebble import running_pebble
from support.project_mutations import service_of
from support.tls import issue

DOMAIN = "app.example.com"


class Outside:
    """A DNS and a Cloudflare of ours, started when first needed, and whatever else is to be stopped."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()
        self._settings: dict[str, Any] | None = None

    def needed(self) -> dict[str, Any]:
        """Settings that lead to them."""
        if self._settings is None:
            folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="moz-pebble-")))
            pebble = self.stack.enter_context(running_pebble(folder, 1))
            cloudflare = self.stack.enter_context(running_cloudflare())
            self._settings = {
                "dns_resolvers": (pebble.dns,),
                "cloudflare_api_url": cloudflare.url,
                "cloudflare_api_token": TOKEN,
            }
        return self._settings


OUTSIDE = Outside()


def set_up(scene: Scene, changes: dict[str, Any]) -> None:
    """Let the house have other settings."""
    house = scene.house.app.state.house
    scene.house.app.state.house = dataclasses.replace(
        house, settings=dataclasses.replace(house.settings, **changes)
    )


async def route_of(scene: Scene) -> int:
    made = await scene.created(f"/api/services/{await service_of(scene)}/routes", domain=DOMAIN)
    return int(made["id"])


async def domain_of(scene: Scene) -> int:
    set_up(scene, OUTSIDE.needed())
    return int((await scene.created("/api/domains", name=DOMAIN))["id"])


async def certificate_of(scene: Scene) -> int:
    pair = issue(DOMAIN)
    sent = {"type": "uploaded", "domain": DOMAIN, "cert_pem": pair.chain, "key_pem": pair.key}
    return int((await scene.created("/api/certificates", **sent))["id"])


def row(action: str) -> tuple[tuple[str, str, str], ...]:
    return ((action, "user:root", action.partition(".")[0]),)


TERMS = {
    "path": "/api",
    "port": 80,
    "tls": True,
    "timeout_s": 60,
    "body_mb": 10,
    "websocket": False,
    "buffering": True,
    "strip_path": True,
    "hsts": True,
    "headers": {"X-A": "b"},
}


async def machine_of(scene: Scene) -> str:
    root, config, machine = await scene.root(), new_id(), new_id()
    sizes = {"cpu_millicores": 1, "memory_mb": 1, "disk_gb": 1}
    async with scene.house.house.database.write() as tx:
        await tx.execute(insert(vps_configs).values(id=config, name="small", provider="fly", image="a", **sizes))
        row = {"id": machine, "user_id": root.user["id"], "vps_config_id": config, "name": "m", "provider": "fly"}
        await tx.execute(insert(vpses).values(**row))
    return machine


@valid("POST /api/services/{service_id}/routes")
async def create_route_to_service(scene: Scene) -> Request:
    path = f"/api/services/{await service_of(scene)}/routes"
    return Request(await scene.root(), path, row("route.create"), {**TERMS, "domain": DOMAIN})


@valid("POST /api/routes")
async def create_route(scene: Scene) -> Request:
    body = {**TERMS, "domain": DOMAIN, "target": "machine", "machine_id": await machine_of(scene)}
    return Request(await scene.root(), "/api/routes", row("route.create"), body)


@valid("PATCH /api/routes/{route_id}")
async def update_route(scene: Scene) -> Request:
    path = f"/api/routes/{await route_of(scene)}"
    return Request(await scene.root(), path, row("route.update"), {**TERMS, "domain": f"www.{DOMAIN}"})


@valid("DELETE /api/routes/{route_id}")
async def delete_route(scene: Scene) -> Request:
    return Request(await scene.root(), f"/api/routes/{await route_of(scene)}", row("route.delete"))


@valid("POST /api/nginx/reload")
async def reload(scene: Scene) -> Request:
    state = scene.house.app.state
    set_up(scene, nginx_settings())
    OUTSIDE.stack.callback(stop_nginx, state.house.settings.data_dir / "nginx")
    state.projects = dataclasses.replace(state.projects, proxy=make_proxy(state.house))
    return Request(await scene.root(), "/api/nginx/reload", row("nginx.reload"))


@valid("POST /api/domains")
async def create_domain(scene: Scene) -> Request:
    set_up(scene, OUTSIDE.needed())
    return Request(await scene.root(), "/api/domains", row("domain.create"), {"name": DOMAIN})


@valid("POST /api/domains/{domain_id}/configure")
async def configure_domain(scene: Scene) -> Request:
    path = f"/api/domains/{await domain_of(scene)}/configure"
    return Request(await scene.root(), path, row("domain.configure"))


@valid("POST /api/domains/{domain_id}/verify")
async def verify_domain(scene: Scene) -> Request:
    path = f"/api/domains/{await domain_of(scene)}/verify"
    return Request(await scene.root(), path, row("domain.verify"))


@valid("POST /api/domains/{domain_id}/activate")
async def activate_domain(scene: Scene) -> Request:
    path = f"/api/domains/{await domain_of(scene)}/activate"
    async with scene.house.house.database.write() as tx:
        await tx.execute(update(domains).values(status="verified"))
    return Request(await scene.root(), path, row("domain.activate"))


@valid("DELETE /api/domains/{domain_id}")
async def delete_domain(scene: Scene) -> Request:
    return Request(await scene.root(), f"/api/domains/{await domain_of(scene)}", row("domain.delete"))


@valid("POST /api/certificates")
async def upload_certificate(scene: Scene) -> Request:
    pair = issue(DOMAIN)
    body = {"type": "uploaded", "domain": DOMAIN, "cert_pem": pair.chain, "key_pem": pair.key, "auto_renew": False}
    return Request(await scene.root(), "/api/certificates", row("certificate.upload"), body)


@valid("PUT /api/certificates/{certificate_id}")
async def replace_certificate(scene: Scene) -> Request:
    path, pair = f"/api/certificates/{await certificate_of(scene)}", issue(DOMAIN)
    body = {"cert_pem": pair.chain, "key_pem": pair.key}
    return Request(await scene.root(), path, row("certificate.replace"), body)


@valid("POST /api/certificates/{certificate_id}/renew")
async def renew_certificate(scene: Scene) -> Request:
    set_up(scene, OUTSIDE.needed())
    ordered = await scene.created("/api/certificates", type="acme", domain=DOMAIN)
    path = f"/api/certificates/{ordered['id']}/renew"
    return Request(await scene.root(), path, row("certificate.renew"))


@valid("DELETE /api/certificates/{certificate_id}")
async def delete_certificate(scene: Scene) -> Request:
    path = f"/api/certificates/{await certificate_of(scene)}"
    return Request(await scene.root(), path, row("certificate.delete"))
