"""Enrolled hosts, and what they hear when they call."""

import dataclasses
from typing import Any

import httpx2
from sqlalchemy import update

from monoize.control.fleet.tables import hosts
from support.answers import granted
from support.house import Client, RunningHouse

HOME_IP = "198.51.100.7"
ELSEWHERE_IP = "203.0.113.9"


@dataclasses.dataclass
class EnrolledHost:
    """A host as its operator and as it itself sees it."""

    house: RunningHouse
    id: int
    fqdn: str
    secret: str
    installer: dict[str, str]

    @property
    def path(self) -> str:
        return f"/api/fleet/hosts/{self.fqdn}"

    @property
    def install_token(self) -> str:
        return self.installer["url"].rpartition("/")[2]

    def calls(self, ip: str = HOME_IP) -> Client:
        return self.house.bearing(self.secret, ip=ip)


async def enrol(root: Client, house: RunningHouse, fqdn: str = "build-1.example.com", **terms: Any) -> EnrolledHost:
    made = granted(await root.post("/api/fleet/hosts", json={"fqdn": fqdn, **terms}))
    return EnrolledHost(house, made["host"]["id"], made["host"]["fqdn"], made["secret"], made["installer"])


async def stored(house: RunningHouse, host_id: int, **values: Any) -> None:
    """Put a host where time or an accident would have put it."""
    async with house.house.database.write() as tx:
        await tx.execute(update(hosts).where(hosts.c.id == host_id).values(**values))


async def report_user(client: Client, **fields: Any) -> httpx2.Response:
    """The simplest call of a host that needs its key."""
    return await client.post("/host/users", json={"username": "ada", **fields})


def told(answer: httpx2.Response) -> Any:
    """What a host is answered when it is served."""
    body = granted(answer)
    assert body["status"] == "ok", body
    return body["data"]


def refused(answer: httpx2.Response) -> tuple[int, str]:
    """(status, code) of a refusal in the words that hosts read."""
    assert answer.is_error, answer.text
    assert set(answer.json()) == {"error"}, answer.text
    assert set(answer.json()["error"]) == {"code", "message", "details"}
    return answer.status_code, answer.json()["error"]["code"]
