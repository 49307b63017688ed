"""Cloudflare's API for the records of one zone, over real HTTP; what stands in it a real DNS is told."""

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "cloudflare-token"
ZONE = {"id": "z" * 32, "name": "example.com", "status": "active"}


class Cloudflare(ThreadingHTTPServer):
    """`records` by id; `calls` are methods and paths; the next answers may be put off with `busy`."""

    daemon_threads = True

    def __init__(self, told: Callable[[dict[str, Any], bool], None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.records: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.busy = 0
        self.told = told
        self.ids = (f"r{number:031d}" for number in itertools.count())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/client/v4"


class _Handler(BaseHTTPRequestHandler):
    server: Cloudflare
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        address = urlsplit(self.path)
        path = address.path.removeprefix("/client/v4")
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "null")
        self.server.calls.append(f"{self.command} {path}")
        if self.headers["authorization"] != f"Bearer {TOKEN}":
            return self._refuse(403, 10000, "Authentication error")
        if self.server.busy:
            self.server.busy -= 1
            return self._refuse(429, 10429, "Rate limited")
        if path == "/zones":
            return self._answer([ZONE] if asked.get("name") == ZONE["name"] else [])
        base = f"/zones/{ZONE['id']}/dns_records"
        if not path.startswith(base):
            return self._refuse(404, 7003, "Could not route")
        return self._record(path.removeprefix(base).lstrip("/"), asked, body)

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815

    def _record(self, id: str, asked: dict[str, str], body: Any) -> None:
        records = self.server.records
        if self.command == "GET":
            found = [one for one in records.values() if all(one[name] == asked[name] for name in asked)]
            return self._answer(found)
        if self.command == "POST":
            if any((one["name"], one["content"]) == (body["name"], body["content"]) for one in records.values()):
                return self._refuse(400, 81057, "The record already exists.")
            id = next(self.server.ids)
        elif id not in records:
            return self._refuse(404, 81044, "Record not found")
        if self.command == "DELETE":
            self.server.told(records.pop(id), False)
            return self._answer({"id": id})
        records[id] = {**body, "id": id}
        self.server.told(records[id], True)
        return self._answer(records[id])

    def _answer(self, result: Any) -> None:
        self._send(200, {"success": True, "errors": [], "messages": [], "result": result})

    def _refuse(self, status: int, code: int, message: str) -> None:
        self._send(status, {"success": False, "errors": [{"code": code, "message": message}], "result": None})

    def _send(self, status: int, body: Any) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        if status == 429:
            self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        return


@contextlib.contextmanager
def running_cloudflare(
    told: Callable[[dict[str, Any], bool], None] = lambda record, stands: None,
) -> Iterator[Cloudflare]:
    with Cloudflare(told) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
