"""`monoize requests` and `monoize explain`, about requests that a running gateway has answered."""

import time
from collections.abc import Callable
from typing import Any, Final

import httpx2
import pytest
from cli.command_line import CommandLine
from support.house import PASSWORD
from support.server import Server

Fresh = Callable[[], str]

LOGGED_S: Final = 20
MULTIPLIER: Final = "1.1"
# Three words in and five out, at 1 and 2 USD for a million tokens.
COST: Final = 13_000
CHARGE: Final = 14_300


def words(done_out: str) -> list[list[str]]:
    return [line.split() for line in done_out.splitlines()]


def facts(out: str) -> dict[str, str]:
    """What stands in the lines of a record, by its name."""
    pairs = [line.split("  ", 1) for line in out.splitlines() if "  " in line]
    return {name: text.strip() for name, text in pairs}


class Chat:
    """Somebody who talks to a model, and waits until what they said is in the log."""

    def __init__(self, server: Server, root: CommandLine, name: str) -> None:
        self.name, self.model = name, f"m-{name}"
        self._server, self._root = server, root
        root.does("users", "create", name, "--password-stdin", stdin=PASSWORD)
        root.does("ledger", "top-up", name, "5")
        self.secret = root.does("keys", "create", "laptop", "--user", name).out.strip()
        rates = ("--input", "1", "--output", "2", "--source", "https://example.com/prices")
        root.does("prices", "set", "echo", self.model, *rates)
        offer = ("--type", "echo", "--model", self.model, "--multiplier", MULTIPLIER)
        made = root.json("providers", "create", f"up-{name}", *offer, "--base-url", "https://echo.example.com")
        self.channel = made["channels"][0]["name"]

    def says(self, text: str) -> str:
        """The id of the request."""
        answer = httpx2.post(
            f"{self._server.address}/v1/chat/completions",
            json={"model": self.model, "messages": [{"role": "user", "content": text}]},
            headers={"authorization": f"Bearer {self.secret}"},
        )
        request_id, until = answer.headers["x-request-id"], time.monotonic() + LOGGED_S
        while not self._listed(request_id):
            assert time.monotonic() < until, answer.text
            time.sleep(0.1)
        return request_id

    def _listed(self, request_id: str) -> list[Any]:
        found: list[Any] = self._root.json("requests", "list", "--everybody", "--request-id", request_id)["items"]
        return found


@pytest.fixture(scope="module")
def chat(server: Server, signed_in: CommandLine) -> Chat:
    return Chat(server, signed_in, "talker")


@pytest.fixture(scope="module")
def answered(chat: Chat) -> str:
    return chat.says("one two three")


@pytest.fixture(scope="module")
def refused(chat: Chat) -> str:
    return chat.says("/fail 503")


@pytest.fixture
def talker(server: Server, chat: Chat, stranger: CommandLine) -> CommandLine:
    """The user whose requests these are, signed in."""
    stranger.does("login", "--url", server.address, "--name", chat.name, "--password-stdin", stdin=PASSWORD)
    return stranger


def test_requests_are_listed_and_filtered(
    root: CommandLine, talker: CommandLine, chat: Chat, answered: str, refused: str
):
    lines = words(talker.does("requests", "list").out)
    assert ["CREATED", "AT", "MODEL", "STATUS"] == lines[0][:4]
    assert [refused, answered] == [line[-1] for line in lines[1:]]
    assert ["error", "success"] == [line[2] for line in lines[1:]]
    assert "0.0000143" == lines[2][-2]

    of = ("--user", chat.name)
    for filters, expected in (
        (("--status", "error"), [refused]),
        (("--model", chat.model, "--status", "success"), [answered]),
        (("--key", "laptop"), [refused, answered]),
        (("--request-id", answered), [answered]),
        (("--since", "2020-01-01", "--until", "2020-01-02"), []),
        (("--limit", "1"), [refused]),
    ):
        found = root.json("requests", "list", *of, *filters)["items"]
        assert expected == [item["request_id"] for item in found], filters
    assert "USER ID" in root.does("requests", "list", "--everybody").out
    assert 2 == root.run("requests", "list", "--everybody", *of).code
    assert 2 == root.run("requests", "list", "--status", "pending").code
    assert 1 == talker.run("requests", "list", "--everybody").code


