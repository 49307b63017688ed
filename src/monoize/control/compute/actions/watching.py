"""Operations as they go on, for those who watch: asked of the database, since any process may carry them out."""

import contextlib
from collections.abc import Iterator
from typing import Final

from monoize.base.principal import Principal
from monoize.control.compute.actions import operations
from monoize.control.compute.model.operations import OperationInSteps
from monoize.control.ledger.errors import TooManyStreams
from monoize.infra.db import Database

STREAMS_MOST: Final = 5
"""Of one caller."""
ALL_STREAMS_MOST: Final = 500
RETRY_AFTER_S: Final = 5


class Watchers:
    """How many watch, and who."""

    def __init__(self) -> None:
        self._streams: dict[str, int] = {}
        self.are_to_leave = False

    @contextlib.contextmanager
    def admitted(self, caller: Principal) -> Iterator[None]:
        who = f"{caller.kind}:{caller.id}"
        if self._streams.get(who, 0) >= STREAMS_MOST or sum(self._streams.values()) >= ALL_STREAMS_MOST:
            raise TooManyStreams(retry_after_s=RETRY_AFTER_S)
        self._streams[who] = self._streams.get(who, 0) + 1
        try:
            yield
        finally:
            self._streams[who] -= 1
            if not self._streams[who]:
                del self._streams[who]

    def close(self) -> None:
        """The server stops, and does not wait for those who watch."""
        self.are_to_leave = True


async def read(database: Database, caller: Principal, id: str) -> OperationInSteps:
    async with database.read() as tx:
        return await operations.get(tx, caller, id)
