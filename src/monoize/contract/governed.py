"""What governs the requests of a key: the record of the agent that it is for, as one tenant uses it."""

import msgspec

from monoize.contract.limits import Limits
from monoize.contract.policies.effective import EffectivePolicy


class Governed(msgspec.Struct, frozen=True, kw_only=True):
    """`tenant_id` and `roles` are of whoever uses the agent; at `limits_key` all agents of its role are counted."""

    config_id: str
    config_version: int
    tenant_id: str
    roles: tuple[str, ...]
    policy: EffectivePolicy
    limits: Limits
    limits_key: str
    # With which values of personal data become tokens; empty: they are redacted instead.
    personal_data_key: bytes = b""
