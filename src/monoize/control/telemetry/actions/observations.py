"""Agents report what they did and measured, in batches, each thing once."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

from monoize.base.principal import Principal
from monoize.contract.policies.effective import EffectivePolicy
from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.control.telemetry.errors import TooMuchTelemetry
from monoize.control.telemetry.model.observations import BATCHES_PER_MINUTE, Observation, as_kept, check, kept_key
from monoize.control.telemetry.store import observations as store
from monoize.infra.counters import Counters
from monoize.infra.db import Tx

_MINUTE_S = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """`known` were reported before, and count once. `left_out` is what the agent's record keeps out."""

    recorded: int
    known: int
    left_out: int = 0


async def check_pace(counters: Counters, caller: Principal) -> None:
    if await counters.add(f"telemetry:{caller.kind}:{caller.id}", _MINUTE_S) > BATCHES_PER_MINUTE:
        raise TooMuchTelemetry(retry_after_s=_MINUTE_S)


async def report(
    tx: Tx,
    caller: Principal,
    observations: Sequence[Observation],
    policies: Mapping[str | None, EffectivePolicy | None],
    now: dt.datetime,
) -> Taken:
    """In the caller's tenant, whatever it says of itself. All of them or none. `policies` are by agent."""
    for observation in observations:
        check(observation, now)
    tenant_id = caller.tenant_id or DEFAULT_TENANT_ID
    keys = [kept_key(caller, observation.idempotency_key) for observation in observations]
    seen = await store.known(tx, tenant_id, {key for key in keys if key is not None})
    new: list[Observation] = []
    for key, observation in zip(keys, observations, strict=True):
        if key is None or key not in seen:
            new.append(observation)
        if key is not None:
            seen.add(key)
    kept = [found for each in new if (found := as_kept(each, policies.get(each.agent_id)))]
    await store.add(tx, tenant_id, caller, kept)
    return Taken(len(kept), len(observations) - len(new), len(new) - len(kept))
