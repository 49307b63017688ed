"""Agent records as values: what governs an agent, which version of it, and what a baseline says for many."""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from monoize.base.canonical import canonical_hash
from monoize.contract.policies.catalogue import NAMES, PolicyName, empty
from monoize.contract.policies.effective import AuthStrategy
from monoize.contract.policies.modes import Mode
from monoize.contract.policies.safety import SafetyLevel
from monoize.contract.policies.scope import Reach, RequiredRoles, Status, TenantScope
from monoize.contract.policies.tightening import Document

EVERY_TENANT: Final = "*"
"""What the baseline of the whole house is the baseline of."""

Baseline = Literal["platform", "tenant"]
RolesWanted = Sequence[str] | Mapping[Literal["all"], Sequence[str]]
"""Any of these roles, or all of them."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """All that a version of a record consists of. `policies` holds all thirteen."""

    name: str
    role_name: str
    mode: Mode = "orchestrator"
    safety_level: SafetyLevel = "strict"
    is_global: bool = True
    tenant_scope: Reach = "multi_tenant"
    allowed_tenants: Sequence[str] = ()
    blocked_tenants: Sequence[str] = ()
    auth_strategy: AuthStrategy = "zero_trust_plus_oauth"
    required_roles: RolesWanted = ("super_admin",)
    requires_human_approval: bool = True
    telemetry_enabled: bool = True
    baseline: Baseline | None = None
    policies: Mapping[PolicyName, Document] = dataclasses.field(
        default_factory=lambda: {name: empty(name) for name in NAMES}
    )
    # Of those, what is only tried out: denials are written down and nothing is refused.
    shadow_policies: Sequence[PolicyName] = ()
    user_email: str | None = None
    additional_alert_emails: Sequence[str] = ()
    owner_user_id: str | None = None
    backup_user_email: str | None = None
    alert_escalation_email: str | None = None


GOVERNED: Final = tuple(field.name for field in dataclasses.fields(Governed))

BASELINE_DEFAULTS: Final[Mapping[str, Any]] = {
    "safety_level": "permissive",
    "auth_strategy": "session",
    "required_roles": (),
    "requires_human_approval": False,
}
"""What a baseline does not say must not bind anybody, and its defaults are the loosest."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord(Governed):
    """`intact` is false when what is stored is not what was written: then nothing may run under it."""

    id: str
    tenant_id: str
    description: str | None
    status: Status
    notes: str | None
    config_version: int
    config_hash: str
    intact: bool
    created_by: str
    created_at: dt.datetime
    updated_at: dt.datetime
    last_health_check: dt.datetime | None
    last_run_at: dt.datetime | None
    last_error: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records a list shows; without a status, all that are not archived."""

    name: str | None = None
    tenant_id: str | None = None
    status: Status | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Revision:
    """A version as it was written, for good."""

    version: int
    config_hash: str
    intact: bool
    author: str
    reason: str | None
    created_at: dt.datetime
    config: Mapping[str, Any]


def document(governed: Governed) -> dict[str, Any]:
    """As it is hashed and kept: lists of which the order means nothing are sorted."""
    values = {name: _plain(getattr(governed, name)) for name in GOVERNED}
    roles, shadow = values["required_roles"], values.pop("shadow_policies")
    # Versions of before there was a shadow keep their hashes.
    in_shadow = {"shadow_policies": sorted(shadow)} if shadow else {}
    return (
        values
        | in_shadow
        | {
            "allowed_tenants": sorted(governed.allowed_tenants),
            "blocked_tenants": sorted(governed.blocked_tenants),
            "additional_alert_emails": sorted(governed.additional_alert_emails),
            "required_roles": {"all": sorted(roles["all"])} if isinstance(roles, dict) else sorted(roles),
        }
    )


def of_document(kept: Mapping[str, Any]) -> Governed:
    return Governed(**{name: value for name, value in kept.items() if name in GOVERNED})


def hash_of(governed: Governed) -> str:
    return canonical_hash(document(governed))


def is_whole(record: AgentRecord, newest: Revision | None) -> bool:
    """Whether a record says what its newest version says, which the database lets nobody change."""
    return (
        newest is not None
        and record.intact
        and newest.intact
        and (record.config_version, record.config_hash) == (newest.version, newest.config_hash)
    )


def governed_of(record: AgentRecord) -> Governed:
    return Governed(**{name: getattr(record, name) for name in GOVERNED})


def baseline_of(baseline: Baseline | None, tenant_id: str) -> str | None:
    match baseline:
        case "platform":
            return EVERY_TENANT
        case "tenant":
            return tenant_id
    return None


def scope_of(record: AgentRecord) -> TenantScope:
    return TenantScope(
        owner=record.tenant_id,
        is_global=record.is_global,
        reach=record.tenant_scope,
        allowed=tuple(record.allowed_tenants),
        blocked=tuple(record.blocked_tenants),
    )


def roles_of(wanted: RolesWanted) -> RequiredRoles:
    if isinstance(wanted, Mapping):
        return RequiredRoles(tuple(wanted["all"]), every=True)
    return RequiredRoles(tuple(wanted))


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    match value:
        case Mapping():
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
    return value
