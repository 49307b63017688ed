"""Looking at what a server offers now, beside what somebody has accepted of it.

A server is looked at when an administrator asks, and before a call when the last look was a while ago: so a tool
that has changed is noticed before it is called. What is found is bookkeeping; accepting it is a change.
"""

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Final

import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.control.edge.outside import Outside
from monoize.control.mcp.actions.openings import Openings
from monoize.control.mcp.drivers.server import NotOpened, Server, list_tools
from monoize.control.mcp.errors import McpTimeout, McpUnreachable
from monoize.control.mcp.model.services import FoundTool, McpService
from monoize.control.mcp.store import services, tools
from monoize.infra.db import Database

log = structlog.get_logger(__name__)

LOOKED_AT_FOR: Final = dt.timedelta(minutes=5)
TRIED_AGAIN_AFTER: Final = dt.timedelta(seconds=30)
_ERROR_CHARS_MOST: Final = 500


class Discovery:
    def __init__(self, database: Database, outside: Outside, openings: Openings) -> None:
        self._database = database
        self._outside = outside
        self._openings = openings
        self._looking: dict[str, asyncio.Lock] = {}

    async def refresh(self, service_id: str) -> None:
        """Look now; McpUnreachable or McpTimeout, kept as the service's health, where that is not possible."""
        async with self._database.read() as tx:
            service = await services.get(tx, service_id)
        try:
            found = await self._look(service)
        except (McpUnreachable, McpTimeout) as problem:
            await self._keep(service_id, "unhealthy", problem)
            raise
        async with self._database.write() as tx:
            await services.get(tx, service_id, lock=True)
            await tools.found(tx, service_id, found, utc_now())
            await services.change(
                tx, service_id, {"health": "healthy", "last_error": None, "checked_at": utc_now()}
            )

    async def refresh_if_old(self, service: McpService) -> bool:
        """Whether it was looked at just now. One look serves all who wait for it."""
        if not _is_old(service, utc_now()):
            return False
        async with self._looking.setdefault(service.id, asyncio.Lock()):
            async with self._database.read() as tx:
                service = await services.get(tx, service.id)
            if _is_old(service, utc_now()):
                await self.refresh(service.id)
        return True

    async def _look(self, service: McpService) -> Sequence[FoundTool]:
        server: Server | None = await self._openings.server_of(service)
        reason = ""
        # What it refuses once may be a token that is over.
        for _ in range(2):
            if server is None:
                break
            try:
                return await list_tools(self._outside, server, service.timeout_ms)
            except NotOpened as problem:
                reason = problem.reason
                server = await self._openings.anew(service, server)
        raise McpUnreachable(f"The MCP server does not answer as it should: {reason}.")

    async def _keep(self, service_id: str, health: str, problem: Refusal) -> None:
        log.warning("mcp_service_unreachable", service_id=service_id, reason=problem.message)
        values = {"health": health, "last_error": problem.message[:_ERROR_CHARS_MOST], "checked_at": utc_now()}
        async with self._database.write() as tx:
            await services.change(tx, service_id, values)


def _is_old(service: McpService, now: dt.datetime) -> bool:
    patience = LOOKED_AT_FOR if service.health == "healthy" else TRIED_AGAIN_AFTER
    return service.checked_at is None or now - service.checked_at > patience
