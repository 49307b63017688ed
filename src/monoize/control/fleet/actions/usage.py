"""What hosts used, by their own account: priced once, at the price of the moment, and added up.

Hosts whose traffic goes through the gateway are metered there, to the token: what they report besides is not kept.
"""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Final

from monoize.base.cost.sheet import PriceSheet
from monoize.control.catalog.actions import sheets
from monoize.control.fleet.errors import HostCallInvalid
from monoize.control.fleet.model import windows
from monoize.control.fleet.model.hosts import Host
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.usage import (
    PROVIDER_OF,
    Entry,
    MonthUsage,
    Receipt,
    Report,
    ShownEntry,
    cost_of,
    shown_usd,
    sum_of_known,
)
from monoize.control.fleet.store import ingests
from monoize.control.identity.actions.users import get_user
from monoize.control.identity.errors import NoSuchUser
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.telemetry.actions import reported as telemetry
from monoize.control.telemetry.model.reported import KEPT_LEAST, Reported
from monoize.infra.audit_log import Change
from monoize.infra.db import Database, Tx
from monoize.infra.forgetting import forget

_NAMES: Final = {"total": "total"} | {name: f"{name}_tokens" for name in ("input", "output", "cached", "reasoning")}


def is_metered_elsewhere(pool: Pool) -> bool:
    return pool.mode == "gateway"


async def earlier(tx: Tx, host: Host, report: Report) -> Receipt | None:
    """What this report was answered, if it came before."""
    if report.idempotency_key is None:
        return None
    known = await ingests.with_key(tx, _key_of(host, report.idempotency_key))
    return await _receipt(tx, host, known.id) if known else None


async def report_usage(change: Change, host: Host, pool: Pool, report: Report) -> Receipt:
    """The entries that were not reported before. UsageReportedAtOnce: by somebody else, right now."""
    entries = await _new(change.tx, host, report.entries)
    costs = await _costs(change.tx, PROVIDER_OF[pool.tool], entries)
    ingest_id = await ingests.add(
        change.tx,
        host_id=host.id,
        idempotency_key=_key_of(host, report.idempotency_key) if report.idempotency_key else None,
        values={
            "entries": len(entries),
            **{
                column: sum_of_known(getattr(entry.counts, name) for entry in entries)
                for name, column in _NAMES.items()
            },
            "cost_nano": sum_of_known(cost for cost, _ in costs),
            "client_ip": change.call.ip,
        },
    )
    tenant_id = await _tenant_of(change.tx, host)
    rows = [
        _row(host, pool, entry, cost, ingest_id, tenant_id=tenant_id)
        for entry, cost in zip(entries, costs, strict=True)
    ]
    try:
        await telemetry.record_reported(change.tx, rows)
    except ValueError:
        raise HostCallInvalid("No host uses that much in a day.") from None
    facts = {"ingest_id": ingest_id, "sent": len(report.entries), "recorded": len(rows)}
    change.record("usage.report", "host", host.id, host_id=host.id, fqdn=host.fqdn, **facts)
    return await _receipt(change.tx, host, ingest_id)


def _row(
    host: Host, pool: Pool, entry: Entry, cost: tuple[int | None, str | None], ingest_id: int, *, tenant_id: str
) -> Reported:
    cost_nano, price_id = cost
    return Reported(
        host_id=host.id,
        ingest_id=ingest_id,
        tenant_id=tenant_id,
        user_id=host.user_id,
        provider=PROVIDER_OF[pool.tool],
        at=entry.at,
        idempotency_key=_key_of(host, entry.idempotency_key) if entry.idempotency_key else None,
        model=entry.model,
        line=entry.line,
        **{column: getattr(entry.counts, name) for name, column in _NAMES.items()},
        cost_nano=cost_nano,
        price_id=price_id,
    )


async def _new(tx: Tx, host: Host, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Each once, also when it comes twice in one report."""
    keys = {_key_of(host, entry.idempotency_key) for entry in entries if entry.idempotency_key}
    seen = set(await telemetry.known_reported(tx, keys))
    new = []
    for entry in entries:
        key = _key_of(host, entry.idempotency_key) if entry.idempotency_key else None
        if key is None or key not in seen:
            new.append(entry)
        if key is not None:
            seen.add(key)
    return new


async def _costs(tx: Tx, provider: str, entries: Sequence[Entry]) -> Sequence[tuple[int | None, str | None]]:
    known: dict[tuple[str, int], PriceSheet] = {}
    costs: list[tuple[int | None, str | None]] = []
    for entry in entries:
        if entry.model is None:
            costs.append((None, None))
            continue
        at_s = int(entry.at.timestamp())
        if (entry.model, at_s) not in known:
            known[entry.model, at_s] = await sheets.sheet(tx, provider, entry.model, at_s=at_s)
        costs.append(cost_of(entry.counts, known[entry.model, at_s]))
    return costs


async def _receipt(tx: Tx, host: Host, ingest_id: int) -> Receipt:
    rows = await telemetry.reported_rows(tx, ingest_id)
    return Receipt(
        host_id=host.id,
        recorded=len(rows),
        usages=[ShownEntry.of(row) for row in rows],
        ingest_id=ingest_id,
        cost=shown_usd(sum_of_known(row.cost_nano_usd for row in rows)),
    )


async def _tenant_of(tx: Tx, host: Host) -> str:
    if host.user_id is None:
        return DEFAULT_TENANT_ID
    try:
        return (await get_user(tx, host.user_id)).tenant_id
    except NoSuchUser:
        return DEFAULT_TENANT_ID


def _key_of(host: Host, key: str) -> str:
    """Keys are the host's own: another one may use the same."""
    return f"{host.id}:{key}"


async def month_of(tx: Tx, host_id: int, now: dt.datetime) -> MonthUsage:
    """What a host is told about itself."""
    month = windows.month_of(now)
    used = await telemetry.reported_by_host(tx, host_id, since=month.since.date(), until=month.until.date())
    return MonthUsage.of(used)


async def forget_ingests(database: Database, now: dt.datetime, *, kept_days: int) -> None:
    """As long as the rows that came in with them are kept, so that a report that comes once more is known again."""
    before = now - max(dt.timedelta(days=kept_days), KEPT_LEAST)
    await forget(database, partial(ingests.delete_before, at=before))
