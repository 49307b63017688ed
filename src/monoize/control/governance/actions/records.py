"""What administrators do with agent records: write them, change them version by version, and go back to one."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.base.ids import new_id
from monoize.contract.policies.catalogue import NAMES, empty
from monoize.control.edge.wire import Page, Window
from monoize.control.governance.actions.config_changes import (
    ConfigChange,
    check_changeable,
    ends_baseline,
    loosened_by,
    settle,
)
from monoize.control.governance.errors import (
    AgentRecordChanged,
    BaselineExists,
    BaselineInForce,
    ConfigTampered,
    VersionNeeded,
)
from monoize.control.governance.model.approvals import Approval
from monoize.control.governance.model.consistency import check_consistent, checked
from monoize.control.governance.model.difference import Difference, differences
from monoize.control.governance.model.records import (
    BASELINE_DEFAULTS,
    GOVERNED,
    AgentRecord,
    Governed,
    RecordFilter,
    Revision,
    baseline_of,
    document,
    governed_of,
    hash_of,
    of_document,
)
from monoize.control.governance.model.templates import template
from monoize.control.governance.store import records, revisions
from monoize.control.identity.actions import tenants, users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

DIFFERENCES_MOST: Final = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do. `loosened` points at what would allow more, and so wait for another's yes."""

    digest: str
    differences: Sequence[Difference]
    loosened: Sequence[str]


async def list_records(tx: Tx, window: Window, wanted: RecordFilter) -> Page[AgentRecord]:
    return window.page(await records.page(tx, window, wanted), lambda record: record.id)


async def get_record(tx: Tx, record_id: str) -> AgentRecord:
    return await records.get(tx, record_id)


async def create_record(
    change: Change, tenant_id: str, given: Mapping[str, Any], *, template_id: str | None = None
) -> AgentRecord:
    """`given` are fields of a record; a template fills in the others."""
    tx = change.tx
    await tenants.get_tenant(tx, tenant_id)
    governed = _begun(given, template_id)
    await _check(tx, governed, tenant_id)
    await _check_only_baseline(tx, governed, tenant_id)
    rest = {name: given[name] for name in ("status", "description", "notes") if name in given}
    author = change.call.principal.label
    record = await records.add(tx, new_id(), tenant_id, governed, created_by=author, **rest)
    await revisions.add(tx, record.id, 1, governed, author=author, reason=None)
    change.record(
        "agent_record.create",
        "agent_record",
        record.id,
        name=record.name,
        of_tenant=tenant_id,
        baseline=record.baseline,
        template=template_id,
        digest=record.config_hash,
    )
    return record


async def update_record(
    change: Change,
    seal: Seal,
    record_id: str,
    given: Mapping[str, Any],
    *,
    version: int | None,
    reason: str | None,
    sole_admin: bool = False,
) -> AgentRecord | Approval:
    """Policies that are among `given` take the place of those of their names; all others stay."""
    before = await records.get(change.tx, record_id, lock=True)
    rest = {name: value for name, value in given.items() if name not in GOVERNED}
    if len(rest) == len(given):
        if ends_baseline(before, rest):
            await check_changeable(change.tx, before)
            wanted = ConfigChange(governed_of(before), rest, reason)
            return await settle(change, seal, before, wanted, sole_admin=sole_admin)
        return await _annotated(change, before, rest, reason)
    _check_version(before, version)
    await check_changeable(change.tx, before)
    after = drafted(before, given)
    await _check(change.tx, after, before.tenant_id)
    return await settle(change, seal, before, ConfigChange(after, rest, reason), sole_admin=sole_admin)


async def roll_back(
    change: Change,
    seal: Seal,
    record_id: str,
    to: int,
    *,
    version: int | None,
    reason: str | None,
    sole_admin: bool = False,
) -> AgentRecord | Approval:
    """What a version said is said again, as a new version: also where the present one is no longer whole."""
    tx = change.tx
    before = await records.get(tx, record_id, lock=True)
    _check_version(before, version)
    wanted = await revisions.get(tx, record_id, to)
    if not wanted.intact:
        raise ConfigTampered(record=record_id)
    after = of_document(wanted.config)
    await _check(tx, after, before.tenant_id)
    return await settle(change, seal, before, ConfigChange(after, {}, reason, to), sole_admin=sole_admin)


