"""A local server of somebody else's API: real HTTP on a free port, in a thread of its own."""

import socket
import threading
import time
from typing import Final, Literal, Self

import uvicorn
from starlette.applications import Starlette

START_S: Final = 10


class LocalServer:
    """`with LocalServer(app) as server`: reachable at `server.url` until the end of the block."""

    def __init__(self, app: Starlette, *, lifespan: Literal["on", "off"] = "off") -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", lifespan=lifespan, timeout_graceful_shutdown=1)
        )
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + START_S
        while not self._server.started:
            assert time.monotonic() < until, "the local server did not come up"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(START_S)
        self._listener.close()
