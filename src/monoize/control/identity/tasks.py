"""Background work of the room: forget what has expired, write when credentials were last used."""

from typing import Final

from monoize.base.clock import utc_now
from monoize.control.identity.authenticator import IdentityAuthenticator
from monoize.control.identity.store import sessions
from monoize.infra import idempotency
from monoize.infra.background import Background
from monoize.infra.db import Database

PURGE_EVERY_S: Final = 3600
LAST_USED_EVERY_S: Final = 30


def schedule(background: Background, database: Database, authenticator: IdentityAuthenticator) -> None:
    async def purge() -> None:
        async with database.write() as tx:
            await sessions.purge(tx, utc_now())
            await idempotency.purge(tx)

    background.every(PURGE_EVERY_S, "identity.purge", purge)
    background.every(LAST_USED_EVERY_S, "identity.last_used", authenticator.flush_last_used)
