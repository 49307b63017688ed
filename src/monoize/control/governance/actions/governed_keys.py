"""Which API keys are for agents, by their records."""

from monoize.control.governance.errors import NoSuchAgentRecord
from monoize.control.governance.store import records
from monoize.control.identity.actions import keys
from monoize.control.identity.model import ApiKey
from monoize.infra.audit_log import Change


async def govern(change: Change, key_id: str, record_id: str) -> ApiKey:
    """A baseline governs no agent of its own."""
    record = await records.get(change.tx, record_id)
    if record.baseline:
        raise NoSuchAgentRecord
    return await keys.govern_key(change, key_id, record.id)


async def let_go(change: Change, key_id: str) -> ApiKey:
    return await keys.govern_key(change, key_id, None)
