"""What the egress proxy carries beside tinyproxy: bytes, tunnels opened, memory of idle ones, and exact counts."""

import asyncio
import base64
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from support.house import MASTER_KEY, test_settings
from support.metered import bandwidth, metered_agents
from support.processes import environment
from support.server import Server, serving

PROXY_CORE, OTHER_CORE = 0, 1
AGENTS: Final = 40
STREAMS: Final = 4
DOWNLOADED: Final = 512 * 2**20
PIECE: Final = bytes(256 * 1024)
OPENED: Final = 3_000
OPENERS: Final = 64
IDLE: Final = 2_000
RUNS: Final = 3
WAIT_S: Final = 30.0
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
SHARE_LEAST, OPENED_LEAST, MEMORY_MOST_MB = 0.5, 1_500, 100


class Proxy(NamedTuple):
    name: str
    pid: int
    port: int
    credentials: list[str]


class Rate(NamedTuple):
    """By the clock, and for each second of the proxy's own CPU time: what one core of its own would carry."""

    per_s: float
    per_cpu_s: float


class Target:
    """Sends as many bytes as it is asked for, or holds still; counts what it reads and writes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self._listener.getsockname()[1]
        self.counted = 0
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            peer, _ = self._listener.accept()
            peer.settimeout(WAIT_S)
            threading.Thread(target=self._talk, args=(peer,), daemon=True).start()

    def _talk(self, peer: socket.socket) -> None:
        counted = 0
        with peer, contextlib.suppress(OSError):
            peer.settimeout(None)
            asked = peer.recv(64)
            counted += len(asked)
            left = int(asked or b"0")
            while left:
                sent = peer.send(PIECE[:left])
                counted += sent
                left -= sent
            peer.shutdown(socket.SHUT_WR)
            while data := peer.recv(65536):
                counted += len(data)
        with self._lock:
            self.counted += counted


def tunnel(proxy: Proxy, number: int, port: int) -> socket.socket:
    credential = proxy.credentials[number % len(proxy.credentials)]
    shown = base64.b64encode(credential.encode()).decode()
    line = socket.create_connection(("127.0.0.1", proxy.port), timeout=WAIT_S)
    line.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nProxy-Authorization: Basic {shown}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = line.recv(4096)
        if not piece:
            break
        answer += piece
    if b" 200 " not in answer[:16]:
        raise AssertionError(f"{proxy.name}: {answer!r}")
    return line


def download(proxy: Proxy, target: Target) -> Rate:
    """Over some tunnels at once."""

    def one(number: int) -> None:
        with tunnel(proxy, number, target.port) as line:
            size = DOWNLOADED // STREAMS
            line.sendall(b"%d" % size)
            buffer = bytearray(1024 * 1024)
            while size:
                size -= line.recv_into(buffer)

    rate = measured(proxy, one, STREAMS)
    return Rate(DOWNLOADED / 2**20 / rate.per_s, DOWNLOADED / 2**20 / rate.per_cpu_s)


def open_many(proxy: Proxy, target: Target) -> Rate:
    def some(first: int) -> None:
        for number in range(first, OPENED, OPENERS):
            with tunnel(proxy, number, target.port):
                pass

    taken = measured(proxy, some, OPENERS)
    return Rate(OPENED / taken.per_s, OPENED / taken.per_cpu_s)


def measured(proxy: Proxy, work: Callable[[int], None], at_once: int) -> Rate:
    """Seconds, by the clock and of the proxy's CPU."""
    workers = [threading.Thread(target=work, args=(number,)) for number in range(at_once)]
    started, cpu = time.perf_counter(), cpu_s(proxy.pid)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Rate(time.perf_counter() - started, max(cpu_s(proxy.pid) - cpu, 1 / TICKS_PER_S))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / TICKS_PER_S


def memory_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def idle_mb(proxy: Proxy, target: Target) -> float:
    with contextlib.ExitStack() as stack:
        for number in range(IDLE):
            stack.enter_context(tunnel(proxy, number, target.port))
            if number % 500 == 499:
                # Within the pace of each agent.
                time.sleep(0.2)
        return memory_mb(proxy.pid)


