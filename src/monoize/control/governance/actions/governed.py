"""What governs the requests of a key whose agent has a record, for gateways to decide by.

Putting a policy together takes milliseconds, and every key that is in use is asked for each second. So it is
remembered for as long as the rows that it was made of stand as they did.
"""

import datetime as dt
import time
from collections import OrderedDict
from typing import Final

from monoize.contract.governed import Governed
from monoize.contract.policies.effective import EffectivePolicy
from monoize.control.governance.actions.effective import effective
from monoize.control.governance.actions.limits import limits_in_force
from monoize.control.governance.actions.operations import quota_key
from monoize.control.governance.store import records
from monoize.control.governance.store.records import Stamp
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

REMEMBERED_MOST: Final = 1_000
REMEMBERED_S: Final = 60.0


class GovernedKeys:
    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._known: OrderedDict[tuple[str, str], tuple[tuple[Stamp, ...], EffectivePolicy, float]] = OrderedDict()

    async def of(self, tx: Tx, record_id: str, *, tenant_id: str, role: str, now: dt.datetime) -> Governed:
        """As this tenant uses it. A refusal where the record is gone or is not what was written."""
        policy = await self._policy(tx, record_id, tenant_id)
        return Governed(
            config_id=policy.config_id,
            config_version=policy.config_version,
            tenant_id=tenant_id,
            roles=(role,),
            policy=policy,
            limits=await limits_in_force(tx, tenant_id, policy.role_name, now),
            limits_key=quota_key(tenant_id, policy.role_name),
            # Of one tenant, for good: what was a token once is the same one later, and to nobody else.
            personal_data_key=bytes.fromhex(self._seal.mac("personal data", tenant_id.encode())),
        )

    async def _policy(self, tx: Tx, record_id: str, tenant_id: str) -> EffectivePolicy:
        stamps, place = await records.stamps(tx, record_id, tenant_id), (record_id, tenant_id)
        known = self._known.get(place)
        if known is not None and known[0] == stamps and time.monotonic() - known[2] < REMEMBERED_S:
            return known[1]
        policy = await effective(tx, record_id, for_tenant=tenant_id)
        self._known[place] = stamps, policy, time.monotonic()
        self._known.move_to_end(place)
        if len(self._known) > REMEMBERED_MOST:
            self._known.popitem(last=False)
        return policy
