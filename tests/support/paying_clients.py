"""A real server that is paid for what it answers, and the callers that load it until it is gone."""

import contextlib
import http.client
import json
import random
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from support.server import Server, forked_server

TOKEN: Final = "a-token-for-what-is-paid"
INPUT_NANO, OUTPUT_NANO = 3_000, 15_000
WORDS_MOST: Final = 30
SILENCE_S: Final = 30


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Server]:
    with forked_server(folder, MONOIZE_ADMIN_TOKEN=TOKEN, MONOIZE_LOG_LEVEL="error") as server:
        yield server


def call(server: Server, method: str, path: str, body: object = None) -> Any:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.address}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as problem:
        raise AssertionError(f"{method} {path}: {problem.code} {problem.read().decode()}") from problem


def opened(server: Server, balance_nano: int) -> tuple[str, str]:
    """A user with so much money, whose key may use an echo that costs something; (the user's id, the key)."""
    echo = {"name": "here", "base_url": "http://echo", "models": [{"name": "echo"}], "price_provider": "echo"}
    call(server, "POST", "/api/providers", {"name": "house", "type": "echo", "channels": [echo]})
    rates = {"input_usd_per_mtok": "3", "output_usd_per_mtok": "15", "source_url": "https://example.com"}
    call(server, "POST", "/api/prices", {"provider": "echo", "model_key": "echo", **rates})
    user_id = call(server, "POST", "/api/users", {"username": "payer"})["id"]
    call(server, "POST", "/api/ledger/top-ups", {"user_id": user_id, "amount_nano_usd": str(balance_nano)})
    return user_id, call(server, "POST", "/api/keys", {"name": "loader", "user_id": user_id})["secret"]


class Clients:
    """`charges` are those that whole answers told of, by request; `sent` counts all that were asked."""

    def __init__(self, server: Server, key: str, count: int) -> None:
        self.charges: dict[str, int] = {}
        self.sent = 0
        self._at = server.address.removeprefix("http://")
        self._key = key
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        """One request after the other, until the server is gone."""
        connection = http.client.HTTPConnection(self._at, timeout=SILENCE_S)
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError), contextlib.closing(connection):
            while True:
                with self._lock:
                    self.sent += 1
                stream = random.random() < 0.5
                words = " ".join(["word"] * random.randrange(1, WORDS_MOST))
                body: dict[str, Any] = {
                    "model": "echo",
                    "stream": stream,
                    "max_tokens": 2 * WORDS_MOST,
                    "messages": [{"role": "user", "content": f"/slow {random.randrange(5)}\n{words}"}],
                }
                if stream:
                    body["stream_options"] = {"include_usage": True}
                headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
                connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
                answer = connection.getresponse()
                content = answer.read().decode()
                if answer.status != 200:
                    raise ValueError(f"HTTP {answer.status}: {content}")
                self.charges[answer.headers["x-request-id"]] = _charge(content, stream=stream)


def _charge(content: str, *, stream: bool) -> int:
    """By the usage that the answer tells. ValueError where it was cut off before its end."""
    if not stream:
        return _of_usage(json.loads(content)["usage"])
    *_, told, end = (line[6:] for line in content.splitlines() if line.startswith("data: "))
    if end != "[DONE]":
        raise ValueError("cut off")
    return _of_usage(json.loads(told)["usage"])


def _of_usage(usage: Mapping[str, int]) -> int:
    return usage["prompt_tokens"] * INPUT_NANO + usage["completion_tokens"] * OUTPUT_NANO


def booked(server: Server, user_id: str) -> dict[str, list[int]]:
    """What was charged, by request."""
    found: dict[str, list[int]] = {}
    wanted, cursor = f"/api/ledger/entries?user_id={user_id}&kind=request_charge&limit=200", ""
    while True:
        page = call(server, "GET", wanted + cursor)
        for entry in page["items"]:
            found.setdefault(entry["request_id"], []).append(-int(entry["delta_nano_usd"]))
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"
