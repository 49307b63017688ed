"""Against servers that do anything at any moment: the right answer or one known problem, and no place is lost."""

import asyncio
import random
import re

from gateway.upstream.asking import ask
from support.raw_server import Peer, always, ok, raw_server

from monoize.contract.snapshot import Timeouts
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstream.errors import UpstreamProblem

REQUESTS = 600
TIMEOUTS = Timeouts(connect_ms=3000, first_byte_ms=100, idle_ms=100, total_ms=3000)


async def test_chaos():
    dice = random.Random(7)
    seen = set()

    async def script(peer: Peer) -> None:
        while True:
            if dice.random() < 0.02:
                return
            request = await peer.request()
            body = re.search(rb"\r\n\r\n(\d+)$", request)[1] * 50
            answer = ok(body) if dice.random() < 0.5 else chunked(body)
            at = dice.randrange(len(answer))
            match dice.randrange(12):
                case 0:
                    return
                case 1:
                    peer.reset()
                case 2:
                    await peer.send(answer[:at])
                    return
                case 3:
                    await peer.send(answer[:at])
                    peer.reset()
                case 4:
                    await peer.send(answer[:at])
                    await asyncio.sleep(0.2)
                case 5:
                    await peer.send(answer + b"HTTP/1.1 200 OK\r\n")
                case 6:
                    await peer.send(answer)
                    return
                case 7:
                    await peer.send(answer, b"x")
                case _:
                    await peer.send(answer[:at], answer[at:])

    async def one(number: int) -> None:
        await asyncio.sleep(dice.random() * 0.5)
        asking = asyncio.create_task(ask(client, server, b"%d" % number, TIMEOUTS))
        if dice.random() < 0.2:
            await asyncio.sleep(dice.random() * 0.01)
            asking.cancel()
        try:
            assert b"%d" % number * 50 == await asking
        except asyncio.CancelledError:
            seen.add("cancelled")
        except UpstreamProblem as problem:
            seen.add(problem.kind)

    client = Client(connections_most=12, per_target_most=10)
    pool = client._pool
    async with raw_server(script) as server, raw_server(always(ok(b"y"))) as other:
        crowd = asyncio.gather(*(one(number) for number in range(REQUESTS)))
        while not crowd.done():
            assert b"y" == await ask(client, other)
            assert pool._slots <= 12
            await asyncio.sleep(0.01)
        await crowd
        assert {"cancelled", "truncated", "timeout_first_byte", "timeout_idle"} <= seen
        assert seen <= {"cancelled", "truncated", "timeout_first_byte", "timeout_idle", "malformed"}
        await asyncio.sleep(0.3)
        assert pool._slots == len(pool._members) == sum(len(lane.idle) for lane in pool._lanes.values())
        assert pool._sockets == pool._members
        await client.close()
    assert ({}, 0) == (pool._lanes, pool._waiting)


def chunked(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
