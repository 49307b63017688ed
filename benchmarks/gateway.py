"""What the gateway costs beside nginx, LiteLLM and Portkey: CPU of requests and streams, latency, memory, start."""

import asyncio
import contextlib
import csv
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import httpx2
import uvloop
from support import rivals
from support.processes import environment
from support.server import serving

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.target import Target

ROOT: Final = Path(__file__).parents[1]
WORK: Final = ROOT / ".work"
RESULTS: Final = ROOT / "benchmarks" / "results" / "gateway.csv"
ADMIN: Final = "an operators own token 0123456789"
# The measured server has the first core for itself, everybody else shares the second.
SERVER_CORE, OTHER_CORE = 0, 1
AT_ONCE: Final = 64
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
PLAIN_LEAST, STREAM_MOST, ADDED_MOST_US, MEMORY_MOST_MB, START_MOST_S = 0.15, 2.0, 150, 80, 1.0
LITELLM_LEAST: Final = 100

BODY: Final = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello world " * 80}]}).encode()
STREAM_BODY: Final = BODY[:-1] + b', "stream": true, "stream_options": {"include_usage": true}}'


class Times(NamedTuple):
    """How often each is asked."""

    warm: int
    plain: int
    streams: int
    alone: int


MANY: Final = Times(500, 20_000, 640, 2_000)
FEW: Final = Times(128, 1_024, 64, 100)
"""Enough for what takes a hundred times as long."""


class Figures(NamedTuple):
    """`_us` are microseconds of the server's own CPU for each request; latency is the median, one at a time.

    `stream_us` is not a number where the server cannot stream.
    """

    name: str
    plain_per_s: float
    plain_us: float
    stream_us: float
    alone_us: float
    memory_mb: float
    start_s: float


