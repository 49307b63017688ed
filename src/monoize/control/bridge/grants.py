"""Keys, as the gateway sees them: what somebody who shows one may do there."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal, Unavailable
from monoize.base.money import Multiplier
from monoize.contract.governed import Governed
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Redirect
from monoize.control.compute.actions import agents
from monoize.control.compute.actions.agents import LentTo
from monoize.control.governance.actions.governed import GovernedKeys
from monoize.control.governance.errors import ConfigTampered, NoSuchAgentRecord
from monoize.control.identity.actions import balances
from monoize.control.identity.actions.key_holders import KeyHolder, holder_of
from monoize.control.identity.model import User, allowed_transforms
from monoize.infra.db import Database, Tx
from monoize.infra.sealed import Seal

log = structlog.get_logger(__name__)

GRANTS_REST_ON: Final = frozenset({"user", "tenant", "key", "host", "agent", "agent_record", "agent_limits"})


class KeyGrants:
    def __init__(self, database: Database, seal: Seal, used: Callable[[str, dt.datetime], None]) -> None:
        self._database = database
        # Told of every key that is in use, to remember when it last was.
        self._used = used
        self._agents = GovernedKeys(seal)

    async def grant(self, digest: str) -> Grant | None:
        now = utc_now()
        try:
            async with self._database.read() as tx:
                holder = await holder_of(tx, digest, now)
                sub_account = await balances.find_sub_account(tx, holder.key.id)
                lent = await agents.lent_to(tx, holder.key)
                governed, is_barred = await self._governed(tx, holder, lent, now)
        except Unavailable:
            raise
        except Refusal:
            return None
        self._used(holder.key.id, now)
        grant = _grant(holder, has_sub_account=sub_account is not None and sub_account.enabled, lent=lent)
        return msgspec.structs.replace(grant, governed=governed, is_barred=is_barred)

    async def _governed(
        self, tx: Tx, holder: KeyHolder, lent: LentTo | None, now: dt.datetime
    ) -> tuple[Governed | None, bool]:
        """By the record that the key is for, or of the agent whose key it is; and whether nobody can trust that."""
        record_id = holder.key.agent_record_id or (lent and lent.record_id)
        if record_id is None:
            return None, False
        owner = holder.owner
        try:
            found = await self._agents.of(tx, record_id, tenant_id=owner.tenant_id, role=owner.role, now=now)
        except (ConfigTampered, NoSuchAgentRecord) as problem:
            log.warning("agent_barred", record=record_id, code=problem.code, key_id=holder.key.id)
            return None, True
        return found, False


def _grant(holder: KeyHolder, *, has_sub_account: bool, lent: LentTo | None) -> Grant:
    key, owner = holder.key, holder.owner
    return Grant(
        key_id=key.id,
        user_id=owner.id,
        tenant_id=owner.tenant_id,
        username=owner.username,
        expires_at_ms=int(key.expires_at.timestamp() * 1000) if key.expires_at else None,
        models=frozenset(key.model_limits) if key.model_limits_enabled else None,
        networks=tuple(key.ip_whitelist),
        groups=_groups(owner.allowed_groups, key.allowed_groups),
        multiplier_most=Multiplier.of_text(key.max_multiplier).billionths if key.max_multiplier else None,
        redirects=tuple(Redirect(rule.pattern, rule.replace) for rule in key.model_redirects),
        transforms=allowed_transforms(key.transforms, owner),
        has_sub_account=has_sub_account,
        overdraft_nano=owner.overdraft_nano_usd,
        is_clamped=owner.hold_policy == "clamp",
        requests_per_minute=key.requests_per_minute,
        tokens_per_minute=key.tokens_per_minute,
        concurrent_most=key.max_concurrent,
        daily_budget_nano=key.daily_budget_nano_usd,
        monthly_budget_nano=key.monthly_budget_nano_usd,
        capture=key.request_capture_mode,
        cache_ttl_s=key.cache_ttl_s,
        agent_id=lent and lent.agent_id,
        machine_id=lent and lent.machine_id,
    )


def grant_of_new_key(owner: User) -> Grant:
    """What this user's next key may do as long as nobody limits it."""
    return Grant(
        key_id="",
        user_id=owner.id,
        tenant_id=owner.tenant_id,
        username=owner.username,
        groups=_groups(owner.allowed_groups, ()),
    )


def _groups(of_owner: Sequence[str], of_key: Sequence[str]) -> frozenset[str] | None:
    """None: not bound to any. Where both are, to those that are in both."""
    if not of_owner or not of_key:
        return frozenset(of_owner or of_key) or None
    return frozenset(of_owner) & frozenset(of_key)
