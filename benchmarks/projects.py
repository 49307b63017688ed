"""What redeploys and rollbacks cost those who use a service through nginx meanwhile: no request, is the promise."""

# needs: docker nginx

import asyncio
import dataclasses
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx2
from support.docker_engine import DockerEngine, started
from support.nginx import listening, nginx_settings, route, stop_nginx, workers
from support.server import serving
from support.steady_load import SteadyLoad, summary

from monoize.control.projects.drivers.nginx import Nginx
from monoize.control.projects.model.nginx_config import Facts, render

ADMIN_TOKEN: Final = "a-token-for-this-benchmark-only"
RATE: Final = 220
RATE_LEAST: Final = 200
DEPLOYMENTS: Final = 20
ROUTES: Final = 200
RELOADS: Final = 5
RELOAD_MOST_S: Final = 2.0
DRAIN_S: Final = 2
WAIT_S: Final = 120.0
ASKED_EVERY_S: Final = 0.2
DOMAIN: Final = "app.example.com"

Json = dict[str, Any]


@dataclasses.dataclass
class Operator:
    """Somebody with the API and nothing else."""

    client: httpx2.AsyncClient

    async def ask(self, method: str, path: str, body: Json | None = None) -> Json:
        answer = await self.client.request(method, f"/api{path}", json=body)
        if answer.is_error:
            raise AssertionError(f"{method} {path}: {answer.text}")
        told: Json = answer.json() if answer.content else {}
        return told

    async def live(self, deployment_id: int) -> float:
        """Wait until it is; how long it took."""
        started_s = time.perf_counter()
        while time.perf_counter() - started_s < WAIT_S:
            found = await self.ask("GET", f"/deployments/{deployment_id}")
            if found["finished_at"]:
                if found["status"] != "live":
                    raise AssertionError(f"a deployment ended as {found['status']}: {found['error']}")
                return time.perf_counter() - started_s
            await asyncio.sleep(ASKED_EVERY_S)
        raise AssertionError("a deployment did not end in time")


async def prepared(operator: Operator) -> int:
    """A service that serves a domain through nginx."""
    project = await operator.ask("POST", "/projects", {"name": "shop"})
    body = {
        "name": "web",
        "image": "app:1",
        "ports": [{"container": 80}],
        "health": {"kind": "http", "path": "/"},
        "deploy": {"drain_s": DRAIN_S},
        # What serves here waits for no signal, and takes few connections at once.
        "stop_grace_s": 1,
        "replicas": 2,
    }
    made = await operator.ask("POST", f"/projects/{project['id']}/services", body)
    await operator.live(made["deployment_id"])
    service = int(made["service"]["id"])
    await operator.ask("POST", f"/services/{service}/routes", {"domain": DOMAIN})
    return service


async def redeploys(operator: Operator, http_port: int) -> bool:
    """Redeploys and rollbacks in turn, under a load that does not let up."""
    service = await prepared(operator)
    load, took_s = SteadyLoad(http_port, DOMAIN, rate=RATE), []
    async with load.running():
        for number in range(DEPLOYMENTS):
            if number % 2:
                asked = await operator.ask("POST", f"/services/{service}/rollback", {})
            else:
                image = f"app:{2 - number // 2 % 2}"
                asked = await operator.ask("POST", f"/services/{service}/deployments", {"image": image})
            took_s.append(await operator.live(asked["id"]))
    print(summary(load), flush=True)
    spoken = ", ".join(f"{count} by release {name}" for name, count in sorted(load.bodies.items()))
    print(f"answered: {spoken}")
    print(
        f"{DEPLOYMENTS} redeploys and rollbacks, each {min(took_s):.1f} to {max(took_s):.1f} s,"
        f" of which {DRAIN_S} s both releases run"
    )
    held = not load.failures and load.per_s >= RATE_LEAST and len(load.bodies) == 2
    print(f"redeploys: {'hold' if held else 'DO NOT HOLD'}: failed_requests {len(load.failures)}")
    return held


