"""Sides of a conversation, asked: all at once for a page without scripts, or one of them as a stream.

The stream has an event for each piece of the answer and one at its end, with the side as HTML; js/conversation.js
shows them. Whoever leaves meanwhile stops the answer. It is bound as every live part of a page is (`live.py`).
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from monoize.control.edge.event_stream import COMMENT, EventStream, Say
from monoize.control.ledger.services import ledger_of
from monoize.dashboard.conversing.answers import Answer, Hearing
from monoize.dashboard.conversing.sides import Side
from monoize.dashboard.session import Person


async def _as_it_is(answer: Answer) -> Answer:
    return answer


class Asked(NamedTuple):
    """`settled` adds what is known of an answer only after it."""

    side: Side
    hearing: Hearing
    request_id: str = ""
    settled: Callable[[Answer], Awaitable[Answer]] = _as_it_is

    async def ended(self) -> Side:
        return self.side.answered(await self.settled(self.hearing.answer()))


async def whole(asked: Sequence[Asked]) -> Sequence[Side]:
    async with asyncio.TaskGroup() as together:
        ends = [together.create_task(_heard_out(each)) for each in asked]
    return [end.result() for end in ends]


async def _heard_out(asked: Asked) -> Side:
    async with contextlib.aclosing(asked.hearing.pieces()) as pieces:
        async for _ in pieces:
            pass
    return await asked.ended()


def streamed(request: Request, person: Person, asked: Asked, shown: Callable[[Side], str]) -> Response:
    async def tell(say: Say) -> None:
        await say(_event("begun", asked.request_id))
        async with contextlib.aclosing(asked.hearing.pieces()) as pieces:
            async for piece in pieces:
                await say(COMMENT if piece is None else _event(piece.kind, piece.text))
        await say(_event("end", shown(await asked.ended())))

    return EventStream(tell, ledger_of(request).live.audience, person.call.principal)


def _event(name: str, text: str) -> bytes:
    return f"event: {name}\ndata: {json.dumps(text)}\n\n".encode()