async def archive_record(change: Change, record_id: str) -> None:
    """It governs nobody any more, and what it said stays on record."""
    before = await records.get(change.tx, record_id, lock=True)
    if ends_baseline(before, {"status": "archived"}):
        raise BaselineInForce
    await records.annotate(change.tx, record_id, {"status": "archived"})
    change.record("agent_record.archive", "agent_record", record_id, name=before.name, was=before.status)


async def list_revisions(tx: Tx, record_id: str, window: Window) -> Page[Revision]:
    await records.get(tx, record_id)
    return window.page(await revisions.page(tx, record_id, window), lambda revision: revision.version)


async def compare(tx: Tx, record_id: str, earlier: int, later: int) -> Sequence[Difference]:
    await records.get(tx, record_id)
    before, after = [await revisions.get(tx, record_id, version) for version in (earlier, later)]
    return list(differences(before.config, after.config))[:DIFFERENCES_MOST]


async def preview(tx: Tx, record_id: str, given: Mapping[str, Any]) -> Preview:
    """Of fields as a change would send them; nothing is written."""
    before = await records.get(tx, record_id)
    await check_changeable(tx, before)
    after = drafted(before, given)
    rest = {name: value for name, value in given.items() if name not in GOVERNED}
    found = list(differences(document(governed_of(before)), document(after)))[:DIFFERENCES_MOST]
    loosened = loosened_by(before, await revisions.newest(tx, record_id), ConfigChange(after, rest))
    return Preview(hash_of(after), found, loosened)


def drafted(before: AgentRecord, given: Mapping[str, Any]) -> Governed:
    """What it would say with these fields. PolicyInvalid points at what they cannot say."""
    after = dataclasses.replace(governed_of(before), **_fields(given, before.policies))
    check_consistent(after, before.tenant_id)
    return after


def _begun(given: Mapping[str, Any], template_id: str | None) -> Governed:
    prefilled = template(template_id).prefill() if template_id else {}
    defaults = BASELINE_DEFAULTS if given.get("baseline") else {}
    nothing_said = {name: empty(name) for name in NAMES}
    policies = {**nothing_said, **prefilled.pop("policies", {})}
    return Governed(**{**defaults, **prefilled, "policies": policies, **_fields(given, policies)})


def _fields(given: Mapping[str, Any], policies: Mapping[Any, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in given.items() if name in GOVERNED}
    if "policies" in fields:
        fields["policies"] = {**policies, **checked(fields["policies"])}
    return fields


async def _check(tx: Tx, governed: Governed, tenant_id: str) -> None:
    check_consistent(governed, tenant_id)
    if governed.owner_user_id is not None:
        await users.get_user(tx, governed.owner_user_id)


async def _check_only_baseline(tx: Tx, governed: Governed, tenant_id: str) -> None:
    of = baseline_of(governed.baseline, tenant_id)
    if of is not None and await records.has_baseline(tx, of):
        raise BaselineExists


def _check_version(record: AgentRecord, version: int | None) -> None:
    if version is None:
        raise VersionNeeded
    if version != record.config_version:
        raise AgentRecordChanged(config_version=record.config_version)


async def _annotated(
    change: Change, before: AgentRecord, values: Mapping[str, Any], reason: str | None
) -> AgentRecord:
    """No version: whether agents run is decided at once, also of a record that is no longer whole, and stays so."""
    if values:
        await records.annotate(change.tx, before.id, values)
    after = await records.get(change.tx, before.id)
    change.record(
        "agent_record.update",
        "agent_record",
        before.id,
        name=before.name,
        reason=reason,
        changed=sorted(values),
        version=after.config_version,
        status=after.status,
    )
    return after
