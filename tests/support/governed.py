"""Governed agents as values: whatever is not said lets everything through."""

from typing import Any

import msgspec

from monoize.contract.governed import Governed
from monoize.contract.limits import PRESETS, Limits
from monoize.contract.policies.catalogue import Policies, PolicyName, read
from monoize.contract.policies.effective import EffectivePolicy, Source, Trial
from monoize.contract.policies.scope import RequiredRoles, TenantScope

OWNER = "tenant-a"
OPEN: dict[PolicyName, Any] = {"cost_policy_json": {"allow_fast": True, "allow_long_context": True}}
"""What would be denied by default."""


def governed(
    *,
    tenant_id: str = OWNER,
    roles: tuple[str, ...] = ("user",),
    limits: Limits = PRESETS["unlimited"],
    shadow: tuple[PolicyName, ...] = (),
    policies: dict[PolicyName, Any] | None = None,
    **fields: Any,
) -> Governed:
    """`shadow` are those of `policies` that are only tried out, and of which nobody else says anything."""
    said = {**OPEN, "model_policy_json": {"speed": "fast"}, **(policies or {})}
    whole = Policies(**{name: read(name, document) for name, document in said.items()})
    kept = Policies(**{name: read(name, document) for name, document in said.items() if name not in shadow})
    policy = EffectivePolicy(
        **{
            "name": "worker",
            "role_name": "worker",
            "status": "active",
            "mode": "worker",
            "safety_level": "permissive",
            "scope": TenantScope(owner=OWNER, is_global=False, reach="single_tenant"),
            "auth_strategy": "api_key",
            "required_roles": RequiredRoles(),
            "requires_human_approval": False,
            "telemetry_enabled": True,
            "policies": kept,
            "sources": (Source("record-1", 3, "h"),),
            "trial": Trial(names=shadow, silenced=shadow, policies=whole) if shadow else None,
            **fields,
        }
    )
    return Governed(
        config_id="record-1",
        config_version=3,
        tenant_id=tenant_id,
        roles=roles,
        policy=policy,
        limits=limits,
        limits_key=f"{tenant_id}:worker",
        personal_data_key=b"a key of the tenant",
    )


def limited(**changes: Any) -> Limits:
    return msgspec.structs.replace(PRESETS["unlimited"], **changes)
