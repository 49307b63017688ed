"""Who listens to streams: so many of one caller and so many in all, and nobody once the server stops."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from monoize.base.errors import TooMany
from monoize.base.principal import Principal

OF_ONE_MOST: Final = 5
MOST: Final = 500
RETRY_AFTER_S: Final = 5


class TooManyStreams(TooMany):
    """You watch as many streams as you may."""

    code = "too_many_streams"
    hint = "Close one that you do not need."


class Audience:
    def __init__(self, *, of_one_most: int = OF_ONE_MOST, most: int = MOST) -> None:
        self._of_one_most, self._most = of_one_most, most
        self._now: dict[str, int] = {}
        self._closed = asyncio.Event()

    @contextlib.contextmanager
    def one_more(self, caller: Principal) -> Iterator[None]:
        who = f"{caller.kind}:{caller.id}"
        if self._now.get(who, 0) >= self._of_one_most or sum(self._now.values()) >= self._most:
            raise TooManyStreams(retry_after_s=RETRY_AFTER_S)
        self._now[who] = self._now.get(who, 0) + 1
        try:
            yield
        finally:
            self._now[who] -= 1
            if not self._now[who]:
                del self._now[who]

    async def until_closed(self) -> None:
        await self._closed.wait()

    def close(self) -> None:
        """The server stops, and does not wait for those who listen."""
        self._closed.set()
