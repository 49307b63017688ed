"""The verbs of `monoize approvals`."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from cli.command_line import CommandLine
from support.house import PASSWORD
from support.server import Server

Fresh = Callable[[], str]


class Program:
    """A program that acts for an agent, and what it proposes."""

    def __init__(self, server: Server, root: CommandLine, name: str) -> None:
        self.secret = root.does("tokens", "create", name, "--role", "admin").out.strip()
        self._client = httpx2.Client(base_url=server.address, headers={"authorization": f"Bearer {self.secret}"})
        record = {"name": name, "role_name": "worker", "mode": "worker"}
        self.agent_id = self._asked("/api/agent-records", record)["id"]

    def proposes(self, subject: str, **fields: Any) -> str:
        body = {"agent_id": self.agent_id, "kind": "tool", "subject": subject, "arguments": '{"n": 1}', **fields}
        return str(self._asked("/api/approvals", body)["id"])

    def _asked(self, path: str, body: dict[str, Any]) -> Any:
        answer = self._client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def program(server: Server, root: CommandLine, fresh: Fresh) -> Iterator[Program]:
    made = Program(server, root, fresh())
    yield made
    made.close()


def test_what_waits_is_listed_looked_at_and_decided(root: CommandLine, program: Program):
    first, second, third = [program.proposes(f"d1_{n}", needed=n) for n in (1, 1, 2)]

    assert {first, second, third} <= {item["id"] for item in root.json("approvals", "list")["items"]}
    assert '{"n": 1}' in root.does("approvals", "show", first).out
    approved = root.does("approvals", "approve", first, "--comment", "looked at")
    assert "Approved d1_1: it may be done once, until" in approved.err
    halfway = root.does("approvals", "approve", third, "--second-factor-stdin", stdin=PASSWORD)
    assert "is number 1 of 2 that are needed" in halfway.err
    assert f"Denied d1_1, id {second}." in root.does("approvals", "deny", second).err
    again = root.run("approvals", "approve", second)
    assert (1, True) == (again.code, "not in a state" in again.err)
    assert second in [item["id"] for item in root.json("approvals", "list", "--status", "denied")["items"]]


def test_whoever_asked_takes_it_back(root: CommandLine, stranger: CommandLine, program: Program):
    asked = program.proposes("d1_execute")

    assert 1 == root.run("approvals", "withdraw", asked).code
    assert "Withdrew d1_execute." in stranger.does("approvals", "withdraw", asked, MONOIZE_TOKEN=program.secret).err


def test_the_key_of_webhooks_stands_alone_on_stdout(root: CommandLine, program: Program):
    assert 64 == len(root.does("approvals", "webhook-key", program.agent_id).out.strip())
