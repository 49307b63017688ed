"""The way of a request: money is held, channels are tried, the answer passes on, its charge comes before its end.

Until an answer has really begun another channel may be tried and the caller hears the honest status. Afterwards
nothing is switched: what breaks is told in the stream, and charged as far as it came. On every way out, also when
the caller leaves, the request is charged or what was held for it is given back.
"""

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

import structlog

from monoize.base.errors import Refusal
from monoize.contract.snapshot import Breaker
from monoize.gateway import echo_channel, errors
from monoize.gateway.affinity import Affinity, Bond
from monoize.gateway.answer_cache import AnswerCache
from monoize.gateway.attempts import (
    CALLERS_FAULT,
    AttemptFailed,
    CallerAtFault,
    Piece,
    Stream,
    Whole,
    Withheld,
    looked_through,
)
from monoize.gateway.bill import Bill
from monoize.gateway.exchange import SSE_TYPE, Header
from monoize.gateway.fitting import fitting
from monoize.gateway.govern.stage import Downgraded, Governing, Stage
from monoize.gateway.health import Health
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.job import Job
from monoize.gateway.limits import Limits
from monoize.gateway.meter import BudgetExceeded, Meter
from monoize.gateway.protocol.urp import Failed
from monoize.gateway.routes import Route
from monoize.gateway.selection import Attempt, Offers, in_order, may_use, nobody
from monoize.gateway.transforms.retelling import failure_of

log = structlog.get_logger(__name__)

RETRY_SPREAD: Final = 1.5
RETRY_WAIT_MOST_S: Final = 5.0
TOO_MANY: Final = 429
DOWNGRADED: Final = b"x-monoize-downgraded-to"
OUR_FAULT: Final = frozenset((401, 402, 403, 404))
_SSE_HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", SSE_TYPE),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
)
_ARRAY_HEADERS: Final[tuple[Header, ...]] = ((b"content-type", b"application/json"), *_SSE_HEADERS[1:])


Answer = TypeVar("Answer")


