"""What a draft of an agent record would have done with the requests that were made: nothing is written."""

import asyncio
import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from monoize.base.clock import utc_now
from monoize.contract.governed import Governed
from monoize.contract.limits import Limits
from monoize.control.governance.actions.counting import Counting, Gates
from monoize.control.governance.actions.effective import levels
from monoize.control.governance.actions.limits import limits_in_force
from monoize.control.governance.actions.operations import quota_key
from monoize.control.governance.actions.records import drafted
from monoize.control.governance.errors import ReplayTooLong
from monoize.control.governance.model.composition import compose
from monoize.control.governance.model.records import GOVERNED, AgentRecord
from monoize.control.governance.model.replay import PolicyTest, Versions, replayed
from monoize.control.identity.actions.users import get_users
from monoize.control.identity.model import User
from monoize.control.ledger.actions import decisions
from monoize.control.ledger.drivers.capture_files import CaptureFiles
from monoize.infra.db import Database, Tx

DAYS_USUAL: Final = 7
DAYS_MOST: Final = 31


async def try_draft(
    database: Database,
    gates: Gates,
    captures: CaptureFiles,
    record_id: str,
    given: Mapping[str, Any],
    *,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> PolicyTest:
    """`given` are fields of the record, as a change of it has them."""
    end = until or utc_now()
    begin = since or end - dt.timedelta(days=DAYS_USUAL)
    if end - begin > dt.timedelta(days=DAYS_MOST):
        raise ReplayTooLong
    async with database.read() as tx:
        requests, complete = await decisions.recorded(tx, record_id, since=begin, until=end)
        callers = await get_users(tx, {request.user_id for request in requests})
        versions = await _versions(tx, record_id, given, list(callers.values()))
    # What is left out is older, so counting begins with the oldest.
    began = begin if complete or not requests else requests[-1].at
    read = _reader(captures)
    now, draft = [Counting(gates, read, began_s=int(began.timestamp())).judged for _ in range(2)]
    # Thousands of requests are judged for longer than others should wait.
    return await asyncio.to_thread(replayed, requests, versions, now, draft, complete=complete)


def _reader(captures: CaptureFiles) -> Callable[[str], bytes | None]:
    """Each is asked for twice, one version after the other."""
    return functools.lru_cache(maxsize=1)(captures.content)


async def _versions(
    tx: Tx, record_id: str, given: Mapping[str, Any], callers: Sequence[User]
) -> Mapping[str, Versions]:
    """Of each caller; what differs between them is their tenant and their role."""
    *_, record = await levels(tx, record_id)
    draft = _as_draft(record, given)
    # By tenant and role: there are few of these, however many callers there are.
    known: dict[tuple[str, str], Versions] = {}
    for tenant_id, role in {(caller.tenant_id, caller.role) for caller in callers}:
        *around, present = await levels(tx, record_id, for_tenant=tenant_id)
        now, later = [
            _governed(around, each, tenant_id, role, await _limits(tx, tenant_id, each))
            for each in (dataclasses.replace(present, status="active"), draft)
        ]
        known[tenant_id, role] = Versions(now, later)
    return {caller.id: known[caller.tenant_id, caller.role] for caller in callers}


def _as_draft(record: AgentRecord, given: Mapping[str, Any]) -> AgentRecord:
    """In force, whatever the status of the record is."""
    after = drafted(record, given)
    return dataclasses.replace(record, status="active", **{name: getattr(after, name) for name in GOVERNED})


async def _limits(tx: Tx, tenant_id: str, record: AgentRecord) -> Limits:
    return await limits_in_force(tx, tenant_id, record.role_name, utc_now())


def _governed(
    around: Sequence[AgentRecord], record: AgentRecord, tenant_id: str, role: str, limits: Limits
) -> Governed:
    policy = compose(around, record)
    return Governed(
        config_id=record.id,
        config_version=record.config_version,
        tenant_id=tenant_id,
        roles=(role,),
        policy=policy,
        limits=limits,
        limits_key=quota_key(tenant_id, policy.role_name),
    )