def test_an_administrator_is_told_everything_about_a_request(root: CommandLine, chat: Chat, answered: str):
    out = root.does("explain", answered).out
    about, attempts, lines, charge = (part.splitlines() for part in out.split("\n\n"))

    said = facts("\n".join(about))
    assert (answered, chat.name, "laptop", chat.model) == tuple(
        said[name] for name in ("request", "user", "key", "model")
    )
    assert f"up-{chat.name} / {chat.channel} / {chat.model}" == said["answered by"]
    assert ("success", "chat") == (said["status"], said["protocol"])
    assert said["first byte"].startswith("after ")
    assert ["1", "answered", "-", "-", f"up-{chat.name}", chat.channel, chat.model] == attempts[1].split()
    assert lines[0].endswith("COST USD")
    assert ["input", "3", "0", "token", "1", "million", "tokens", "-", "0.000003"] == lines[1].split()
    assert ["output", "5", "0", "token", "2", "million", "tokens", "-", "0.00001"] == lines[2].split()
    came = facts("\n".join(charge))
    assert ("0.000013", MULTIPLIER, "0.0000143") == tuple(
        came[name] for name in ("cost usd", "multiplier", "charge usd")
    )
    assert came["booked"].startswith("request_charge ")
    assert "no" == came["estimated"]


def test_a_user_is_told_what_they_pay(talker: CommandLine, chat: Chat, answered: str):
    out = talker.does("explain", answered).out

    lines = words(out.split("\n\n")[2])
    assert ["CHARGE", "USD"] == lines[0][-2:]
    assert ["1.1", "2.2"] == [line[4] for line in lines[1:]]
    assert ["0.0000033", "0.000011"] == [line[-1] for line in lines[1:]]
    assert "cost usd" not in out
    assert f"up-{chat.name}" not in out
    told = talker.json("explain", answered)
    assert CHARGE == sum(int(line["amount_nano_usd"]) for line in told["bill"]["lines"])
    assert (str(CHARGE), None) == (told["bill"]["charge_nano_usd"], told["bill"]["behind"])


def test_a_failed_request_says_why_each_attempt_failed(root: CommandLine, talker: CommandLine, refused: str):
    for somebody in (root, talker):
        out = somebody.does("explain", refused).out
        said = facts(out)
        assert "error 503 echo_refused" == said["status"]
        assert "0.00" == said["charge usd"]
        assert ["1", "failed", "503", "echo_refused"] == words(out.split("\n\n")[1])[1][:4]
        assert "booked" not in said
    assert {"cost_nano_usd": "0", "multiplier": MULTIPLIER}.items() <= (
        root.json("explain", refused)["bill"]["behind"].items()
    )


def test_what_is_not_there_or_not_yours_is_not_explained(root: CommandLine, server: Server, fresh: Fresh):
    for wanted in (fresh(), "a/b?c=d#e", "%2e%2e", "../users", "..", "ä\n"):
        done = root.run("explain", "--", wanted)
        assert (1, "") == (done.code, done.out), wanted
        assert "hint: " in done.err


def test_others_requests_are_not_explained(
    server: Server, root: CommandLine, stranger: CommandLine, answered: str, fresh: Fresh
):
    other = fresh()
    root.does("users", "create", other, "--password-stdin", stdin=PASSWORD)
    stranger.does("login", "--url", server.address, "--name", other, "--password-stdin", stdin=PASSWORD)

    done = stranger.run("explain", answered)

    assert (1, "") == (done.code, done.out)
    assert "There is no such request in the log." in done.err
    assert [] == stranger.json("requests", "list")["items"]
