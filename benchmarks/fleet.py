"""What a thousand hosts that sync every minute cost one server over SQLite, beside asking it how it is."""

import asyncio
import dataclasses
import itertools
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx2
from support.logins import ago, digest, login, normal
from support.server import Server, serving

HOSTS: Final = 1_000
MINUTE_S: Final = 60.0
START_S: Final = 60
IDLE_S: Final = 10.0
AT_ONCE: Final = 16
RIVALS: Final = 100
HEALTH_CHECKS: Final = 500
P99_MOST_MS: Final = 50.0
CPU_MOST: Final = 0.25
REFUSED_WITHIN_S: Final = 1.0
ASKED_EVERY_S: Final = 0.05
ADMIN_TOKEN: Final = "a-token-for-this-benchmark-only"
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
# After the name of the program, which may hold anything: user and system time.
STAT_TIMES: Final = slice(11, 13)

Json = dict[str, Any]


@dataclasses.dataclass
class Hub:
    """One server, asked over a new connection each time, as couriers do."""

    server: Server

    def __post_init__(self) -> None:
        self._host, _, port = self.server.address.removeprefix("http://").rpartition(":")
        self._port = int(port)

    async def ask(self, method: str, path: str, key: str, body: Json | None = None) -> tuple[int, Json]:
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self._host}\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(head.encode() + content)
            answer = await reader.read()
        finally:
            writer.close()
        top, _, told = answer.partition(b"\r\n\r\n")
        return int(top.split(maxsplit=2)[1]), json.loads(told) if told else {}

    async def operator(self, method: str, path: str, body: Json | None = None) -> Json:
        status, told = await self.ask(method, path, ADMIN_TOKEN, body)
        assert status < 300, told
        return told

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.server.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[STAT_TIMES])) / TICKS_PER_S


@dataclasses.dataclass
class Host:
    """What a courier keeps: the key, and the login as it was last brought."""

    fqdn: str
    key: str
    phase: float
    file: Json

    async def sync(self, hub: Hub) -> str:
        asked = {"command": "retrieve", "digest": digest(self.file), "last_refresh": self.file["last_refresh"]}
        status, told = await hub.ask("POST", "/auth", self.key, asked)
        assert status == 200, told
        data = told["data"]
        self.file = data.get("auth", self.file)
        return str(data["status"])


@dataclasses.dataclass
class Minute:
    """How one minute of everybody's syncs went."""

    answers: Counter[str]
    latencies_ms: Sequence[float]
    cpu: float

    @property
    def p99_ms(self) -> float:
        return percentile_99(self.latencies_ms)

    def line(self, what: str) -> str:
        median = statistics.median(self.latencies_ms)
        told = ", ".join(f"{count} {status}" for status, count in self.answers.items())
        return f"{what:<42} p50 {median:6.1f} ms  p99 {self.p99_ms:6.1f} ms  cpu {self.cpu:5.1%}  {told}"


def percentile_99(latencies_ms: Sequence[float]) -> float:
    return statistics.quantiles(latencies_ms, n=100)[-1]


async def enrolled(hub: Hub, dice: random.Random) -> list[Host]:
    waiting = iter(range(HOSTS))
    hosts: list[Host] = []

    async def enrol_some() -> None:
        for number in waiting:
            fqdn = f"host-{number}.example.com"
            made = await hub.operator("POST", "/api/fleet/hosts", {"fqdn": fqdn})
            nothing = {"auths": {}, "last_refresh": "2000-01-01T00:00:00Z"}
            hosts.append(Host(fqdn, made["secret"], dice.random(), nothing))

    await asyncio.gather(*(enrol_some() for _ in range(AT_ONCE)))
    return hosts


async def upload(hub: Hub, name: str, last_refresh: str) -> Json:
    document = login(name, last_refresh=last_refresh)
    await hub.operator("POST", "/api/fleet/credentials/default", {"auth": document})
    return normal(document)


async def minute(hub: Hub, hosts: Sequence[Host]) -> Minute:
    """Everybody syncs once, each at a moment of its own."""
    answers: Counter[str] = Counter()
    latencies_ms: list[float] = []

    async def one(host: Host) -> None:
        await asyncio.sleep(host.phase * MINUTE_S)
        asked_s = time.perf_counter()
        answers[await host.sync(hub)] += 1
        latencies_ms.append((time.perf_counter() - asked_s) * 1000)

    cpu_s, started_s = hub.cpu_s(), time.perf_counter()
    await asyncio.gather(*map(one, hosts))
    left_s = MINUTE_S - (time.perf_counter() - started_s)
    await asyncio.sleep(max(0.0, left_s))
    return Minute(answers, latencies_ms, (hub.cpu_s() - cpu_s) / (time.perf_counter() - started_s))


