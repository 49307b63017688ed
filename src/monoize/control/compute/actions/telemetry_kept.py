"""What telemetry of each governed agent may be kept, and for how long, as its policy says."""

from collections.abc import Mapping

import structlog

from monoize.base.errors import Refusal
from monoize.base.ids import is_id
from monoize.base.principal import Principal
from monoize.contract.policies.effective import EffectivePolicy
from monoize.control.compute.actions.agents import record_of_key
from monoize.control.compute.store import agents
from monoize.control.governance.actions.effective import effective
from monoize.infra.db import Tx

log = structlog.get_logger(__name__)


async def days_kept(tx: Tx) -> Mapping[str, int]:
    """By agent, and by record, whose id programs may report under. Without what cannot be read: that is kept on."""
    of_agents = await agents.governed(tx)
    found: dict[str, int] = {}
    for record_id in set(of_agents.values()):
        try:
            found[record_id] = (await effective(tx, record_id)).policies.telemetry_policy_json.retention_days
        except Refusal as refusal:
            log.warning("retention_unknown", record_id=record_id, code=refusal.code)
    return found | {agent: found[record] for agent, record in of_agents.items() if record in found}


async def policy_of(tx: Tx, caller: Principal, named: str | None) -> EffectivePolicy | None:
    """Of the key that is shown, else of the agent or the record that is named. What cannot be read says nothing."""
    record_id = await record_of_key(tx, caller.id) if caller.kind == "api_key" else None
    if record_id is None and named is not None:
        # Programs may name anything.
        record_id = (await agents.record_of(tx, named) if is_id(named) else None) or named
    try:
        return None if record_id is None else await effective(tx, record_id)
    except Refusal:
        return None
