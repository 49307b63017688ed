"""Hetzner Cloud as far as machines ask it: servers, their actions, pages, labels, rate limits and errors.

A server changes its status only after it was looked at `slowness` times, and is locked until then.
"""

import datetime as dt
import itertools
import time
from collections.abc import Sequence
from typing import Any, Final, Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fakes.faults import Faults
from fakes.server import LocalServer

TOKEN: Final = "hetzner-test-token"
_LIMIT: Final = 3600
_TYPES: Final = ("cx22", "cx32", "cx42", "cx52")


class Hetzner:
    def __init__(self) -> None:
        self.servers: dict[int, dict[str, Any]] = {}
        self.user_data: dict[int, str] = {}
        self.slowness = 1
        self.ignores_shutdown = False
        self.cpu_percent = 50.0
        self.faults = Faults(_error)
        self.asked: list[str] = []
        self.remaining = _LIMIT
        self._numbers = itertools.count(42)
        self._actions: dict[int, dict[str, Any]] = {}
        self._next: dict[int, tuple[int, str]] = {}
        self._server = LocalServer(
            Starlette(
                routes=[
                    Route("/v1/servers", self._faulty(self._create), methods=["POST"]),
                    Route("/v1/servers", self._faulty(self._list), methods=["GET"]),
                    Route("/v1/servers/{id:int}", self._faulty(self._get), methods=["GET"]),
                    Route("/v1/servers/{id:int}", self._faulty(self._delete), methods=["DELETE"]),
                    Route("/v1/servers/{id:int}/metrics", self._faulty(self._metrics), methods=["GET"]),
                    Route("/v1/servers/{id:int}/actions/{verb}", self._faulty(self._act), methods=["POST"]),
                    Route("/v1/actions/{id:int}", self._faulty(self._action), methods=["GET"]),
                ]
            )
        )
        self.api_url = f"{self._server.url}/v1"

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()

    def add(self, name: str, labels: dict[str, str], status: str = "running") -> dict[str, Any]:
        """A server that is there, however it came to be."""
        id = next(self._numbers)
        server = {
            "id": id,
            "name": name,
            "status": status,
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "public_net": {
                "ipv4": {"id": id, "ip": f"203.0.113.{id % 250}", "blocked": False, "dns_ptr": ""},
                "ipv6": {"id": id, "ip": f"2001:db8:{id:x}::/64", "blocked": False, "dns_ptr": []},
                "floating_ips": [],
                "firewalls": [],
            },
            "private_net": [],
            "server_type": {"id": 1, "name": "cx22", "cores": 2, "memory": 4.0, "disk": 40, "cpu_type": "shared"},
            "location": {"id": 1, "name": "fsn1"},
            "image": {"id": 1, "name": "debian-12"},
            "included_traffic": 21_990_232_555_520,
            "outgoing_traffic": 0,
            "ingoing_traffic": 0,
            "locked": False,
            "protection": {"delete": False, "rebuild": False},
            "labels": labels,
            "volumes": [],
            "primary_disk_size": 40,
            "rescue_enabled": False,
            "backup_window": None,
            "iso": None,
        }
        self.servers[id] = server
        return server

    def named(self, name: str) -> list[dict[str, Any]]:
        return [server for server in self.servers.values() if server["name"] == name]

    def _faulty(self, handler: Any) -> Any:
        async def answer(request: Request) -> Response:
            self.asked.append(f"{request.method} {request.url.path}")
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return _error(401, "unauthorized", "unable to authenticate")
            if self.remaining <= 0:
                answered = _error(429, "rate_limit_exceeded", "limit of 3600 requests per hour reached")
            else:
                answered = await self.faults.answer(request, handler)
            self.remaining = max(0, self.remaining - 1)
            answered.headers["ratelimit-limit"] = str(_LIMIT)
            answered.headers["ratelimit-remaining"] = str(self.remaining)
            answered.headers["ratelimit-reset"] = str(int(time.time()) + _LIMIT - self.remaining)
            answered.headers["x-correlation-id"] = "test"
            return answered

        return answer

    async def _create(self, request: Request) -> Response:
        body = await request.json()
        if self.named(body["name"]):
            return _error(409, "uniqueness_error", "server name is already used")
        if body["server_type"] not in _TYPES:
            return _error(422, "invalid_input", "invalid input in field 'server_type'", ("server_type", "unknown"))
        if len(body["user_data"].encode()) > 32 * 1024:
            return _error(422, "invalid_input", "invalid input in field 'user_data'", ("user_data", "too long"))
        server = self.add(body["name"], body["labels"], "initializing")
        server["private_net"] = [
            {"network": network, "ip": f"10.0.0.{server['id'] % 250}", "alias_ips": [], "mac_address": ""}
            for network in body.get("networks", ())
        ]
        self.user_data[server["id"]] = body["user_data"]
        self._becomes(server, "running")
        action = self._started("create_server", server["id"])
        return JSONResponse({"server": server, "action": action, "next_actions": [], "root_password": None}, 201)

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        found = [self._looked_at(server) for server in [*self.servers.values()]]
        if "name" in asked:
            found = [server for server in found if server["name"] == asked["name"]]
        if "label_selector" in asked:
            key, _, value = asked["label_selector"].partition("=")
            found = [
                server for server in found if server["labels"].get(key) == (value or server["labels"].get(key, 0))
            ]
        return JSONResponse(_page(found, int(asked.get("page", 1)), min(50, int(asked.get("per_page", 25)))))

    async def _get(self, request: Request) -> Response:
        server = self.servers.get(request.path_params["id"])
        if server is None:
            return _error(404, "not_found", "server not found")
        return JSONResponse({"server": self._looked_at(server)})

    async def _delete(self, request: Request) -> Response:
        server = self.servers.get(request.path_params["id"])
        if server is None:
            return _error(404, "not_found", "server not found")
        if server["protection"]["delete"]:
            return _error(423, "protected", "server deletion is protected")
        server["status"] = "deleting"
        self._becomes(server, "")
        return JSONResponse({"action": self._started("delete_server", server["id"])})

    async def _act(self, request: Request) -> Response:
        server = self.servers.get(request.path_params["id"])
        if server is None:
            return _error(404, "not_found", "server not found")
        if server["locked"]:
            self._looked_at(server)
            return _error(423, "locked", "server is locked")
        verb = request.path_params["verb"]
        match verb:
            case "poweron" if server["status"] == "off":
                server["status"] = "starting"
                self._becomes(server, "running")
            case "poweroff" | "shutdown" if server["status"] == "running":
                if verb == "poweroff" or not self.ignores_shutdown:
                    server["status"] = "stopping"
                    self._becomes(server, "off")
            case "reboot":
                server["status"] = "starting"
                self._becomes(server, "running")
        return JSONResponse({"action": self._started(verb, server["id"])}, 201)

    async def _metrics(self, request: Request) -> Response:
        asked = request.query_params
        start, end = (dt.datetime.fromisoformat(asked[name]) for name in ("start", "end"))
        values = [[start.timestamp(), str(self.cpu_percent)], [end.timestamp(), str(self.cpu_percent)]]
        series = {"cpu": {"values": values}}
        return JSONResponse(
            {"metrics": {"start": asked["start"], "end": asked["end"], "step": 60.0, "time_series": series}}
        )

    async def _action(self, request: Request) -> Response:
        action = self._actions.get(request.path_params["id"])
        if action is None:
            return _error(404, "not_found", "action not found")
        return JSONResponse({"action": action | {"status": "success", "progress": 100}})

    def _started(self, command: str, server_id: int) -> dict[str, Any]:
        id = next(self._numbers)
        action = {
            "id": id,
            "command": command,
            "status": "running",
            "progress": 0,
            "started": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "finished": None,
            "resources": [{"id": server_id, "type": "server"}],
            "error": None,
        }
        self._actions[id] = action
        return action

    def _becomes(self, server: dict[str, Any], status: str) -> None:
        server["locked"] = self.slowness > 0
        self._next[server["id"]] = (self.slowness, status)

    def _looked_at(self, server: dict[str, Any]) -> dict[str, Any]:
        """As it is now; for the next time it may have come further."""
        told = dict(server)
        left, status = self._next.get(server["id"], (0, server["status"]))
        if left > 1:
            self._next[server["id"]] = (left - 1, status)
        elif status:
            server["status"], server["locked"] = status, False
        else:
            self.servers.pop(server["id"], None)
        return told


def _page(found: Sequence[dict[str, Any]], page: int, per_page: int) -> dict[str, Any]:
    last = max(1, -(-len(found) // per_page))
    pagination = {
        "page": page,
        "per_page": per_page,
        "previous_page": page - 1 if page > 1 else None,
        "next_page": page + 1 if page < last else None,
        "last_page": last,
        "total_entries": len(found),
    }
    return {"servers": found[(page - 1) * per_page : page * per_page], "meta": {"pagination": pagination}}


def _error(status: int, code: str, message: str, *fields: tuple[str, str]) -> Response:
    details = {"fields": [{"name": name, "messages": [text]} for name, text in fields]} if fields else None
    return JSONResponse({"error": {"code": code, "message": message, "details": details}}, status)
