"""What the room keeps running between requests: the way out, looks at servers, and who listens to them."""

import dataclasses
from typing import Final

from starlette.requests import HTTPConnection

from monoize.control.edge.audience import Audience
from monoize.control.edge.house import House
from monoize.control.edge.outside import Outside
from monoize.control.mcp.actions.discovery import Discovery
from monoize.control.mcp.actions.openings import Openings
from monoize.control.mcp.model.sales import Till
from monoize.infra.background import Crew

CALLS_ENDED_AT_ONCE_MOST: Final = 1_000
STREAMS_OF_ONE_MOST: Final = 50
STREAMS_MOST: Final = 1_000


@dataclasses.dataclass(frozen=True, slots=True)
class Mcp:
    """`enders` write down the end of calls whose callers have left."""

    outside: Outside
    openings: Openings
    discovery: Discovery
    till: Till
    audience: Audience
    enders: Crew

    async def close(self) -> None:
        await self.enders.stop()


def open_mcp(house: House, outside: Outside, till: Till) -> Mcp:
    openings = Openings(house.database, house.seal, outside)
    discovery = Discovery(house.database, outside, openings)
    audience = Audience(of_one_most=STREAMS_OF_ONE_MOST, most=STREAMS_MOST)
    return Mcp(outside, openings, discovery, till, audience, Crew("mcp.ended", CALLS_ENDED_AT_ONCE_MOST))


def mcp_of(connection: HTTPConnection) -> Mcp:
    mcp: Mcp = connection.app.state.mcp
    return mcp