async def health_ms(hub: Hub) -> float:
    latencies_ms = []
    for _ in range(HEALTH_CHECKS):
        asked_s = time.perf_counter()
        await hub.ask("GET", "/healthz", "-")
        latencies_ms.append((time.perf_counter() - asked_s) * 1000)
    return percentile_99(latencies_ms)


async def refused_after_s(hub: Hub, host: Host) -> float:
    """From when the operator was told that the host is suspended until it is refused."""
    await hub.operator("POST", f"/api/fleet/hosts/{host.fqdn}/suspend")
    suspended_s = time.perf_counter()
    asked = {"command": "retrieve", "digest": digest(host.file), "last_refresh": host.file["last_refresh"]}
    for _ in itertools.count():
        status, _ = await hub.ask("POST", "/auth", host.key, asked)
        if status == 403:
            return time.perf_counter() - suspended_s
        await asyncio.sleep(ASKED_EVERY_S)
    raise AssertionError


async def winners(hub: Hub, hosts: Sequence[Host]) -> tuple[Counter[str], bool]:
    """What rivals are told that renewed the same login at once, and whether the one that won is what all get."""
    base = digest(hosts[0].file)
    moment = ago(seconds=1)

    async def store(number: int, host: Host) -> tuple[str, Json]:
        document = login(f"rival-{number}", last_refresh=moment)
        body = {"command": "store", "auth": document, "base_digest": base}
        status, told = await hub.ask("POST", "/auth", host.key, body)
        assert status == 200, told
        return told["data"]["status"], normal(document)

    ended = await asyncio.gather(*(store(number, host) for number, host in enumerate(hosts)))
    won = [document for status, document in ended if status == "updated"]
    for host in hosts:
        await host.sync(hub)
    return Counter(status for status, _ in ended), [won[0]] * len(hosts) == [host.file for host in hosts]


async def idle_cpu(hub: Hub) -> float:
    cpu_s, started_s = hub.cpu_s(), time.perf_counter()
    await asyncio.sleep(IDLE_S)
    return (hub.cpu_s() - cpu_s) / (time.perf_counter() - started_s)


async def measured(server: Server) -> bool:
    hub, dice = Hub(server), random.Random(20261121)
    # Once it answers here, a start has loaded all that it goes on loading beside its first requests.
    httpx2.get(f"{server.address}/versions", timeout=START_S)
    print(f"{'a server that nobody asks':<42} cpu {await idle_cpu(hub):.1%}", flush=True)
    hosts = await enrolled(hub, dice)
    await upload(hub, "first", ago(hours=3))
    first = await minute(hub, hosts)
    print(first.line("every host fetches its first login"), flush=True)
    steady = await minute(hub, hosts)
    print(steady.line("every host has the login it should have"), flush=True)
    second = await upload(hub, "second", ago(hours=2))
    renewed = await minute(hub, hosts)
    print(renewed.line("every host fetches a new login"), flush=True)
    reached = sum(host.file == second for host in hosts)
    print(f"{'hosts that a new login reached':<42} {reached} of {HOSTS} at their next sync")
    refused_s = await refused_after_s(hub, hosts.pop())
    print(f"{'a suspended host is refused':<42} {refused_s * 1000:.0f} ms later")
    told, agrees = await winners(hub, hosts[:RIVALS])
    shown = ", ".join(f"{count} {status}" for status, count in told.items())
    print(f"{f'{RIVALS} hosts hand in a login at once':<42} {shown}; all get the winner's: {agrees}")
    print(f"{'GET /healthz, nothing else going on':<42} p99 {await health_ms(hub):.1f} ms")
    held = (
        steady.p99_ms < P99_MOST_MS
        and steady.cpu < CPU_MOST
        and reached == HOSTS
        and refused_s <= REFUSED_WITHIN_S
        and told["updated"] == 1
        and agrees
    )
    verdict = "holds" if held else "DOES NOT HOLD"
    print(
        f"fleet: {verdict}: {HOSTS} hosts a minute at p99 {steady.p99_ms:.1f} of {P99_MOST_MS:.0f} ms,"
        f" {steady.cpu:.1%} of {CPU_MOST:.0%} of a core"
    )
    return held


def main() -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), MONOIZE_ADMIN_TOKEN=ADMIN_TOKEN, MONOIZE_LOG_LEVEL="warning") as server,
    ):
        return 0 if asyncio.run(measured(server)) else 1


if __name__ == "__main__":
    sys.exit(main())
