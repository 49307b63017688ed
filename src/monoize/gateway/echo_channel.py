"""The built-in model as a channel: it speaks whatever its caller speaks, and can fail like any other."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from monoize.gateway import echo
from monoize.gateway.attempts import CALLERS_FAULT, AttemptFailed, Piece, Whole, at_fault
from monoize.gateway.dialects import Seen
from monoize.gateway.exchange import JSON_TYPE
from monoize.gateway.http_channel import PASSING
from monoize.gateway.job import Job
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.usage import write_usage
from monoize.gateway.protocol.urp import Done, Failed, Json, ReasoningDelta, Response, TextDelta

REFUSED: Final = "This is refused, as it was asked for."

_encoder: Final = msgspec.json.Encoder()


class EchoSeen(msgspec.Struct):
    report: Json | None = None
    is_semantic: bool = True
    is_complete: bool = False
    error: Failed | None = None
    model: str | None = None
    output_chars: int = 0


async def whole(job: Job) -> Whole:
    orders = _orders(job)
    response = echo.answer(job.request, job.naming)
    # As long as its stream would take.
    await asyncio.sleep(orders.slow_ms / 1000)
    told = job.dialect.written(response, job.naming, job.request)
    return Whole(_encoder.encode(told), JSON_TYPE, _seen(response), "chat")


async def stream(job: Job) -> "EchoStream":
    return EchoStream(job, _orders(job))


class EchoStream:
    def __init__(self, job: Job, orders: echo.Orders) -> None:
        self._job = job
        self._orders = orders
        self._seen = EchoSeen(model=job.facts.model)
        self.seen: Seen = self._seen
        self.protocol: urp.Protocol = "chat"
        self.failure: Failed | None = None

    async def pieces(self) -> AsyncIterator[Piece]:
        encoder = self._job.dialect.encoder(self._job.naming, self._job.request, array=self._job.array)
        for event in echo.events(self._job.request, self._job.naming):
            match event:
                case TextDelta(text=text) | ReasoningDelta(text=text):
                    self._seen.output_chars += len(text)
                    if self._orders.slow_ms:
                        await asyncio.sleep(self._orders.slow_ms / 1000)
                case Done(response=response):
                    self._seen.report = _seen(response).report
                    self._seen.is_complete = True
                case Failed():
                    self.failure = event
                case _:
                    pass
            yield Piece(encoder.encode(event), isinstance(event, Done | Failed))

    async def close(self) -> None:
        """Nothing is open."""


def _orders(job: Job) -> echo.Orders:
    """What it was told to do, unless that is to refuse."""
    orders = echo.orders_in(job.request)
    status = orders.status
    if status is None or not 400 <= status <= 599:
        return orders
    failed = Failed(message=REFUSED, code="echo_refused", status=status)
    if status in CALLERS_FAULT:
        raise at_fault(job, failed, status)
    raise AttemptFailed(failed, is_passing=status in PASSING or status >= 500)


def _seen(response: Response) -> EchoSeen:
    report = write_usage(response.usage) if response.usage else None
    return EchoSeen(report=report, is_complete=True, model=response.model)
