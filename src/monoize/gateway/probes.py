"""Asking channels that rest whether they work again, so that no caller has to find out.

A probe is a tiny request like any other, to a channel whose rest is over; while it lasts callers are sent
elsewhere. It costs the house what its provider takes, and nobody is charged: it is in the request log and among the
costs as `NOBODY`'s, with the kind `probe`. One that fails sends its channel back to rest, and is only in the
server's log. Where nothing can be written down, nothing is asked.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec
import structlog

from monoize.base.errors import Unavailable
from monoize.base.ids import new_id
from monoize.contract.events import Charged, encode
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Breaker, Channel, Probing, Provider, Snapshot
from monoize.gateway.attempts import AttemptFailed, CallerAtFault, Whole
from monoize.gateway.bill import Bill
from monoize.gateway.dialects import CHAT
from monoize.gateway.errors import ModelUnpriced
from monoize.gateway.exchange import Exchange
from monoize.gateway.facts import read_facts
from monoize.gateway.health import TRIAL_MOST_S, Health, Place
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.job import Job
from monoize.gateway.protocol.urp import Failed
from monoize.gateway.selection import Attempt, attempt_of
from monoize.infra.spool import Spool

log = structlog.get_logger(__name__)

NOBODY: Final = "00000000-0000-0000-0000-000000000000"
KIND: Final = "probe"
AT_ONCE_MOST: Final = 16
PATIENCE_S: Final = TRIAL_MOST_S / 2
OUTPUT_TOKENS: Final = 16

_TYPES: Final = frozenset({"chat_completion", "responses", "messages", "gemini"})
_TOO_MANY: Final = 429
_TOO_SLOW: Final = Failed(message="The channel did not answer in time.", code="upstream_timeout", status=504)
_GRANT: Final = Grant(key_id=NOBODY, user_id=NOBODY, tenant_id=NOBODY, username="monoize")
_encoder: Final = msgspec.json.Encoder()


class _Due(NamedTuple):
    attempt: Attempt
    # What rests, which need not be what is asked.
    place: Place
    probing: Probing
    breaker: Breaker


class Probes:
    def __init__(
        self, channels: HttpChannels, health: Health, spool: Spool, snapshot: Callable[[], Snapshot]
    ) -> None:
        self._channels = channels
        self._health = health
        self._spool = spool
        self._snapshot = snapshot
        # By channel: when it may be asked again, and how often it has answered in a row.
        self._next_at_s: dict[str, float] = {}
        self._successes: dict[str, int] = {}

    async def run(self) -> None:
        """What the clock calls, each second."""
        now_s = time.monotonic()
        resting = {place.channel_id: place for place in self._health.to_probe(now_s)}
        self._next_at_s = {id: at_s for id, at_s in self._next_at_s.items() if at_s > now_s}
        self._successes = {id: self._successes[id] for id in resting if id in self._successes}
        waiting = [place for id, place in resting.items() if id not in self._next_at_s]
        if not waiting:
            return
        async with asyncio.TaskGroup() as together:
            for due in list(_due(self._snapshot(), waiting))[:AT_ONCE_MOST]:
                self._next_at_s[due.place.channel_id] = now_s + due.probing.interval_s
                together.create_task(self._probe(due))

    async def _probe(self, due: _Due) -> None:
        job = probe_of(due.attempt)
        try:
            bill = Bill(job, [due.attempt])
            await self._spool.begin(bill.request_id, encode(_free(bill.floor())))
        except (ModelUnpriced, Unavailable) as problem:
            log.warning("probe_skipped", channel=due.place.channel_id, problem=problem.message)
            return
        charged: Charged | None = None
        try:
            self._health.begins(due.place, time.monotonic())
            bill.tries(due.attempt)
            whole = await self._asked(job, due.attempt)
            if whole is not None:
                bill.ended(whole.seen, whole.protocol, failure=None)
                charged = bill.total()
            self._answered(due)
        except AttemptFailed as failed:
            self._failed(due, failed)
        finally:
            if charged is None:
                await self._spool.abandon(bill.request_id)
            else:
                await self._spool.finish(bill.request_id, encode(_free(charged)))

    async def _asked(self, job: Job, attempt: Attempt) -> Whole | None:
        """None: it refuses this request, as only a channel does that works."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._channels.whole(job, attempt)
        except CallerAtFault:
            return None
        except TimeoutError:
            raise AttemptFailed(_TOO_SLOW, is_passing=True) from None

    def _answered(self, due: _Due) -> None:
        id = due.place.channel_id
        self._successes[id] = self._successes.get(id, 0) + 1
        if self._successes[id] < due.probing.successes:
            self._health.ended(due.place)
            return
        log.info("channel_recovered", channel=id, model=due.attempt.upstream_model)
        self._health.recovered(id)

    def _failed(self, due: _Due, failed: AttemptFailed) -> None:
        failure = failed.failed
        log.warning("probe_failed", channel=due.place.channel_id, status=failure.status, code=failure.code)
        self._successes.pop(due.place.channel_id, None)
        if failed.is_passing:
            is_rate_limit = failure.status == _TOO_MANY
            self._health.failed(due.place, due.breaker, time.monotonic(), is_rate_limit=is_rate_limit)
        else:
            # It says nothing of other models, which callers may try.
            self._health.ended(due.place)


def probe_of(attempt: Attempt) -> Job:
    """A tiny request that nobody sent."""
    body = {
        "model": attempt.upstream_model,
        "messages": [{"role": "user", "content": "Say ok."}],
        "max_tokens": OUTPUT_TOKENS,
    }
    scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "query_string": b"", "headers": []}
    return Job(
        Exchange(scope, _nobody, _nobody, request_id=new_id(), ip=None),
        CHAT,
        body=_encoder.encode(body),
        parsed=body,
        facts=read_facts("chat", body),
        grant=_GRANT,
        model=attempt.upstream_model,
        at_ms=time.time_ns() // 1_000_000,
    )


async def _nobody(*_: Any) -> Any:
    raise AssertionError("nobody waits for the answer to a probe")


def _due(snapshot: Snapshot, resting: Iterable[Place]) -> Iterator[_Due]:
    places = {(place.channel_id, place.revision): place for place in resting}
    for provider in snapshot.providers:
        for channel in provider.channels:
            place = places.get((channel.id, provider.revision))
            if place is None or channel.breaker is None or channel.probing is None:
                continue
            attempt = _attempt(snapshot, provider, channel, channel.probing.model or place.model)
            if attempt is not None:
                yield _Due(attempt, place, channel.probing, channel.breaker)


def _attempt(snapshot: Snapshot, provider: Provider, channel: Channel, model: str | None) -> Attempt | None:
    model = min(channel.offers, default="") if model is None else model
    offer = channel.offers.get(model)
    if offer is None:
        return None
    attempt = attempt_of(snapshot, provider, channel, model, offer)
    return attempt if attempt.type in _TYPES and attempt.sheet.book != "unpriced" else None


def _free(charged: Charged) -> Charged:
    log = charged.log and msgspec.structs.replace(charged.log, request_kind=KIND)
    call = charged.call and msgspec.structs.replace(charged.call, tenant_id=None, estimate_nano=None)
    return msgspec.structs.replace(charged, charge_nano=0, api_key_id=None, budgets={}, log=log, call=call)