async def routes(folder: Path) -> bool:
    """Two hundred routes rendered, read by nginx and reloaded, beside the same again, which costs no reload."""
    ports = listening()
    nginx = Nginx("nginx", folder, ports.probe_port)
    flavour = await nginx.flavour()
    members = {f"service_{number}_80": [f"127.0.0.1:{20_000 + number}"] for number in range(ROUTES)}

    async def served(count: int) -> tuple[float, float, float]:
        told = Facts(
            [route(n, f"app{n}.example.com", upstream=f"service_{n}_80") for n in range(count)], members, {}
        )
        began = time.perf_counter()
        rendered = render(told, ports, flavour)
        at_render = time.perf_counter()
        await nginx.check(rendered, {})
        at_check = time.perf_counter()
        await nginx.enforce(rendered.generation)
        return at_render - began, at_check - at_render, time.perf_counter() - at_check

    try:
        await served(1)
        runs = [await served(ROUTES - number) for number in range(RELOADS)]
    finally:
        stop_nginx(folder)
    worst = max(map(sum, runs))
    for name, parts in zip(("render", "nginx -t", "reload, proven"), zip(*runs, strict=True), strict=True):
        print(f"{ROUTES} routes: {name} {min(parts) * 1000:.0f} to {max(parts) * 1000:.0f} ms")
    held = worst < RELOAD_MOST_S
    print(f"routes: {'hold' if held else 'DO NOT HOLD'}: {worst:.2f} s at most, of {RELOAD_MOST_S} s allowed")
    return held


async def unchanged(operator: Operator, folder: Path) -> bool:
    """What nginx need not know of costs no reload: its very processes stay. What it has to know replaces them."""
    [one] = (await operator.ask("GET", "/routes"))["items"]
    route_path, service_path = f"/routes/{one['id']}", f"/services/{one['service_id']}"
    same = {"domain": one["domain"], "path": one["path"]}
    changes_nothing = (
        ("PATCH", route_path, same),
        ("PATCH", service_path, {"description": "told anew", "redeploy": False}),
        ("PATCH", service_path, {"env": {"COLOUR": "green"}, "redeploy": False}),
        ("POST", "/nginx/reload", None),
    )
    at_first, took_s = workers(folder), []
    for _ in range(RELOADS):
        for change in changes_nothing:
            began = time.perf_counter()
            await operator.ask(*change)
            took_s.append(time.perf_counter() - began)
    stayed = workers(folder) == at_first
    await operator.ask("PATCH", route_path, {**same, "body_mb": 51})
    replaced = at_first.isdisjoint(workers(folder))
    held = bool(at_first) and stayed and replaced
    times = f"{min(took_s) * 1000:.0f} to {max(took_s) * 1000:.0f} ms"
    print(f"{len(took_s)} changes that nginx need not know of, each {times}: {'no' if stayed else 'SOME'} reload")
    print(f"unchanged: {'hold' if held else 'DO NOT HOLD'}: a change of a route replaced {len(at_first)} workers")
    return held


async def measured(address: str, http_port: int, nginx: Path) -> bool:
    headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
    async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        operator = Operator(client)
        held = await redeploys(operator, http_port)
        return await unchanged(operator, nginx) and held


def run(engine: DockerEngine, folder: Path) -> bool:
    for number in ("1", "2"):
        engine.import_image(f"app:{number}", {"www/index.html": f"{number}\n"})
    chosen = nginx_settings()
    settings: dict[str, Any] = {
        f"MONOIZE_{name.upper()}": ",".join(value) if isinstance(value, tuple) else str(value)
        for name, value in chosen.items()
    }
    try:
        with serving(
            folder,
            MONOIZE_ADMIN_TOKEN=ADMIN_TOKEN,
            MONOIZE_LOG_LEVEL="warning",
            MONOIZE_DOCKER_URL=engine.url,
            **settings,
        ) as server:
            nginx = folder / "data" / "nginx"
            return asyncio.run(measured(server.address, chosen["nginx_http_port"], nginx))
    finally:
        stop_nginx(folder / "data" / "nginx")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        held = asyncio.run(routes(Path(folder) / "routes"))
        with started() as engine:
            held = run(engine, Path(folder)) and held
    print(f"projects: {'holds' if held else 'DOES NOT HOLD'}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