class Load:
    def __init__(self, address: str, key: str, headers: Mapping[str, str]) -> None:
        self._client = Client(per_target_most=500)
        self._target, self._path = Target.of(f"{address}/v1/chat/completions")
        self._headers = [(b"authorization", b"Bearer " + key.encode()), (b"content-type", b"application/json")]
        self._headers += [(name.encode(), value.encode()) for name, value in headers.items()]

    async def ask(self, body: bytes) -> None:
        status, told = await self._asked(body)
        assert status == 200, told
        assert told.endswith(b"}") or b"[DONE]" in told

    async def is_streamed(self) -> bool:
        """Portkey's 1.15 fails at every stream on Node 20."""
        return (await self._asked(STREAM_BODY))[0] == 200

    async def _asked(self, body: bytes) -> tuple[int, bytes]:
        answer = await self._client.send(self._target, "POST", self._path, self._headers, body, Timeouts())
        told = await answer.read(10**7)
        await answer.release()
        return answer.status, told

    async def many(self, body: bytes, times: int) -> float:
        """Requests a second."""

        async def some() -> None:
            for _ in range(times // AT_ONCE):
                await self.ask(body)

        started = time.perf_counter()
        async with asyncio.TaskGroup() as together:
            for _ in range(AT_ONCE):
                together.create_task(some())
        return times / (time.perf_counter() - started)

    async def alone(self, times: int) -> float:
        """The median of one after the other, in µs."""
        took = []
        for _ in range(times):
            started = time.perf_counter()
            await self.ask(BODY)
            took.append(time.perf_counter() - started)
        return statistics.median(took) * 1e6

    async def close(self) -> None:
        await self._client.close()


def cpu_s(pids: list[int]) -> float:
    """Of all their threads, in user and system mode."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_PER_S


def memory_mb(pids: list[int]) -> float:
    kb = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        kb += int(status.split("VmRSS:")[1].split()[0])
    return kb / 1024


async def measured(
    name: str,
    address: str,
    key: str,
    pids: list[int],
    start_s: float,
    times: Times = MANY,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Figures:
    load = Load(address, key, headers)

    async def cost_us(work: Callable[[], Awaitable[Any]], asked: int) -> tuple[Any, float]:
        before = cpu_s(pids)
        outcome = await work()
        return outcome, (cpu_s(pids) - before) / asked * 1e6

    await load.many(BODY, times.warm)
    plain_per_s, plain_us = await cost_us(lambda: load.many(BODY, times.plain), times.plain)
    stream_us = math.nan
    if await load.is_streamed():
        await load.many(STREAM_BODY, AT_ONCE)
        _, stream_us = await cost_us(lambda: load.many(STREAM_BODY, times.streams), times.streams)
    alone_us = await load.alone(times.alone)
    await load.close()
    return Figures(name, plain_per_s, plain_us, stream_us, alone_us, memory_mb(pids), start_s)


@contextlib.contextmanager
def process(*command: str, core: int) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(
        _on(core, *command),
        stdout=subprocess.PIPE,
        text=True,
        env=environment(PYTHONPATH="tests"),
    )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(10)


@contextlib.contextmanager
def nginx(upstream: str) -> Iterator[tuple[str, list[int], float]]:
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        config = Path(folder) / "nginx.conf"
        config.write_text(
            "worker_processes 1; daemon off; pid nginx.pid; error_log stderr;"
            "events { worker_connections 1024; }"
            "http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f;"
            " uwsgi_temp_path u; scgi_temp_path s; keepalive_requests 1000000;"
            f" upstream there {{ server {upstream}; keepalive 128; keepalive_requests 1000000; }}"
            " server { listen 127.0.0.1:18089; location / { proxy_pass http://there;"
            ' proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } } }'
        )
        started = time.monotonic()
        with process(str(shutil.which("nginx")), "-p", folder, "-c", str(config), core=SERVER_CORE) as master:
            address = "http://127.0.0.1:18089"
            while not _listens(address):
                time.sleep(0.01)
            start_s = time.monotonic() - started
            children = Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()
            yield address, [int(child) for child in children], start_s


def _listens(address: str) -> bool:
    try:
        httpx2.get(address, timeout=1)
    except httpx2.TransportError:
        return False
    return True


@contextlib.contextmanager
def monoize(upstream: str) -> Iterator[tuple[str, str, list[int], float]]:
    """A gateway of its own; the control plane, where the charges go, is with everybody else on the second core."""
    serve = (sys.executable, "-m", "monoize", "serve")
    settings: dict[str, Any] = {"MONOIZE_ADMIN_TOKEN": ADMIN, "MONOIZE_LOG_LEVEL": "warning"}
    with (
        tempfile.TemporaryDirectory(dir=WORK) as name,
        serving(Path(name), command=_on(OTHER_CORE, *serve, "--port", "0"), **settings) as control,
    ):
        key = _prepared(control.address, upstream)
        command = _on(SERVER_CORE, *serve, "gateway", "--port", "0", "--control-url", control.address)
        with serving(Path(name), command=command, **settings) as server:
            yield server.address, key, [server.process.pid], server.ready_s


def _on(core: int, *command: str) -> tuple[str, ...]:
    return ("taskset", "-c", str(core), *command)


def _prepared(address: str, upstream: str) -> str:
    with httpx2.Client(base_url=address, headers={"authorization": f"Bearer {ADMIN}"}, timeout=30) as api:

        def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = api.post(path, json=body)
            assert answer.is_success, answer.text
            made: dict[str, Any] = answer.json()
            return made

        price = {"provider": "openai", "model_key": "m", "input_usd_per_mtok": "1", "output_usd_per_mtok": "2"}
        post("/api/prices", price | {"source_url": "https://example.com/prices"})
        channels = [{"name": "there", "base_url": f"http://{upstream}", "api_key": "their-key"}]
        models = [{"name": "m"}]
        post("/api/providers", {"name": "there", "type": "chat_completion", "models": models, "channels": channels})
        user_id = post("/api/users", {"username": "alice"})["id"]
        post("/api/ledger/top-ups", {"user_id": user_id, "amount_nano_usd": str(10**15)})
        return str(post("/api/keys", {"name": "laptop", "user_id": user_id})["secret"])


def shown(figures: Figures) -> None:
    print(
        f"{figures.name:<8} {figures.plain_per_s:8.0f} plain/s {figures.plain_us:7.1f} µs each, "
        f"{figures.stream_us:7.0f} µs a stream, {figures.alone_us:6.0f} µs alone, "
        f"{figures.memory_mb:5.1f} MB, up after {figures.start_s:.2f} s",
        flush=True,
    )


def main() -> int:
    WORK.mkdir(exist_ok=True)
    os.sched_setaffinity(0, {OTHER_CORE})
    with process(sys.executable, "-m", "support.fast_upstream", core=OTHER_CORE) as there:
        assert there.stdout
        upstream = f"127.0.0.1:{there.stdout.readline().strip()}"
        with nginx(upstream) as (address, pids, start_s):
            known = uvloop.run(measured("nginx", address, "none", pids, start_s))
        shown(known)
        with monoize(upstream) as (address, key, pids, start_s):
            ours = uvloop.run(measured("monoize", address, key, pids, start_s))
        shown(ours)
        others = []
        for name, rival in (("litellm", rivals.litellm), ("portkey", rivals.portkey)):
            with rival(upstream, SERVER_CORE) as (address, headers, pids, start_s):
                others.append(uvloop.run(measured(name, address, rivals.KEY, pids, start_s, FEW, headers)))
            shown(others[-1])
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(Figures._fields)
        table.writerows([known, ours, *others])
    plain = known.plain_us / ours.plain_us
    over_litellm = others[0].plain_us / ours.plain_us
    stream = ours.stream_us / known.stream_us
    added_us = ours.alone_us - known.alone_us
    held = (
        plain >= PLAIN_LEAST
        and over_litellm >= LITELLM_LEAST
        and stream <= STREAM_MOST
        and added_us <= ADDED_MOST_US
        and ours.memory_mb < MEMORY_MOST_MB
        and ours.start_s < START_MOST_S
    )
    print(
        f"gateway: {'holds' if held else 'DOES NOT HOLD'}: plain {plain:.2f} × nginx (of {PLAIN_LEAST}) "
        f"and {over_litellm:.0f} × LiteLLM (of {LITELLM_LEAST}), "
        f"stream {stream:.1f} × its CPU (of {STREAM_MOST}), {added_us:+.0f} µs alone (of {ADDED_MOST_US}), "
        f"{ours.memory_mb:.0f} MB (of {MEMORY_MOST_MB}), up after {ours.start_s:.2f} s (of {START_MOST_S})"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
