"""SQL of agent records. Every row is checked against its hash when it is read."""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Row, exc, insert, or_, select, update

from monoize.base.clock import utc_now
from monoize.contract.policies.catalogue import NAMES
from monoize.contract.policies.effective import AUTH_STRATEGIES
from monoize.contract.policies.scope import Status
from monoize.control.edge.wire import Window
from monoize.control.governance.errors import AgentRecordExists, NoSuchAgentRecord
from monoize.control.governance.model.records import (
    EVERY_TENANT,
    AgentRecord,
    Baseline,
    Governed,
    RecordFilter,
    RolesWanted,
    baseline_of,
    document,
    hash_of,
)
from monoize.control.governance.tables import agent_ai_sam as records
from monoize.infra.db import Tx

_columns = records.c
_ARCHIVED: Final[Status] = "archived"
_FLAGS: Final = ("is_global", "requires_human_approval", "telemetry_enabled")
_LISTS: Final = (
    "allowed_tenants",
    "blocked_tenants",
    "required_roles",
    "shadow_policies",
    "additional_alert_emails",
)
_PLAIN: Final = (
    "name",
    "role_name",
    "mode",
    "safety_level",
    "tenant_scope",
    "user_email",
    "owner_user_id",
    "backup_user_email",
    "alert_escalation_email",
)


async def get(tx: Tx, id: str, *, lock: bool = False) -> AgentRecord:
    found = await find(tx, id, lock=lock)
    if found is None:
        raise NoSuchAgentRecord
    return found


async def find(tx: Tx, id: str, *, lock: bool = False) -> AgentRecord | None:
    query = select(records).where(_columns.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return _record(row) if row else None


class Stamp(NamedTuple):
    """Of a row: another one whenever the row says something else."""

    id: str
    status: str
    config_version: int
    config_hash: str | None
    updated_at: int


async def stamps(tx: Tx, id: str, tenant_id: str) -> tuple[Stamp, ...]:
    """Of a record and of the baselines in force around it, as this tenant uses it."""
    owner = select(_columns.tenant_id).where(_columns.id == id).scalar_subquery()
    is_around = or_(_columns.baseline_of.in_((EVERY_TENANT, tenant_id)), _columns.baseline_of == owner)
    query = (
        select(*(_columns[name] for name in Stamp._fields))
        .where(or_(_columns.id == id, is_around & (_columns.status == "active")))
        .order_by(_columns.id)
    )
    return tuple(Stamp._make(row) for row in await tx.execute(query))


async def page(tx: Tx, window: Window, wanted: RecordFilter) -> Sequence[AgentRecord]:
    query = select(records).order_by(_columns.id.desc()).limit(window.limit + 1)
    if window.after:
        query = query.where(_columns.id < window.after)
    if wanted.name is not None:
        query = query.where(_columns.name == wanted.name)
    if wanted.tenant_id is not None:
        query = query.where(_columns.tenant_id == wanted.tenant_id)
    is_status = _columns.status == wanted.status if wanted.status else _columns.status != _ARCHIVED
    return [_record(row) for row in await tx.execute(query.where(is_status))]


async def baselines(tx: Tx, of: Sequence[str]) -> Mapping[str, AgentRecord]:
    """Those in force of these, by what they are the baseline of."""
    query = select(records).where(_columns.baseline_of.in_(of), _columns.status == "active")
    return {row.baseline_of: _record(row) for row in await tx.execute(query)}


async def has_baseline(tx: Tx, of: str) -> bool:
    return await tx.scalar(select(_columns.id).where(_columns.baseline_of == of)) is not None


async def add(tx: Tx, id: str, tenant_id: str, governed: Governed, *, created_by: str, **rest: Any) -> AgentRecord:
    values = {**_stored(governed, tenant_id), **rest}
    now_s = int(utc_now().timestamp())
    values |= {"created_by": created_by, "created_at": now_s, "updated_at": now_s}
    try:
        await tx.execute(insert(records).values(id=id, tenant_id=tenant_id, config_version=1, **values))
    except exc.IntegrityError as problem:
        raise AgentRecordExists from problem
    return await get(tx, id)


async def write_version(tx: Tx, record: AgentRecord, governed: Governed, version: int) -> None:
    try:
        await _change(tx, record.id, {**_stored(governed, record.tenant_id), "config_version": version})
    except exc.IntegrityError as problem:
        raise AgentRecordExists from problem


async def annotate(tx: Tx, id: str, values: Mapping[str, Any]) -> None:
    """What is no part of a version: status, description, notes."""
    await _change(tx, id, values)


async def _change(tx: Tx, id: str, values: Mapping[str, Any]) -> None:
    await tx.execute(update(records).where(_columns.id == id).values(**values))


def _record(row: Row[Any]) -> AgentRecord:
    fields, are_readable = _governed_fields(row)
    record = AgentRecord(
        **fields,
        id=row.id,
        tenant_id=row.tenant_id,
        description=row.description,
        status=row.status,
        notes=row.notes,
        config_version=row.config_version,
        config_hash=row.config_hash or "",
        intact=are_readable,
        created_by=row.created_by,
        created_at=_moment(row.created_at),
        updated_at=_moment(row.updated_at),
        last_health_check=row.last_health_check and _moment(row.last_health_check),
        last_run_at=row.last_run_at and _moment(row.last_run_at),
        last_error=row.last_error,
    )
    return dataclasses.replace(record, intact=are_readable and _is_intact(record, row))


def _governed_fields(row: Row[Any]) -> tuple[dict[str, Any], bool]:
    """And whether all lists of names are such; those that are not are shown empty."""
    values = row._mapping
    lists = {name: _names(values[f"{name}_json"]) for name in _LISTS}
    fields: dict[str, Any] = {
        **{name: values[name] for name in _PLAIN},
        **{name: bool(values[name]) for name in _FLAGS},
        **{name: found or () for name, found in lists.items()},
        "auth_strategy": row.auth_strategy or AUTH_STRATEGIES[-1],
        "policies": {name: _document(values[name]) for name in NAMES},
        "baseline": _baseline(row),
    }
    return fields, None not in lists.values()


def _is_intact(record: AgentRecord, row: Row[Any]) -> bool:
    if row.baseline_of != baseline_of(record.baseline, record.tenant_id):
        return False
    try:
        return hash_of(record) == record.config_hash
    except (ValueError, TypeError):
        # Nothing of this shape was ever written here.
        return False


def _baseline(row: Row[Any]) -> Baseline | None:
    if row.baseline_of is None:
        return None
    return "platform" if row.baseline_of == EVERY_TENANT else "tenant"


def _names(text: str | None) -> RolesWanted | None:
    """None for what is no list of names."""
    found = _document(text)
    listed = found["all"] if isinstance(found, dict) and found.keys() == {"all"} else found
    is_list = isinstance(listed, list) and all(isinstance(name, str) for name in listed)
    return found if is_list else None


def _document(text: str | None) -> Any:
    """What is no JSON stays the text that it is, which no hash will fit."""
    try:
        return json.loads(text or "")
    except ValueError:
        return text


def _stored(governed: Governed, tenant_id: str) -> dict[str, Any]:
    kept = document(governed)
    return {
        **{name: kept[name] for name in (*_PLAIN, "auth_strategy")},
        **{name: int(kept[name]) for name in _FLAGS},
        **{f"{name}_json": json.dumps(kept.get(name, [])) for name in _LISTS},
        **{name: json.dumps(kept["policies"][name]) for name in NAMES},
        "baseline_of": baseline_of(governed.baseline, tenant_id),
        "config_hash": hash_of(governed),
    }


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