class Relay:
    def __init__(
        self,
        meter: Meter,
        channels: HttpChannels,
        health: Health,
        limits: Limits,
        stage: Stage,
        cache: AnswerCache,
    ) -> None:
        self._meter = meter
        self._channels = channels
        self._health = health
        self._limits = limits
        self._stage = stage
        self._cache = cache
        self._affinity = Affinity()

    async def serve(self, job: Job, route: Route) -> None:
        if not self._stage.concerns(job.grant, route.snapshot):
            await self._serve(job, route, None)
            return
        async with self._stage.over(job, route.snapshot) as governing:
            await self._serve(job, route, governing)

    async def _serve(self, job: Job, route: Route, governing: Governing | None) -> None:
        attempts, bill = self._billed(job, route, route.offers, governing)
        if governing is not None:
            await governing.counted()
            await governing.screened()
        headers = await self._limits.admits(job)
        try:
            if job.grant.cache_ttl_s is not None and await self._cache.answers(
                job, route.snapshot.generation, headers
            ):
                return
            try:
                await self._hold(bill, governing)
            except Downgraded as to:
                assert governing is not None
                attempts, bill = await self._downgraded(job, route, governing, bill.most, to)
                headers.append((DOWNGRADED, job.model.encode()))
            try:
                await job.exchange.unless_left(self._answered(job, attempts, bill, headers))
            finally:
                await self._settled(bill)
        finally:
            await self._limits.over(job)

    def _billed(
        self, job: Job, route: Route, offers: Offers, governing: Governing | None
    ) -> tuple[Sequence[Attempt], Bill]:
        """Which channels may be asked, and what that may cost."""
        job.bond = Bond(self._affinity, job.grant, job.model, job.parsed) if offers.keep_conversations else None
        attempts: Sequence[Attempt] = self._in_order(job, offers)
        if governing is not None:
            attempts = governing.permitted(attempts, functools.partial(self._fallbacks, job, route))
        if not attempts:
            raise _nobody(offers)
        attempts = fitting(job, attempts)
        bill = Bill(job, attempts)
        if governing is not None:
            bill.capped(governing.priced(attempts, bill.most, bill.least))
        return attempts, bill

    async def _downgraded(
        self, job: Job, route: Route, governing: Governing, most: int, to: Downgraded
    ) -> tuple[Sequence[Attempt], Bill]:
        """The first of the models that its key may use and that is cheaper, with its money held."""
        for model in to.models:
            if not may_use(job.grant, model):
                continue
            governing.downgrades(model)
            try:
                attempts, bill = self._billed(job, route, route.others(model, job.dialect), governing)
            except Refusal:
                continue
            if bill.most < most:
                governing.downgraded(to)
                await self._hold(bill, governing)
                return attempts, bill
        job.decisions.append(to.denied)
        raise to.refusal from to

    def _in_order(self, job: Job, offers: Offers) -> list[Attempt]:
        now_s = time.monotonic()
        return in_order(
            offers,
            is_available=lambda place: self._health.is_available(place, now_s),
            chance=random.random,
            prefer=job.bond.preferred if job.bond else nobody,
        )

    def _fallbacks(self, job: Job, route: Route, model: str) -> Sequence[Attempt]:
        return self._in_order(job, route.others(model, job.dialect)) if may_use(job.grant, model) else ()

    async def _hold(self, bill: Bill, governing: Governing | None) -> None:
        if governing is not None:
            await governing.notices(bill.most)
        try:
            taken = await self._meter.admit(bill.floor(), bill.claims(), so_far=bill.so_far)
        except BudgetExceeded as refusal:
            raise refusal if governing is None else governing.refused(refusal) from None
        if governing is not None:
            governing.held()
        if taken:
            bill.held(min(taken))

    def _answered(
        self, job: Job, attempts: Sequence[Attempt], bill: Bill, headers: list[Header]
    ) -> Coroutine[Any, Any, None]:
        answer = self._stream if job.facts.stream else self._whole
        return answer(job, attempts, bill, headers)

    async def _whole(self, job: Job, attempts: Sequence[Attempt], bill: Bill, headers: list[Header]) -> None:
        async def ask(attempt: Attempt) -> Whole:
            if attempt.type == "echo":
                return await looked_through(job, await echo_channel.whole(job, attempt))
            return await looked_through(job, await self._channels.whole(job, attempt))

        whole = await self._first_to_answer(job, attempts, bill, ask)
        if whole is None:
            return
        bill.ended(whole.seen, whole.protocol, failure=whole.seen.error)
        if job.bond is not None and bill.attempt is not None and whole.seen.error is None:
            job.bond.answered(bill.attempt, whole.seen)
        await self._settled(bill)
        cost = (b"x-monoize-charge-usd", bill.charge_usd.encode())
        await job.exchange.answer(200, whole.body, [(b"content-type", whole.content_type), cost, *headers])

    async def _stream(self, job: Job, attempts: Sequence[Attempt], bill: Bill, headers: list[Header]) -> None:
        async def ask(attempt: Attempt) -> Stream:
            if attempt.type == "echo":
                return await echo_channel.stream(job, attempt)
            return await self._channels.stream(job, attempt)

        stream = await self._first_to_answer(job, attempts, bill, ask)
        if stream is None:
            return
        bill.sees(stream.seen, stream.protocol)
        try:
            await job.exchange.begin(200, [*(_ARRAY_HEADERS if job.array else _SSE_HEADERS), *headers])
            rest = await _passed_on(job, stream.pieces())
            self._heard(job, bill, stream)
            bill.ended(stream.seen, stream.protocol, failure=stream.failure)
            await self._settled(bill)
            await job.exchange.finish(rest)
        finally:
            await stream.close()

    async def _first_to_answer(
        self, job: Job, attempts: Sequence[Attempt], bill: Bill, ask: Callable[[Attempt], Awaitable[Answer]]
    ) -> Answer | None:
        """None when the request itself was refused, and its caller was told."""
        last: AttemptFailed | None = None
        for attempt in attempts:
            for again in range(attempt.provider.tries_per_channel):
                if again and not await self._may_try_again(job, attempt, last):
                    break
                if job.overseer is not None:
                    await job.overseer.calls()
                bill.tries(attempt)
                self._health.begins(attempt.place, time.monotonic())
                try:
                    answer = await ask(attempt)
                except CallerAtFault as fault:
                    bill.failed(fault.failed)
                    await job.exchange.answer(fault.status, fault.body, [(b"content-type", fault.content_type)])
                    return None
                except Withheld as withheld:
                    self._health.succeeded(attempt.place)
                    bill.ended(withheld.seen, withheld.protocol, failure=failure_of(withheld.refusal))
                    raise withheld.refusal from withheld
                except Refusal as refusal:
                    # It could not be told in another protocol; nothing was sent.
                    bill.failed(Failed(message=refusal.message, code=refusal.code, status=refusal.status))
                    raise
                except AttemptFailed as failed:
                    last = failed
                    self._failed(job, attempt, failed)
                    bill.failed(failed.failed)
                    if not failed.is_passing:
                        break
                else:
                    self._health.succeeded(attempt.place)
                    return answer
        assert last is not None
        raise _exhausted(last)

    async def _may_try_again(self, job: Job, attempt: Attempt, last: AttemptFailed | None) -> bool:
        if not self._health.is_available(attempt.place, time.monotonic()):
            return False
        wait_s = attempt.provider.retry_interval_ms / 1000
        if last is not None and last.retry_after_s is not None:
            wait_s = max(wait_s, last.retry_after_s)
        if wait_s > RETRY_WAIT_MOST_S:
            return False
        await job.exchange.waits_for(asyncio.sleep(wait_s * random.uniform(1.0, RETRY_SPREAD)))  # noqa: S311
        return True

    def _failed(self, job: Job, attempt: Attempt, failed: AttemptFailed) -> None:
        log.warning(
            "attempt_failed",
            channel=attempt.channel.id,
            model=attempt.upstream_model,
            status=failed.failed.status,
            code=failed.failed.code,
        )
        if failed.is_passing and job.bond is not None:
            job.bond.failed(attempt)
        breaker: Breaker | None = attempt.channel.breaker
        if failed.is_passing and breaker is not None:
            is_rate_limit = failed.failed.status == TOO_MANY
            self._health.failed(attempt.place, breaker, time.monotonic(), is_rate_limit=is_rate_limit)

    def _heard(self, job: Job, bill: Bill, stream: Stream) -> None:
        """A stream that broke off counts against its channel, though nobody can be asked any more."""
        attempt, failure = bill.attempt, stream.failure
        if attempt is None or (failure is not None and failure.status in CALLERS_FAULT):
            return
        if failure is None:
            if job.bond is not None:
                job.bond.answered(attempt, stream.seen)
            return
        if job.bond is not None:
            job.bond.failed(attempt)
        if attempt.channel.breaker is not None:
            self._health.failed(attempt.place, attempt.channel.breaker, time.monotonic())

    async def _settled(self, bill: Bill) -> None:
        """Once; what comes after it changes nothing."""
        if bill.is_settled:
            return
        charged = bill.total()
        if charged is None:
            await self._meter.abandon(bill.request_id)
        else:
            await self._meter.finish(charged)
        bill.is_settled = True


