"""Servers that stand between a client and Monoize, or where Monoize should be."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

Answer = tuple[int, dict[str, str], bytes]


class Request:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.method, self.path = handler.command, handler.path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = handler.rfile.read(int(self.headers.get("content-length", 0)))


@contextlib.contextmanager
def answering(answer: Callable[[Request], Answer | None]) -> Iterator[str]:
    """The address of a server that answers so; None hangs up without a word."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            given = answer(Request(self))
            self.close_connection = True
            if given is None:
                return
            status, headers, body = given
            self.send_response(status)
            for name, value in {"content-length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


def relayed(request: Request, address: str) -> Answer:
    """What the server at `address` answers to this request."""
    kept = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
    answer = httpx2.request(request.method, address + request.path, headers=kept, content=request.body)
    return answer.status_code, {"content-type": answer.headers["content-type"]}, answer.content
