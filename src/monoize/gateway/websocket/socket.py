"""One connection from its first turn to its last. One answer is under way at a time; later wishes wait.

What refuses a turn leaves the connection open, but for a key that is no longer good.
"""

import asyncio
import time
from typing import Final

from starlette.types import ASGIApp, Scope

from monoize.base.errors import Refusal
from monoize.base.ids import new_id
from monoize.gateway.errors import WebsocketWornOut
from monoize.gateway.exchange import CallerLeft, Exchange
from monoize.gateway.keys import Keys
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.websocket import conversation, events, messages, warm_up
from monoize.gateway.websocket.bounds import Bounds
from monoize.gateway.websocket.conversation import Answer, Kept, Request
from monoize.gateway.websocket.events import Events
from monoize.gateway.websocket.line import GOING_AWAY, POLICY, Line
from monoize.gateway.websocket.memory import Memory
from monoize.gateway.websocket.turn import Turn

KEY_IS_BAD: Final = 401


class Socket:
    def __init__(
        self,
        scope: Scope,
        line: Line,
        *,
        gateway: ASGIApp,
        keys: Keys,
        handshake: Exchange,
        memory: Memory,
        bounds: Bounds,
    ) -> None:
        self._scope = scope
        self._line = line
        self._gateway = gateway
        self._keys = keys
        self._handshake = handshake
        self._memory = memory
        self._bounds = bounds
        self._turns = 0
        self._kept: Kept | None = None

    async def run(self) -> None:
        try:
            while (message := await self._line.next()) is not None:
                await self._hear(message)
            await self._line.close()
        except CallerLeft:
            return
        except Refusal as refusal:
            await self._refuse(refusal)
            await self._line.close(POLICY)
        except asyncio.CancelledError:
            await self._line.close(GOING_AWAY)
            raise
        finally:
            self._keep(None)

    async def _hear(self, message: bytes) -> None:
        try:
            wish = messages.read(message)
            if wish is None:
                return
            self._turns += 1
            if self._turns > self._bounds.turns:
                raise WebsocketWornOut
            request = conversation.request_of(wish, self._kept, self._bounds)
            answer = await (self._answered(request) if wish.generate else self._warmed_up(request))
        except Refusal as refusal:
            if isinstance(refusal, WebsocketWornOut) or refusal.status == KEY_IS_BAD:
                raise
            await self._refuse(refusal)
            return
        if answer is not None:
            self._keep(conversation.kept_of(request, answer, self._bounds))

    async def _answered(self, request: Request) -> Answer | None:
        turn = Turn(self._scope, self._line, request.body, kept_most=self._bounds.kept_bytes)
        await turn.run(self._gateway)
        if turn.status == KEY_IS_BAD:
            await self._line.close(POLICY)
        return turn.answer

    async def _warmed_up(self, request: Request) -> Answer | None:
        await self._keys.grant(self._handshake)
        told = Events(self._bounds.kept_bytes)
        naming = Naming(response_id=new_id(), created_at=int(time.time()))
        for text in told.feed(warm_up.stream(request.body, naming)):
            await self._line.say(text)
        return told.answer

    async def _refuse(self, refusal: Refusal) -> None:
        await self._line.say(events.refused(refusal, new_id()))

    def _keep(self, kept: Kept | None) -> None:
        old = self._kept.size if self._kept else 0
        if kept is not None and self._memory.exchange(old, kept.size):
            self._kept = kept
        else:
            self._memory.exchange(old, 0)
            self._kept = None
