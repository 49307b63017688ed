"""The verbs of `monoize usage`, `monoize quota` and `monoize alerts`."""

import httpx2
import pytest
from cli.command_line import CommandLine
from support.server import Server


class Reporting:
    """A host that reports what it used."""

    def __init__(self, server: Server, root: CommandLine, name: str) -> None:
        self.name = name
        made = httpx2.post(
            f"{server.address}/api/fleet/hosts",
            json={"fqdn": name},
            headers={"authorization": f"Bearer {_credential(root)}"},
        )
        assert made.status_code == 201, made.text
        self._usage = f"{server.address}/usage"
        self.headers = {"authorization": f"Bearer {made.json()['secret']}"}

    def used(self, total: int) -> None:
        answer = httpx2.post(self._usage, json={"total": total}, headers=self.headers)
        assert answer.status_code == 200, answer.text


def _credential(root: CommandLine) -> str:
    return root.does("tokens", "create", "enrols", "--role", "admin").out.strip()


@pytest.fixture(scope="session")
def reporting(server: Server, signed_in: CommandLine) -> Reporting:
    return Reporting(server, signed_in, "reporting.example.com")


def test_what_a_host_reports_is_listed_and_added_up(root: CommandLine, reporting: Reporting):
    reporting.used(12_345)

    listed = root.does("usage", "list", "--host", reporting.name)
    assert "12345" in listed.out
    overview = root.does("usage", "overview", "--host", reporting.name)
    assert ["DAY", "WEEK", "MONTH", "ALL_TIME", reporting.name.upper()] == [
        line.split()[0].upper() for line in overview.out.splitlines() if "12345" in line
    ]
    assert "The week began at" in overview.err
    by_host = root.json(
        "usage", "show", "--everybody", "--source", "reported", "--host", reporting.name, "--by", "host"
    )
    assert [1] == [row["usage"]["calls"] for row in by_host["items"]]
    assert 1 == len(root.json("usage", "days", "--host", reporting.name)["items"])
    assert "monoize: There is no such host" in root.run("usage", "overview", "--host", "nobody").err


def test_the_account_of_a_pool_is_asked_and_shown(root: CommandLine):
    asked = root.does("quota", "refresh", "default")

    assert "no_credential" in asked.out
    assert "It can be asked again at" in asked.err
    assert "no_credential" in root.does("quota", "list").out
    assert [] == root.json("quota", "history", "default", "--days", "7")["items"]
    assert "FIVE HOURS %" in root.does("quota", "history", "default").out


def test_an_alert_is_listed_and_settled(server: Server, root: CommandLine, reporting: Reporting):
    reporting.used(1)
    wrong_place = httpx2.post(
        f"{server.address}/usage",
        json={"total": 1},
        headers={**reporting.headers, "x-forwarded-for": "203.0.113.77"},
    )
    assert wrong_place.status_code == 403

    (alert,) = root.json("alerts", "list", "--kind", "new_ip")["items"]
    assert reporting.name in root.does("alerts", "list").out
    settled = root.does("alerts", "resolve", alert["id"])

    assert f"still wrong with {reporting.name}" in settled.err
    assert [] == root.json("alerts", "list", "--kind", "new_ip")["items"]
    assert alert["id"] in root.does("alerts", "list", "--settled").out
