"""WebSockets as the server speaks them: what it is told about them, and how they end when it stops.

The library is loaded with the first connection, which a start need not pay for.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.app import BODY_MOST

PING_EVERY_S: Final = 20.0
PONG_WITHIN_S: Final = 20.0


def _protocol(**context: Any) -> asyncio.Protocol:
    from monoize.main.websocket_protocol import WebsocketProtocol

    return WebsocketProtocol(**context)


SPOKEN: Final[Mapping[str, Any]] = {
    "ws": _protocol,
    "ws_max_size": BODY_MOST,
    "ws_ping_interval": PING_EVERY_S,
    "ws_ping_timeout": PONG_WITHIN_S,
    # A few bytes could become all that fits into a message, and texts of a model hardly shrink.
    "ws_per_message_deflate": False,
}
