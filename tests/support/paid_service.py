"""A process that serves paid requests the way the gateway does, and the client that loads it: `python -m
support.paid_service FOLDER DSN REDIS_URL MASTER_KEY`.

It answers a line `request_id user_id amount` with `charged`, `refused CODE` or `abandoned` once that is durable.
"""

import asyncio
import random
import sys
from pathlib import Path

import uvloop

from monoize.base.errors import Refusal
from monoize.contract.budgets import user_budget
from monoize.gateway.meter import Meter
from monoize.infra import log
from monoize.infra.holds import Claim
from monoize.infra.settings import Settings
from monoize.main.bridge import Bridge
from monoize.main.house import open_house
from monoize.main.money import open_money
from support.money import request

UPSTREAM_S = 0.01
ABANDONED_SHARE = 0.05
# What a request is charged if nobody ever says more: its input.
FLOOR_SHARE = 4


async def pay(meter: Meter, request_id: str, user_id: str, amount: int) -> str:
    floor = request(request_id, user_id, amount // FLOOR_SHARE, is_estimated=True)
    try:
        await meter.admit(floor, [Claim(user_budget(user_id), amount)])
    except Refusal as refusal:
        return f"refused {refusal.code}"
    await asyncio.sleep(random.random() * UPSTREAM_S)
    if random.random() < ABANDONED_SHARE:
        await meter.abandon(request_id)
        return "abandoned"
    await meter.finish(request(request_id, user_id, amount))
    return "charged"


async def serve(settings: Settings) -> None:
    log.configure("error", "console")
    async with open_house(settings) as parts, open_money(settings, Bridge(*parts).above) as money:

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                request_id, user_id, amount = line.decode().split()
                outcome = await pay(money.meter, request_id, user_id, int(amount))
                writer.write(f"{outcome}\n".encode())
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    folder, dsn, redis_url, master_key = sys.argv[1:]
    uvloop.run(serve(Settings(data_dir=Path(folder), database_dsn=dsn, redis_url=redis_url, master_key=master_key)))
