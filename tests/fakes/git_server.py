"""A repository over HTTP, as GitHub serves one: git's own `http-backend` behind a server on the loopback."""

import base64
import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.com",
    "GIT_COMMITTER_NAME": "Somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.com",
}


class GitServer:
    """`commit` makes one on the branch main and says its id; with a `token`, nobody gets in without it."""

    def __init__(self, folder: Path, token: str = "") -> None:
        self.token = token
        self._repository = folder / "app.git"
        self._git("init", "--quiet", "--initial-branch=main", str(self._repository))
        self._folder = folder
        self.url = ""

    def commit(self, files: dict[str, str]) -> str:
        for name, text in files.items():
            (self._repository / name).parent.mkdir(parents=True, exist_ok=True)
            (self._repository / name).write_text(text)
        self._git("-C", str(self._repository), "add", "--all")
        self._git("-C", str(self._repository), "commit", "--quiet", "--message", "a change")
        return self._git("-C", str(self._repository), "rev-parse", "HEAD").strip()

    def answer(self, environment: dict[str, str], body: bytes) -> bytes:
        told = {**ENVIRONMENT, **environment, "GIT_PROJECT_ROOT": str(self._folder), "GIT_HTTP_EXPORT_ALL": "1"}
        done = subprocess.run(["git", "http-backend"], env=told, input=body, capture_output=True, check=True)
        return done.stdout

    def admits(self, authorization: str) -> bool:
        expected = base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
        return not self.token or authorization == f"Basic {expected}"

    def _git(self, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], env=ENVIRONMENT, capture_output=True, check=True, text=True)
        return done.stdout


@contextlib.contextmanager
def serving_git(folder: Path, token: str = "") -> Iterator[GitServer]:
    served = GitServer(folder, token)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("content-length", 0))))

        def _answer(self, body: bytes) -> None:
            if not served.admits(self.headers.get("authorization", "")):
                self.send_error(401)
                return
            path, _, query = self.path.partition("?")
            said = served.answer(
                {
                    "REQUEST_METHOD": self.command,
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("content-type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("git-protocol", ""),
                },
                body,
            )
            head, _, content = said.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(fields.pop("Status", "200").split()[0]))
            for name, value in {**fields, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_port}/app.git"
        try:
            yield served
        finally:
            server.shutdown()
