"""Denied requests on their way to the request log.

A denial waits for no disk: it is noted in memory, and the clock hands it to the spool a second later. A flood of
them must not become a flood of rows: of what one key is denied by one rule, the first few of a minute are rows of
their own, and a later one stands for all the others and says how many they are. What finds no room is counted in
the log. A process that dies forgets the denials of its last minute, which cost nobody anything.
"""

import time
from collections import OrderedDict
from typing import Final

import msgspec
import structlog

from monoize.base.ids import new_id
from monoize.contract.events import Charged, RequestLog
from monoize.contract.gates.decision import Decision, read, written
from monoize.gateway.job import Job
from monoize.gateway.meter import Meter

log = structlog.get_logger(__name__)

ROWS_EACH_MINUTE: Final = 10
MINUTE_S: Final = 60.0
WAITING_MOST: Final = 2_000
KINDS_MOST: Final = 5_000
WRITTEN_AT_ONCE: Final = 200
WRITE_EVERY_S: Final = 1.0

_Kind = tuple[str, str]
"""A key and a rule."""


class _Minute:
    __slots__ = ("began_s", "last", "more", "rows")

    def __init__(self) -> None:
        self.began_s = time.monotonic()
        self.rows = 0
        self.more = 0
        self.last: Charged | None = None


class Denials:
    """`run` is called by the clock, `close` writes all that waits."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._waiting: list[Charged] = []
        # The one that began first comes first.
        self._minutes: OrderedDict[_Kind, _Minute] = OrderedDict()
        self._lost = 0

    def note(self, job: Job, denied: Decision, status: int) -> None:
        kind = job.grant.key_id, denied.rule_id
        minute = self._minutes.get(kind)
        if minute is None:
            if len(self._minutes) >= KINDS_MOST:
                self._lost += 1
                return
            minute = self._minutes[kind] = _Minute()
        if minute.rows < ROWS_EACH_MINUTE and len(self._waiting) < WAITING_MOST:
            minute.rows += 1
            self._waiting.append(_row(job, denied, status))
        else:
            minute.more += 1
            # Of many only a few are ever looked at: the last of a minute, and so now and then a new one.
            if minute.more & (minute.more - 1) == 0:
                minute.last = _row(job, denied, status)

    async def run(self) -> None:
        self._end_minutes(before_s=time.monotonic() - MINUTE_S)
        now, self._waiting = self._waiting[:WRITTEN_AT_ONCE], self._waiting[WRITTEN_AT_ONCE:]
        for each in now:
            await self._meter.record(each)
        if self._lost:
            log.warning("denials_not_written", denials=self._lost)
            self._lost = 0

    async def close(self) -> None:
        self._end_minutes(before_s=time.monotonic())
        while self._waiting:
            await self.run()

    def _end_minutes(self, *, before_s: float) -> None:
        while self._minutes:
            kind, minute = next(iter(self._minutes.items()))
            if minute.began_s > before_s:
                return
            del self._minutes[kind]
            if minute.last is not None:
                self._waiting.append(_standing_for(minute.last, minute.more))


def _row(job: Job, denied: Decision, status: int) -> Charged:
    exchange = job.exchange
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
            status="error",
            error_code=denied.code,
            error_http_status=status,
            duration_ms=round((time.monotonic() - exchange.started_s) * 1000),
            request_ip=exchange.ip,
            request_kind=job.dialect.name,
            agent_record_id=job.agent_record_id,
            decisions_json=job.decisions_json,
        ),
    )


def _standing_for(row: Charged, denials: int) -> Charged:
    assert row.log is not None
    *before, last = read(row.log.decisions_json)
    counted = msgspec.structs.replace(last, numbers={**last.numbers, "denials": denials})
    about = msgspec.structs.replace(row.log, decisions_json=written([*before, counted]))
    return msgspec.structs.replace(row, log=about)