async def _passed_on(job: Job, pieces: AsyncIterator[Piece]) -> bytes:
    """All but the end, which comes back: it waits for its money."""
    end: list[bytes] = []
    async for piece in pieces:
        if piece.is_end or end:
            end.append(piece.data)
        else:
            await job.exchange.write(piece.data)
    return b"".join(end)


def _nobody(offers: Offers) -> Refusal:
    """Why no channel can be tried."""
    if not offers.is_offered:
        return errors.ModelNotFound()
    if not offers.is_fit:
        return errors.ModelUnfit()
    return errors.NoUpstream() if offers.attempts else errors.ModelUnpriced()


def _exhausted(last: AttemptFailed) -> Refusal:
    failed = last.failed
    if failed.status == TOO_MANY:
        wait_s = max(1, round(last.retry_after_s or 1))
        return errors.UpstreamBusy(failed.message, retry_after_s=wait_s)
    if failed.status == 400:
        # What no protocol of these channels can say, the caller has to say otherwise.
        return errors.MalformedRequest(failed.message, param=last.param, code=failed.code)
    if failed.status == 504:
        return errors.UpstreamTimedOut(failed.message)
    if failed.status in OUR_FAULT:
        # What a provider says of our credential is not for our callers.
        return errors.UpstreamFailed()
    return errors.UpstreamFailed(failed.message)
