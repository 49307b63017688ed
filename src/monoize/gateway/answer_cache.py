"""Answers that are given once more, as they were, to whoever asks the very same with the same key. In memory.

For keys that ask for it, and for as long as they say. Kept is what is complete and went well: the bytes that the
caller got. An answer from before the key or the channels were changed is not given any more. One that is given
again costs nothing, and stands in the request log as any other.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.base.ids import new_id
from monoize.base.money import usd_of_nano
from monoize.contract.events import Charged, RequestLog
from monoize.contract.grant import Grant
from monoize.gateway.exchange import Header
from monoize.gateway.job import Job
from monoize.gateway.meter import Meter

BODY_MOST: Final = 2**20
"""Of a request: more is not worth the time to compare it."""
ANSWER_MOST: Final = 2**20
ANSWERS_MOST: Final = 20_000
MEMORY_MOST: Final = 128 * 2**20

HIT: Final[Header] = (b"x-monoize-cache", b"hit")
MISS: Final[Header] = (b"x-monoize-cache", b"miss")
_NO_CHARGE: Final[Header] = (b"x-monoize-charge-usd", usd_of_nano(0).encode())
_KEPT_HEADERS: Final = frozenset((b"content-type", b"cache-control", b"x-accel-buffering"))


class Answer(msgspec.Struct, frozen=True):
    headers: Sequence[Header]
    body: bytes
    until_s: float
    # What it rests on.
    grant: Grant
    generation: int


class Listener:
    """To an answer that may be given again once it is complete."""

    def __init__(self, job: Job, name: bytes, generation: int) -> None:
        self.name = name
        self.generation = generation
        self.headers: Sequence[Header] = ()
        self.body = bytearray()
        self.is_whole = False
        job.exchange.overheard_by(self._hears)

    def _hears(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.headers = [header for header in message["headers"] if header[0] in _KEPT_HEADERS]
        elif len(self.body) <= ANSWER_MOST:
            self.body += message.get("body", b"")
            self.is_whole = not message.get("more_body", False) and len(self.body) <= ANSWER_MOST


class AnswerCache:
    def __init__(self, meter: Meter, *, memory_most: int = MEMORY_MOST, answers_most: int = ANSWERS_MOST) -> None:
        self._meter = meter
        self._memory_most = memory_most
        self._answers_most = answers_most
        # The one that was used longest ago first.
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()
        # By the id of a request that is under way.
        self._listeners: dict[str, Listener] = {}
        self.memory = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._answers)

    async def answers(self, job: Job, generation: int, headers: list[Header]) -> bool:
        """Whether it did. If not, it listens to the answer that is made now, and says so in `headers`."""
        wishes = _wishes(job)
        if job.grant.cache_ttl_s is None or "no-store" in wishes or len(job.body) > BODY_MOST:
            return False
        name = _name(job)
        answer = None if "no-cache" in wishes else self.find(name, job.grant, generation)
        if answer is None:
            self.misses += 1
            job.cache_hit = False
            self._listeners[job.exchange.request_id] = Listener(job, name, generation)
            headers.append(MISS)
            return False
        self.hits += 1
        job.cache_hit = True
        job.charged = _free_of_charge(job)
        await self._meter.record(job.charged)
        await job.exchange.answer(200, answer.body, [*answer.headers, *headers, HIT, _NO_CHARGE])
        return True

    def ended(self, job: Job) -> None:
        """Keeps what was heard, if it is complete and is what was asked for."""
        heard = self._listeners.pop(job.exchange.request_id, None)
        charged, ttl_s = job.charged, job.grant.cache_ttl_s
        if heard is None or not heard.is_whole or job.exchange.status != 200 or ttl_s is None:
            return
        # What was cut because money was short is no answer to somebody who has more.
        if charged is None or charged.log is None or charged.log.status != "success" or job.output_most is not None:
            return
        until_s = time.monotonic() + ttl_s
        answer = Answer(heard.headers, bytes(heard.body), until_s, job.grant, heard.generation)
        self.keep(heard.name, answer)

    def find(self, name: bytes, grant: Grant, generation: int) -> Answer | None:
        answer = self._answers.get(name)
        if answer is None:
            return None
        if answer.until_s <= time.monotonic() or answer.generation != generation or answer.grant != grant:
            self._forget(name)
            return None
        self._answers.move_to_end(name)
        return answer

    def keep(self, name: bytes, answer: Answer) -> None:
        self._forget(name)
        self._answers[name] = answer
        self.memory += len(answer.body)
        while self.memory > self._memory_most or len(self._answers) > self._answers_most:
            self._forget(next(iter(self._answers)))

    def _forget(self, name: bytes) -> None:
        answer = self._answers.pop(name, None)
        if answer is not None:
            self.memory -= len(answer.body)


def _wishes(job: Job) -> frozenset[str]:
    said = job.exchange.header(b"cache-control")
    return frozenset(part.strip().lower() for part in said.split(",")) if said else frozenset()


def _name(job: Job) -> bytes:
    """Of all that an answer depends on, but for what may change: that is compared when it is found."""
    exchange, facts = job.exchange, job.facts
    parts = (
        job.grant.key_id.encode(),
        exchange.path.encode(),
        b"%d%d" % (facts.stream, job.array),
        str(job.grant.multiplier_most).encode(),
        *(part for header in sorted(job.told_anthropic) for part in header),
        job.body,
    )
    # With their lengths, so that no two lists of parts read alike.
    return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()


def _free_of_charge(job: Job) -> Charged:
    exchange = job.exchange
    passed_ms = round((time.monotonic() - exchange.started_s) * 1000)
    return Charged(
        id=new_id(),
        request_id=exchange.request_id,
        user_id=job.grant.user_id,
        at_ms=job.at_ms,
        charge_nano=0,
        api_key_id=job.grant.key_id,
        cost_nano=0,
        log=RequestLog(
            model=job.facts.model,
            is_stream=job.facts.stream,
            duration_ms=passed_ms,
            ttfb_ms=passed_ms,
            request_ip=exchange.ip,
            request_kind=job.dialect.name,
            cache_hit=True,
            agent_record_id=job.agent_record_id,
            decisions_json=job.decisions_json,
        ),
    )
