"""Every test runs on both loops, and leaves no socket and no task behind."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
import uvloop

from monoize.gateway.upstream.client import Client

TIDY_S = 3


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


def sockets() -> int:
    count = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
        except FileNotFoundError:
            continue
    return count


@pytest.fixture(autouse=True)
async def nothing_is_left() -> AsyncIterator[None]:
    before = sockets()
    yield
    async with asyncio.timeout(TIDY_S):
        while sockets() > before or len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)


@pytest.fixture
async def client(nothing_is_left: None) -> AsyncIterator[Client]:
    opened = Client()
    yield opened
    await opened.close()
