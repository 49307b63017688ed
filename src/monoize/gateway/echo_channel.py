"""The built-in model as a channel: it speaks whatever its caller speaks, and can fail like any other."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from monoize.gateway import echo, echo_operations
from monoize.gateway.attempts import CALLERS_FAULT, AttemptFailed, Piece, Whole, at_fault
from monoize.gateway.dialects import CHAT, Seen
from monoize.gateway.exchange import JSON_TYPE
from monoize.gateway.http_channel import PASSING
from monoize.gateway.job import Job
from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.usage import write_usage
from monoize.gateway.protocol.urp import Done, Failed, Json, ReasoningDelta, Request, Response, TextDelta
from monoize.gateway.selection import Attempt
from monoize.gateway.transforms.passage import Passage, passage_of
from monoize.gateway.transforms.retelling import calls_in, failure_of

REFUSED: Final = "This is refused, as it was asked for."

_encoder: Final = msgspec.json.Encoder()


class EchoSeen(msgspec.Struct):
    report: Json | None = None
    is_semantic: bool = True
    is_complete: bool = False
    error: Failed | None = None
    model: str | None = None
    output_chars: int = 0


async def whole(job: Job, attempt: Attempt) -> Whole:
    passage = await passage_of(job, attempt, CHAT)
    request = passage.request or echo_operations.asked(job)
    job.leaving()
    orders = _orders(job, request)
    # As long as its stream would take.
    await asyncio.sleep(orders.slow_ms / 1000)
    if not job.dialect.is_conversation:
        return echo_operations.answered(job, request)
    answer = echo.answer(request, job.naming)
    response = await passage.heard(job, answer, _seen(answer), "chat", size=_seen(answer).output_chars)
    told = passage.told(job.dialect.written(response, job.naming, job.request))
    return Whole(_encoder.encode(told), JSON_TYPE, _seen(answer), "chat")


async def stream(job: Job, attempt: Attempt) -> "EchoStream":
    passage = await passage_of(job, attempt, CHAT)
    request = passage.request or job.request
    job.leaving()
    return EchoStream(job, passage, request, _orders(job, request))


class EchoStream:
    def __init__(self, job: Job, passage: Passage, request: Request, orders: echo.Orders) -> None:
        self._job = job
        self._passage = passage
        self._request = request
        self._orders = orders
        self._seen = EchoSeen(model=job.facts.model)
        self.seen: Seen = self._seen
        self.protocol: urp.Protocol = "chat"
        self.failure: Failed | None = None

    async def pieces(self) -> AsyncIterator[Piece]:
        encoder, chain = self._passage.encoder(self._job, CHAT), self._passage.chain()
        for event in echo.events(self._request, self._job.naming):
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
            await self._job.expects(calls_in([event]))
            data = b"".join([encoder.encode(told) for told in (chain.feed(event) if chain else (event,))])
            refusal = chain.refusal if chain else None
            if refusal is not None:
                self.failure = failure_of(refusal)
            yield Piece(data, refusal is not None or isinstance(event, Done | Failed))
            if refusal is not None:
                return

    async def close(self) -> None:
        """Nothing is open."""


def _orders(job: Job, request: Request) -> echo.Orders:
    """What it was told to do, unless that is to refuse."""
    orders = echo.orders_in(request)
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