@contextlib.contextmanager
def tinyproxy(folder: Path, target_port: int) -> Iterator[Proxy]:
    binary = shutil.which("tinyproxy")
    if binary is None:
        raise SystemExit("tinyproxy is needed for comparison: apt-get install tinyproxy-bin")
    port = free_port()
    file = folder / "tinyproxy.conf"
    file.write_text(
        f"Port {port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 4000\nLogLevel Critical\n"
        f'LogFile "{folder}/tinyproxy.log"\nConnectPort {target_port}\nBasicAuth agent token\n'
    )
    process = subprocess.Popen([binary, "-d", "-c", str(file)], stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        os.sched_setaffinity(process.pid, {PROXY_CORE})
        yield Proxy("tinyproxy", process.pid, port, ["agent:token"])
    finally:
        process.terminate()
        process.wait(WAIT_S)


@contextlib.contextmanager
def egress(folder: Path, target_port: int) -> Iterator[tuple[Proxy, Server]]:
    """As `monoize serve` starts it beside itself."""
    file = folder / "monoize.db"
    settings = test_settings(f"sqlite://{file}", folder)
    credentials = asyncio.run(metered_agents(settings, AGENTS))
    port = free_port()
    with serving(
        folder,
        env=environment(
            MONOIZE_DATABASE_DSN=f"sqlite://{file}",
            MONOIZE_DATA_DIR=str(folder),
            MONOIZE_MASTER_KEY=MASTER_KEY,
            MONOIZE_EGRESS_LISTEN=f"127.0.0.1:{port}",
            MONOIZE_EGRESS_PORTS=str(target_port),
            MONOIZE_EGRESS_OPEN_NETWORKS="127.0.0.0/8",
        ),
    ) as server:
        wait_for(port)
        pid = child_of(server.process.pid)
        os.sched_setaffinity(pid, {PROXY_CORE})
        os.sched_setaffinity(server.process.pid, {OTHER_CORE})
        yield Proxy("monoize egress", pid, port, credentials), server


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def wait_for(port: int) -> None:
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)
        else:
            return


def best(rates: list[Rate]) -> Rate:
    return Rate(max(rate.per_s for rate in rates), max(rate.per_cpu_s for rate in rates))


def line(what: str, name: str, rate: Rate, unit: str) -> str:
    return f"{what:<22}{name:<16}{rate.per_s:9.0f} {unit}/s {rate.per_cpu_s:9.0f} {unit} per second of its CPU"


def main() -> int:
    os.sched_setaffinity(0, {OTHER_CORE})
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        other_target, target = Target(), Target()
        theirs = stack.enter_context(tinyproxy(folder, other_target.port))
        ours, server = stack.enter_context(egress(folder, target.port))
        # In turns, so that what else this machine does falls on both.
        carried: dict[str, list[Rate]] = {theirs.name: [], ours.name: []}
        opened: dict[str, list[Rate]] = {theirs.name: [], ours.name: []}
        for _ in range(RUNS):
            for proxy, to in ((theirs, other_target), (ours, target)):
                carried[proxy.name].append(download(proxy, to))
                opened[proxy.name].append(open_many(proxy, to))
        theirs_mb, ours_mb = idle_mb(theirs, other_target), idle_mb(ours, target)
        time.sleep(1)
        server.stop()
        counted, known = target.counted, bandwidth(folder / "monoize.db")
    carries, opens = (
        {name: best(rates) for name, rates in carried.items()},
        {name: best(rates) for name, rates in opened.items()},
    )
    for name in carries:
        print(line("through tunnels", name, carries[name], "MB"))
    for name in opens:
        print(line("tunnels opened", name, opens[name], "tunnels"))
    print(f"{IDLE} idle tunnels     tinyproxy {theirs_mb:.0f} MB, monoize egress {ours_mb:.0f} MB")
    print(f"counted by the target {counted:,} bytes, in the database {known:,} bytes")
    share = carries[ours.name].per_cpu_s / carries[theirs.name].per_cpu_s
    held = (
        share >= SHARE_LEAST
        and opens[ours.name].per_cpu_s >= OPENED_LEAST
        and ours_mb < MEMORY_MOST_MB
        and counted == known
    )
    print(
        f"egress: {'holds' if held else 'DOES NOT HOLD'}: {share:.2f} × tinyproxy on one core, "
        f"{opens[ours.name].per_cpu_s:.0f} CONNECT/s on one core ({opens[ours.name].per_s:.0f} by the clock), "
        f"{IDLE} idle tunnels in {ours_mb:.0f} MB, counted {'to the byte' if counted == known else 'WRONGLY'}"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
