"""What somebody who shows a key may do, as far as the gateway is concerned."""

import msgspec

from monoize.contract.captures import CaptureMode
from monoize.contract.governed import Governed
from monoize.contract.snapshot import Redirect
from monoize.contract.transforms.rule import Rule


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    key_id: str
    user_id: str
    tenant_id: str
    username: str
    expires_at_ms: int | None = None
    # By name or glob; None: all of them.
    models: frozenset[str] | None = None
    # CIDR networks; empty: from anywhere.
    networks: tuple[str, ...] = ()
    # None: every provider; empty: those without groups.
    groups: frozenset[str] | None = None
    multiplier_most: int | None = None
    redirects: tuple[Redirect, ...] = ()
    transforms: tuple[Rule, ...] = ()
    has_sub_account: bool = False
    # Of its owner's account: how far below zero a request may take it, and if answers are cut to what is left.
    overdraft_nano: int = 0
    is_clamped: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_most: int | None = None
    daily_budget_nano: int | None = None
    monthly_budget_nano: int | None = None
    capture: CaptureMode = "off"
    # For how long an answer is given once more to the same request; None: never.
    cache_ttl_s: int | None = None
    # Whose key it is, if an agent's.
    agent_id: str | None = None
    # The machine that this agent runs on.
    machine_id: str | None = None
    # By what the agent's record says; None: the key is for no governed agent.
    governed: Governed | None = None
    # Its record is not what was written, or is gone: then nothing is in force, and it may do nothing.
    is_barred: bool = False
