"""What is in force for an agent: its record within the baselines of the house and of the tenants it serves.

Failure is closed: where one of these is not what was written, nothing is in force and the agent does not run.
"""

from collections.abc import Sequence

from monoize.contract.policies.effective import EffectivePolicy
from monoize.control.governance.errors import ConfigTampered, NoSuchAgentRecord
from monoize.control.governance.model.composition import compose
from monoize.control.governance.model.records import EVERY_TENANT, AgentRecord, is_whole
from monoize.control.governance.store import records, revisions
from monoize.infra.db import Tx


async def effective(tx: Tx, record_id: str, *, for_tenant: str | None = None) -> EffectivePolicy:
    """`for_tenant` is who uses it, where that is not its owner: what they demand of their agents holds as well."""
    *around, record = await levels(tx, record_id, for_tenant=for_tenant)
    return compose(around, record)


async def levels(tx: Tx, record_id: str, *, for_tenant: str | None = None) -> Sequence[AgentRecord]:
    """What it is made of, each of them whole: baselines outermost first, and the record last."""
    record = await records.get(tx, record_id)
    if record.baseline:
        raise NoSuchAgentRecord
    found = (*await _baselines(tx, record.tenant_id, for_tenant), record)
    for level in found:
        await check_whole(tx, level)
    return found


async def check_whole(tx: Tx, record: AgentRecord) -> None:
    if not is_whole(record, await revisions.newest(tx, record.id)):
        raise ConfigTampered(record=record.id)


async def _baselines(tx: Tx, owner: str, for_tenant: str | None) -> Sequence[AgentRecord]:
    """Outermost first."""
    wanted = dict.fromkeys((EVERY_TENANT, owner, *([for_tenant] if for_tenant else [])))
    found = await records.baselines(tx, list(wanted))
    return [found[of] for of in wanted if of in found]
