"""What recognising a named token costs once it has been seen, beside one bcrypt comparison."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from support.house import open_house, test_settings

from monoize.control.edge.house import Presented

RUNS = 5
CACHED_CALLS = 20_000
LIMIT_US = 50.0


async def seconds_each(calls: int, work: Callable[[], Awaitable[object]]) -> float:
    async def once() -> float:
        started = time.perf_counter()
        for _ in range(calls):
            await work()
        return (time.perf_counter() - started) / calls

    return statistics.median([await once() for _ in range(RUNS)])


async def measured(folder: Path) -> tuple[float, float]:
    async with open_house(test_settings(f"sqlite://{folder}/bench.db", folder)) as running:
        root = await running.make_root()
        created = await root.post("/api/tokens", json={"name": "bench"})
        presented = Presented(bearer=created.json()["secret"])
        authenticate = running.identity.authenticator.authenticate
        await authenticate(presented)
        cached = await seconds_each(CACHED_CALLS, lambda: authenticate(presented))
        passwords = running.identity.passwords
        stored = await passwords.hash_token("a secret")
        slow = await seconds_each(3, lambda: passwords.token_matches("a secret", stored))
    return cached, slow


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        cached, slow = asyncio.run(measured(Path(folder)))
    print(f"one bcrypt comparison, cost 10    {slow * 1e6:10.1f} µs")
    print(f"a token that was seen before      {cached * 1e6:10.1f} µs")
    held = cached * 1e6 < LIMIT_US
    verdict = "holds" if held else "DOES NOT HOLD"
    print(
        f"authenticate: {verdict}: {cached * 1e6:.1f} µs of {LIMIT_US:.0f} µs,"
        f" {slow / cached:.0f} × less than bcrypt"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
