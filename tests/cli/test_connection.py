"""What can go wrong between the command and the server, and what a credential is protected from."""

import json
import socket
from collections.abc import Callable

import pytest
from cli.command_line import CommandLine
from cli.foreign_server import Answer, Request, answering, relayed
from support.server import Server

TOKEN = "mzt_0000000000000000_" + "0" * 64
JSON = {"content-type": "application/json"}


@pytest.fixture
def dead_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return f"http://127.0.0.1:{gone.getsockname()[1]}"


def test_an_unreachable_server_is_said_in_one_line_with_a_hint(operator: CommandLine, dead_address: str):
    refused = operator.run("--url", dead_address, "users", "list", MONOIZE_TOKEN=TOKEN)

    assert 3 == refused.code
    first, second = refused.err.splitlines()
    assert first.startswith(f"monoize: cannot reach {dead_address}: ")
    assert second.startswith("hint: ")


def test_a_credential_does_not_travel_in_the_clear(server: Server, operator: CommandLine, root: CommandLine):
    # Every address of this machine, which is reached here but is not loopback.
    exposed = server.address.replace("127.0.0.1", "0.0.0.0")
    secret = root.does("tokens", "create", "in-the-clear").out.strip()
    for arguments in (("whoami",), ("login", "--name", "root", "--password-stdin")):
        refused = operator.run(*arguments, "--url", exposed, stdin="irrelevant", MONOIZE_TOKEN=secret)
        assert 2 == refused.code
        assert f"a credential sent to {exposed} could be read on the way" in refused.err

    assert "in-the-clear" in operator.does("whoami", "--url", exposed, "--insecure-http", MONOIZE_TOKEN=secret).out


@pytest.mark.parametrize(
    "url", ["ai.example.com", "ftp://x", "https://", "https://me:pw@x", "http://x:port", "https://x?y"]
)
def test_what_is_no_address_is_a_usage_error(operator: CommandLine, url: str):
    refused = operator.run("whoami", "--url", url, MONOIZE_TOKEN=TOKEN)

    assert 2 == refused.code
    assert "address" in refused.err


def test_a_profile_s_credential_goes_to_its_own_server_only(root: CommandLine):
    seen: list[Request] = []

    def listen(request: Request) -> Answer:
        seen.append(request)
        return 200, JSON, b"{}"

    with answering(listen) as elsewhere:
        refused = root.run("users", "list", "--url", elsewhere)

    assert 3 == refused.code
    assert f"nobody is signed in at {elsewhere}" in refused.err
    assert [] == seen


def test_a_proxy_of_the_environment_does_not_see_local_requests(root: CommandLine, dead_address: str):
    root.does("whoami", HTTP_PROXY=dead_address, http_proxy=dead_address, ALL_PROXY=dead_address)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {}, b"<html>"), "HTTP 200 without JSON"),
        ((404, JSON, b"[]"), "HTTP 404 in a shape of its own"),
        ((301, {"location": "https://elsewhere.example.com"}, b""), "it sends us to https://elsewhere.example.com"),
        ((200, JSON, b" " * 17_000_000), "the answer is larger than"),
        ((200, {"content-encoding": "gzip"}, b"{}"), "does not answer as Monoize does"),
        (None, "was lost"),
        ((200, JSON, b"[]"), "unexpected "),
    ],
    ids=["html", "foreign", "redirect", "huge", "garbled", "hangs up", "another API"],
)
def test_a_server_that_is_not_monoize_is_named(operator: CommandLine, answer: Answer | None, words: str):
    with answering(lambda _: answer) as address:
        refused = operator.run("users", "list", "--url", address, MONOIZE_TOKEN=TOKEN)

    assert (3, "") == (refused.code, refused.out)
    assert words in refused.err


def test_a_refusal_in_the_server_s_name_cannot_command_the_terminal(operator: CommandLine):
    problem = {"code": "x", "detail": "\x1b[2Jcleared", "request_id": "\x1b]0;title\x07", "retry_after_s": 7}
    body = json.dumps(problem).encode()
    with answering(lambda _: (429, {"content-type": "application/problem+json"}, body)) as address:
        refused = operator.run("users", "list", "--url", address, MONOIZE_TOKEN=TOKEN)

    assert 1 == refused.code
    assert "\x1b" not in refused.err
    assert "monoize: \\x1b[2Jcleared\nhint: Try again in 7 seconds.\n" in refused.err


def test_a_creation_whose_answer_is_lost_is_sent_again_and_made_once(
    server: Server, root: CommandLine, operator: CommandLine, fresh: Callable[[], str]
):
    secret, name = root.does("tokens", "create", fresh(), "--role", "admin").out.strip(), fresh()
    keys: list[str] = []

    def lose_the_first(request: Request) -> Answer | None:
        answer = relayed(request, server.address)
        keys.append(request.headers["idempotency-key"])
        return None if len(keys) == 1 else answer

    with answering(lose_the_first) as address:
        made = operator.does(
            "keys", "create", name, "--url", address, "--user", root_id(root), MONOIZE_TOKEN=secret
        )

    assert 2 == len(keys)
    assert 1 == len(set(keys))
    assert made.out.startswith("sk-")
    assert [name] == [key["name"] for key in root.json("keys", "list")["items"] if key["name"] == name]


def root_id(root: CommandLine) -> str:
    return str(root.json("whoami")["user"]["id"])
