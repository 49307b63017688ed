"""`monoize requests tail` and `monoize captures`, about a running gateway; and a server that stops all the same."""

import json
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from cli.command_line import COMMAND, CommandLine
from support.house import PASSWORD
from support.patience import PATIENCE_S
from support.processes import environment
from support.server import Server, forked_server

STOPS_S: Final = 5


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    options = {"MONOIZE_LOG_LEVEL": "error", "MONOIZE_CAPTURES_ENABLED": "true", "MONOIZE_SHUTDOWN_GRACE_S": "60"}
    with forked_server(tmp_path_factory.mktemp("watched"), **options) as running:
        first = {"username": "root", "password": PASSWORD, "email": "root@example.com", "link": running.read_link()}
        assert 201 == httpx2.post(f"{running.address}/api/auth/first-account", json=first).status_code
        yield running


@pytest.fixture(scope="module")
def boss(watched: Server, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    somebody = CommandLine(tmp_path_factory.mktemp("boss"))
    somebody.does("login", "--url", watched.address, "--name", "root", "--password-stdin", stdin=PASSWORD)
    somebody.does(
        "providers", "create", "up", "--type", "echo", "--model", "m", "--base-url", "https://example.com"
    )
    return somebody


@pytest.fixture(scope="module")
def secret(boss: CommandLine) -> str:
    return boss.does("keys", "create", "k", "--capture", "capture-all", "--cache-seconds", "60").out.strip()


def says(server: Server, secret: str, text: str) -> httpx2.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {secret}"}
    return httpx2.post(f"{server.address}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE_S)


class Tail:
    """`monoize requests tail` while it runs."""

    def __init__(self, boss: CommandLine, *options: str) -> None:
        own = {"HOME": str(boss.home), "MONOIZE_PROFILES": str(boss.profiles)}
        command = [*COMMAND, "requests", "tail", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0, env=environment(**own))

    def line(self) -> str:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE_S)
        assert ready, "it says nothing"
        return self._process.stdout.readline().decode()

    def __enter__(self) -> "Tail":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def test_what_is_asked_is_told_while_it_is_under_way_and_when_it_has_ended(
    watched: Server, boss: CommandLine, secret: str
):
    with Tail(boss, "--json") as tail, Tail(boss) as for_people:
        assert {"event": "pending", "data": []} == json.loads(tail.line())
        request_id = says(watched, secret, "/slow 2000\none two three").headers["x-request-id"]
        events: list[dict[str, Any]] = []
        while not events or events[-1]["event"] != "log_batch":
            events.append(json.loads(tail.line()))
        line = for_people.line().split()

    begun = [pending["request_id"] for event in events if event["event"] == "pending" for pending in event["data"]]
    assert request_id in begun
    assert [request_id] == [request["request_id"] for request in events[-1]["data"]]
    assert ("m", "success", request_id) == (line[1], line[2], line[-1])


def test_a_tail_that_has_its_time_ends_by_itself(boss: CommandLine):
    assert "" == boss.does("requests", "tail", "--for", "0").out
    assert 2 == boss.run("requests", "tail", "--user", "root", "--everybody").code
    assert 3 == boss.run("requests", "tail", "--url", "http://127.0.0.1:9").code


def test_an_answer_that_was_given_once_more_is_explained_as_that(watched: Server, boss: CommandLine, secret: str):
    first, again = says(watched, secret, "twice"), says(watched, secret, "twice")
    assert ("miss", "hit") == (first.headers["x-monoize-cache"], again.headers["x-monoize-cache"])

    until = time.monotonic() + PATIENCE_S
    while (done := boss.run("explain", again.headers["x-request-id"])).code:
        assert time.monotonic() < until, done.err
    assert "cache       hit" in done.out


def test_captures_are_listed_shown_and_deleted(watched: Server, boss: CommandLine, secret: str, tmp_path: Path):
    request_id = says(watched, secret, "keep this").headers["x-request-id"]
    until = time.monotonic() + PATIENCE_S
    while request_id not in boss.does("captures", "list").out:
        assert time.monotonic() < until

    assert ["KEPT", "AT", "MODEL"] == boss.does("captures", "list").out.split()[:3]
    listed = [capture["request_id"] for capture in boss.json("captures", "list")["items"]]
    shown = json.loads(boss.does("captures", "show", request_id).out)
    assert request_id in listed and request_id == shown["request_id"]
    assert "keep this" in shown["asked"]["body"] and secret not in json.dumps(shown)

    assert 2 == boss.run("captures", "delete", request_id).code
    boss.does("captures", "delete", request_id, "--yes")
    assert 1 == boss.run("captures", "show", request_id).code


def test_a_server_does_not_wait_for_those_who_watch(tmp_path: Path):
    with forked_server(tmp_path, MONOIZE_SHUTDOWN_GRACE_S="60") as running:
        first = {"username": "root", "password": PASSWORD, "email": "root@example.com", "link": running.read_link()}
        token = httpx2.post(f"{running.address}/api/auth/first-account", json=first).json()["token"]
        headers = {"authorization": f"Bearer {token}"}
        with httpx2.stream("GET", f"{running.address}/api/requests/stream", headers=headers) as answer:
            # Whoever lets go of the pieces hangs up.
            pieces = answer.iter_bytes()
            assert b"event: pending" in next(pieces)
            began_s = time.monotonic()
            assert 0 == running.stop()
            assert time.monotonic() - began_s < STOPS_S
