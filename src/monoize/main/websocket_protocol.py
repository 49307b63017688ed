"""uvicorn's WebSocket protocol, which also ends connections whose clients do not do their part.

The server tells the application when it stops, so that it can finish what is under way.
"""

import asyncio
from typing import Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from monoize.gateway.websocket.line import STOP

CLOSED_WITHIN_S: Final = 10.0
_UNREADABLE: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class WebsocketProtocol(WebSocketsSansIOProtocol):
    def data_received(self, data: bytes) -> None:
        """A handshake comes in one piece. When it cannot be read, nobody else answers and closes the connection."""
        super().data_received(data)
        if not self.handshake_initiated:
            self.handshake_complete = self.close_sent = True
            self.transport.write(_UNREADABLE)
            self.transport.close()

    def shutdown(self) -> None:
        """Who can finish what is under way is told to; the others are closed."""
        if self.handshake_complete and not self.close_sent and STOP in self.scope:
            self.queue.put_nowait({"type": STOP})  # type: ignore[arg-type,misc]
            return
        super().shutdown()

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        # A client that takes nothing would keep what is left for it, and its connection, for ever.
        self.loop.call_later(CLOSED_WITHIN_S, self.transport.abort)
