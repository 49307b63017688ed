"""/usage: what a host's tools used, as lines that they printed or as numbers, each counted once."""

import dataclasses
import datetime as dt
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from starlette.responses import Response

from monoize.base.clock import utc_now
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import Wire
from monoize.control.fleet.actions import calls, usage
from monoize.control.fleet.api.host.caller import HostCaller, HostCallerHere, HostRoute, ok
from monoize.control.fleet.api.wire import ModelName
from monoize.control.fleet.model import dates
from monoize.control.fleet.model.usage import (
    COUNT_MOST,
    ENTRIES_MOST,
    Entry,
    Receipt,
    Report,
    check_moment,
    counted,
)
from monoize.control.fleet.model.usage_lines import Counts
from monoize.control.telemetry.errors import UsageReportedAtOnce

router: Final = Router(route_class=HostRoute)

_LINE_CHARS_MOST: Final = 8192
_SEPARATED_DIGITS_MOST: Final = 32
_SEPARATORS: Final = str.maketrans("", "", ",_ ")


def _count(value: Any) -> Any:
    """Tools print 1,250 where they mean 1250."""
    if not isinstance(value, str):
        return value
    digits = value.translate(_SEPARATORS)
    if len(value) > _SEPARATED_DIGITS_MOST or not (digits.isascii() and digits.isdecimal()):
        raise ValueError("must be a whole number that is not negative")
    return int(digits)


def _moment(value: Any) -> dt.datetime:
    if isinstance(value, str):
        return check_moment(dates.instant(value), utc_now())
    raise ValueError("must be a time as text, such as 2027-01-31T12:00:00Z")


def _printable(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise ValueError("must be printable ASCII")
    return value


Count = Annotated[int, Field(ge=0, le=COUNT_MOST), BeforeValidator(_count)]
Line = Annotated[str, Field(max_length=_LINE_CHARS_MOST)]
Moment = Annotated[dt.datetime, BeforeValidator(_moment)]
Key = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_printable)]


class UsageEntry(Wire):
    """Numbers, or else a line that holds them; `recorded_at` is now when it is not said."""

    total: Count | None = None
    input: Count | None = None
    output: Count | None = None
    cached: Count | None = None
    reasoning: Count | None = None
    model: ModelName | None = None
    line: Line | None = None
    recorded_at: Moment | None = None
    idempotency_key: Key | None = None

    @property
    def counts(self) -> Counts:
        return Counts(self.total, self.input, self.output, self.cached, self.reasoning)

    @property
    def says_something(self) -> bool:
        return not self.counts.is_empty or bool(self.line and self.line.strip())

    def value(self, now: dt.datetime) -> Entry:
        counts, line = counted(self.counts, self.line)
        return Entry(
            counts=counts,
            at=self.recorded_at or now,
            model=self.model,
            line=line,
            idempotency_key=self.idempotency_key,
        )


class UsageReport(UsageEntry):
    """`usages`, or one entry by itself. With an `idempotency_key` it counts once, however often it is sent."""

    usages: Annotated[list[UsageEntry], Field(min_length=1, max_length=ENTRIES_MOST)] | None = None

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> "UsageReport":
        if self.usages is not None and self.model_fields_set - {"usages", "idempotency_key"}:
            raise ValueError("an entry stands in `usages` or by itself")
        if not all(entry.says_something for entry in self.usages or [self]):
            raise ValueError("an entry needs a number or a line")
        return self

    def report(self, now: dt.datetime) -> Report:
        entries = [entry.value(now) for entry in self.usages or [self]]
        if self.usages is None:
            entries = [dataclasses.replace(entries[0], idempotency_key=None)]
        return Report(entries=entries, idempotency_key=self.idempotency_key)


@router.post("/usage")
async def report_usage(body: UsageReport, caller: HostCallerHere) -> Response:
    # A window is for fetching credentials; what was used is worth knowing at any time.
    caller = await caller.admit(windowed=False)
    if usage.is_metered_elsewhere(caller.pool):
        await caller.counted()
        return ok(Receipt(host_id=caller.host.id, recorded=0, usages=[], ingest_id=None, cost=None))
    receipt = await _recorded(caller, body.report(utc_now()))
    return ok(_shown(receipt))


async def _recorded(caller: HostCaller, report: Report) -> Receipt:
    known = await _earlier(caller, report)
    if known is not None:
        await caller.counted()
        return known
    try:
        async with caller.change() as change:
            # First, since it locks the host: reports of one host take turns.
            await calls.count(change.tx, caller.host, utc_now())
            return await usage.report_usage(change, caller.host, caller.pool, report)
    except UsageReportedAtOnce:
        # Our twin committed while we waited for its lock, or is still at work.
        known = await _earlier(caller, report)
        if known is None:
            raise
        return known


async def _earlier(caller: HostCaller, report: Report) -> Receipt | None:
    async with caller.house.database.read() as tx:
        return await usage.earlier(tx, caller.host, report)


def _shown(receipt: Receipt) -> dict[str, Any]:
    """With a single entry its fields stand at the top as well."""
    told = dataclasses.asdict(receipt)
    return told["usages"][0] | told if len(receipt.usages) == 1 else told
