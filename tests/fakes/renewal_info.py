"""An authority that says when it wants certificates renewed (RFC 9773), and nothing else."""

import contextlib
import datetime as dt
import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.tls import issue


class RenewalInfo(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Telling)
        pair = issue("localhost")
        (folder / "chain.pem").write_text(pair.chain)
        (folder / "key.pem").write_text(pair.key)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.wants_at = dt.datetime.now(dt.UTC) + dt.timedelta(days=20)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def tell(self, path: str) -> dict[str, Any]:
        if path == "/directory":
            return {"newNonce": f"{self.url}/nonce", "renewalInfo": f"{self.url}/renewal"}
        self.asked.append(path)
        begin, end = self.wants_at, self.wants_at + dt.timedelta(minutes=1)
        return {"suggestedWindow": {"start": begin.strftime(_FORM), "end": end.strftime(_FORM)}}


_FORM = "%Y-%m-%dT%H:%M:%SZ"


class _Telling(http.server.BaseHTTPRequestHandler):
    server: RenewalInfo

    def do_GET(self) -> None:
        body = json.dumps(self.server.tell(self.path)).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        return


@contextlib.contextmanager
def running_renewal_info(folder: Path) -> Iterator[RenewalInfo]:
    with RenewalInfo(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
