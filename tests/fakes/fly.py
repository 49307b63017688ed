"""Fly.io as far as machines ask it: the Machines API with its errors, and the Prometheus of an organisation.

A machine changes its state only after it was looked at `slowness` times, so that tests need not wait for a clock.
"""

import datetime as dt
import itertools
import re
from typing import Any, Final, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fakes.faults import Faults
from fakes.server import LocalServer

APP: Final = "agents"
TOKEN: Final = "fo1_test-token"


class Fly:
    def __init__(self) -> None:
        self.machines: dict[str, dict[str, Any]] = {}
        self.slowness = 1
        self.faults = Faults(_error)
        self.asked: list[str] = []
        self.metrics: dict[str, dict[str, float]] = {}
        self._numbers = itertools.count(0x1857156B526DD8)
        self._next: dict[str, tuple[int, str]] = {}
        machines = f"/v1/apps/{APP}/machines"
        self._server = LocalServer(
            Starlette(
                routes=[
                    Route(machines, self._faulty(self._create), methods=["POST"]),
                    Route(machines, self._faulty(self._list), methods=["GET"]),
                    Route(f"{machines}/{{id}}", self._faulty(self._get), methods=["GET"]),
                    Route(f"{machines}/{{id}}", self._faulty(self._update), methods=["POST"]),
                    Route(f"{machines}/{{id}}", self._faulty(self._destroy), methods=["DELETE"]),
                    Route(f"{machines}/{{id}}/{{verb}}", self._faulty(self._power), methods=["POST"]),
                    Route("/prometheus/personal/api/v1/query", self._faulty(self._query), methods=["GET"]),
                ]
            )
        )
        self.api_url = f"{self._server.url}/v1"
        self.metrics_url = f"{self._server.url}/prometheus"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def add(self, name: str, metadata: dict[str, str], state: str = "started") -> dict[str, Any]:
        """A machine that is there, however it came to be."""
        number = next(self._numbers)
        id = f"{number:x}"
        now = dt.datetime.now(dt.UTC)
        machine = {
            "id": id,
            "name": name,
            "state": state,
            "region": "iad",
            "instance_id": f"01HEPA{number % 10_000}",
            "private_ip": f"fdaa:0:1::{number % 0xFFFF:x}",
            "created_at": now.isoformat().replace("+00:00", "Z"),
            "updated_at": now.isoformat().replace("+00:00", "Z"),
            "config": {"metadata": metadata},
            "events": [_event("launch", "created", now)],
            "checks": [],
            "host_status": "ok",
        }
        self.machines[id] = machine
        return machine

    def named(self, name: str) -> list[dict[str, Any]]:
        return [one for one in self.machines.values() if one["name"] == name and one["state"] != "destroyed"]

    def _faulty(self, handler: Any) -> Any:
        async def answer(request: Request) -> Response:
            self.asked.append(f"{request.method} {request.url.path}")
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return _error(401, "unknown", "invalid token")
            answered = await self.faults.answer(request, handler)
            answered.headers["fly-request-id"] = "01HEPATEST"
            return answered

        return answer

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        if taken := self.named(body["name"]):
            message = f'machine ID {taken[0]["id"]} already exists with name "{body["name"]}"'
            return _error(409, "already_exists", f"unique machine name violation, {message}")
        guest = body["config"]["guest"]
        if guest["memory_mb"] % 256:
            return _error(422, "unknown", "invalid config.guest.memory_mb: must be a multiple of 256")
        machine = self.add(body["name"], {}, "created")
        machine["config"] = body["config"]
        self._becomes(machine, "started")
        return JSONResponse(machine)

    async def _list(self, request: Request) -> Response:
        wanted = {
            key.removeprefix("metadata."): value
            for key, value in request.query_params.items()
            if key.startswith("metadata.")
        }
        for machine in self.machines.values():
            self._look(machine)
        return JSONResponse(
            [
                one
                for one in self.machines.values()
                if one["state"] != "destroyed" and wanted.items() <= one["config"].get("metadata", {}).items()
            ]
        )

    async def _get(self, request: Request) -> Response:
        machine = self.machines.get(request.path_params["id"])
        if machine is None:
            return _error(404, "unknown", "machine not found")
        if machine["state"] == "destroyed":
            # What was just deleted is told of once more.
            del self.machines[machine["id"]]
            return JSONResponse(machine)
        self._look(machine)
        return JSONResponse(machine)

    async def _update(self, request: Request) -> Response:
        machine = self._there(request)
        if machine is None:
            return _error(404, "unknown", "machine not found")
        machine["config"] = (await request.json())["config"]
        machine["state"] = "replacing"
        self._becomes(machine, "started")
        return JSONResponse(machine)

    async def _destroy(self, request: Request) -> Response:
        machine = self._there(request)
        if machine is None:
            return _error(404, "unknown", "machine not found")
        if machine["state"] != "stopped" and request.query_params.get("force") != "true":
            return _error(412, "unknown", "machine must be stopped to be destroyed")
        machine["state"] = "destroying"
        self._becomes(machine, "destroyed")
        return JSONResponse({"ok": True})

    async def _power(self, request: Request) -> Response:
        machine = self._there(request)
        if machine is None:
            return _error(404, "unknown", "machine not found")
        before = machine["state"]
        match request.path_params["verb"]:
            case "start" if before in ("stopped", "suspended", "failed"):
                machine["state"] = "starting"
                self._becomes(machine, "started")
            case "stop" if before == "started":
                machine["state"] = "stopping"
                self._becomes(machine, "stopped")
            case "restart" if before == "started":
                machine["state"] = "restarting"
                self._becomes(machine, "started")
            case verb:
                return _error(
                    412, "failed_precondition", f"unable to {verb} machine from current state: '{before}'"
                )
        return JSONResponse({"ok": True, "previous_state": before})

    async def _query(self, request: Request) -> Response:
        query = request.query_params["query"]
        if f'app="{APP}"' not in query:
            return JSONResponse({"status": "error", "error": "which app?"}, 422)
        metric = re.search("fly_instance_(cpu|memory|net)", query)
        assert metric, query
        result = [
            {"metric": {"instance": id}, "value": [1_700_000_000, str(values[metric[1]])]}
            for id, values in self.metrics.items()
            if metric[1] in values
        ]
        return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": result}})

    def _there(self, request: Request) -> dict[str, Any] | None:
        machine = self.machines.get(request.path_params["id"])
        return machine if machine and machine["state"] != "destroyed" else None

    def _becomes(self, machine: dict[str, Any], state: str) -> None:
        self._next[machine["id"]] = (self.slowness, state)

    def _look(self, machine: dict[str, Any]) -> None:
        left, state = self._next.get(machine["id"], (0, machine["state"]))
        if left > 0:
            self._next[machine["id"]] = (left - 1, state)
            return
        if state == "started" and machine["state"] != "started":
            machine["events"].append(_event("start", "started", dt.datetime.now(dt.UTC)))
        machine["state"] = state


def _event(type: str, status: str, at: dt.datetime) -> dict[str, Any]:
    return {"type": type, "status": status, "source": "user", "timestamp": int(at.timestamp() * 1000)}


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse({"error": message, "status": code}, status)
