"""/api/telemetry/usage, usage.csv, summary: what calls came to, one's own; with the permission everybody's."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse

from monoize.base.clock import utc_now
from monoize.base.principal import Call
from monoize.control.edge.caller import NotPermitted, requires
from monoize.control.edge.csv_cells import plain
from monoize.control.edge.here import HouseHere
from monoize.control.edge.owners import Everybody, Whose, owner
from monoize.control.edge.routers import Router
from monoize.control.edge.wire import STORABLE, Instant, Uuid
from monoize.control.telemetry.actions import usage
from monoize.control.telemetry.api.costs import Measured, Provider
from monoize.control.telemetry.errors import UnknownDimension
from monoize.control.telemetry.model.calls import MODEL_CHARS_MOST
from monoize.control.telemetry.model.queries import (
    BEHIND,
    DIMENSIONS_MOST,
    Dimension,
    Step,
    Summary,
    UsageFilter,
    UsageTable,
    span_of,
)
from monoize.control.telemetry.model.sums import BIG_INTEGER_MOST

router: Final = Router(prefix="/telemetry", tags=["telemetry"])

DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "tenant": "tenant_id",
    "user": "user_id",
    "key": "api_key_id",
    "agent": "agent_id",
    "host": "host_id",
    "provider": "provider",
    "model": "model",
    "served_model": "served_model",
}
Model = Annotated[str, Field(min_length=1, max_length=MODEL_CHARS_MOST), STORABLE]


class UsageQuery(BaseModel):
    """An unknown field is refused, so that a misspelt filter cannot be ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    group_by: Annotated[
        str,
        Field(
            max_length=64,
            description=f"At most two of {', '.join(DIMENSIONS)}, with a comma.",
        ),
    ] = ""
    source: Measured = "gateway"
    step: Annotated[
        Step | None, Field(description="A row for each hour or day; left out, one for the whole time.")
    ] = None
    since: Annotated[Instant | None, Field(description="Whole hours or days that it lies in are counted.")] = None
    until: Instant | None = None
    user_id: Whose = None
    everybody: Everybody = False
    tenant_id: Annotated[Uuid | None, Field(description="Needs ledger.read.")] = None
    key_id: Uuid | None = None
    agent_id: Uuid | None = None
    host_id: Annotated[
        int | None, Field(ge=1, le=BIG_INTEGER_MOST, description="Of one host, of what hosts report.")
    ] = None
    provider: Annotated[Provider | None, Field(description="Needs ledger.read.")] = None
    model: Annotated[Model | None, Field(description="As it was asked for.")] = None
    served_model: Annotated[Model | None, Field(description="As it was served; needs ledger.read.")] = None

    def filter(self, call: Call) -> UsageFilter:
        wanted: dict[Dimension, str | int | None] = {
            "user_id": owner(call, self.user_id, everybody=self.everybody),
            "tenant_id": self.tenant_id,
            "api_key_id": self.key_id,
            "agent_id": self.agent_id,
            "host_id": self.host_id,
            "provider": self.provider,
            "model": self.model,
            "served_model": self.served_model,
        }
        found: UsageFilter = {dimension: value for dimension, value in wanted.items() if value is not None}
        _check(call, BEHIND.intersection(found) - {"user_id"})
        return found

    def dimensions(self, call: Call) -> Sequence[Dimension]:
        words = [word.strip() for word in self.group_by.split(",") if word.strip()]
        unknown = [word for word in words if word not in DIMENSIONS]
        if unknown or len(words) > DIMENSIONS_MOST or len(set(words)) < len(words):
            raise UnknownDimension(known=list(DIMENSIONS))
        found = [DIMENSIONS[word] for word in words]
        _check(call, BEHIND.intersection(found))
        return found


def _check(call: Call, behind: frozenset[Dimension]) -> None:
    if behind and not call.principal.may("ledger.read"):
        raise NotPermitted(needed="ledger.read")


async def asked(
    house: HouseHere, call: Annotated[Call, requires("self.read")], query: Annotated[UsageQuery, Query()]
) -> UsageTable:
    span = span_of(query.step or "day", query.since, query.until, utc_now(), query.source)
    by, wanted = query.dimensions(call), query.filter(call)
    async with house.database.read() as tx:
        return await usage.usage(
            *(tx, span, by, wanted),
            in_steps=query.step is not None,
            sees_behind=call.principal.may("ledger.read"),
        )


Asked = Annotated[UsageTable, Depends(asked)]


@router.get("/usage")
async def show_usage(found: Asked) -> UsageTable:
    """Requests, tokens, charges, latency and errors, summed up; what was charged or cost most comes first."""
    return found


@router.get(
    "/usage.csv",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export_usage(found: Asked) -> PlainTextResponse:
    """The same rows, as a table for spreadsheets; amounts in nano-USD."""
    headers = {"content-disposition": 'attachment; filename="usage.csv"'}
    return PlainTextResponse(_csv(found), headers=headers, media_type="text/csv")


@router.get("/summary")
async def show_summary(
    house: HouseHere,
    call: Annotated[Call, requires("self.read")],
    user_id: Whose = None,
    everybody: Everybody = False,
    source: Measured = "gateway",
) -> Summary:
    """Today, this month, and its days (UTC)."""
    whose = owner(call, user_id, everybody=everybody)
    wanted: UsageFilter = {} if whose is None else {"user_id": whose}
    async with house.database.read() as tx:
        return await usage.summary(
            tx, wanted, utc_now(), sees_behind=call.principal.may("ledger.read"), source=source
        )


def _csv(found: UsageTable) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    names = list(found.items[0].by) if found.items else []
    figures = list(found.total.__dataclass_fields__)
    writer.writerow(["at", *names, *figures])
    for row in found.items:
        at = row.at.isoformat() if row.at else ""
        writer.writerow([at, *map(_cell, row.by.values()), *(_cell(getattr(row.usage, name)) for name in figures)])
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return plain(value) if isinstance(value, str) and not _is_number(value) else str(value)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").replace(".", "", 1).isdigit()
