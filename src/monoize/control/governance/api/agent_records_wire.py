"""The shapes of agent records that enter and leave through /api/agent-records."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from fastapi import Depends, Header
from pydantic import AfterValidator, Field

from monoize.contract.policies.catalogue import NAMES, PolicyName
from monoize.contract.policies.effective import AuthStrategy
from monoize.contract.policies.modes import Mode
from monoize.contract.policies.safety import SafetyLevel
from monoize.contract.policies.scope import Admission, Reach, Status
from monoize.control.edge.wire import STORABLE, Uuid, Wire
from monoize.control.governance.api.names import Moment, Reason, RoleName
from monoize.control.governance.model.records import Baseline
from monoize.control.identity.model import EMAIL_MOST, EMAIL_SHAPE, canonical_email

TENANTS_MOST: Final = 200
ROLES_MOST: Final = 50
ALERT_EMAILS_MOST: Final = 20
VERSION_MOST: Final = 2**31 - 1
Name = TypeVar("Name", bound=str)
_ETAG: Final = re.compile(r'(?:W/)?"?([0-9]{1,9})"?')


def _email(value: str) -> str:
    email = canonical_email(value)
    if email is None:
        raise ValueError("must be an e-mail address")
    return email


def _once_each(values: list[Name]) -> list[Name]:
    if len(set(values)) < len(values):
        raise ValueError("must not name anything twice")
    return values


RecordName = Annotated[str, Field(min_length=1, max_length=191, pattern=r"^\S(.*\S)?$"), STORABLE]
LongText = Annotated[str, Field(min_length=1, max_length=4000), STORABLE]
Email = Annotated[
    str, Field(min_length=3, max_length=EMAIL_MOST, pattern=EMAIL_SHAPE), STORABLE, AfterValidator(_email)
]
Emails = Annotated[list[Email], Field(max_length=ALERT_EMAILS_MOST), AfterValidator(_once_each)]
Tenant = Annotated[str, Field(pattern=r"^(\*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
Tenants = Annotated[list[Tenant], Field(max_length=TENANTS_MOST), AfterValidator(_once_each)]
BlockedTenants = Annotated[list[Uuid], Field(max_length=TENANTS_MOST), AfterValidator(_once_each)]
Roles = Annotated[list[RoleName], Field(max_length=ROLES_MOST), AfterValidator(_once_each)]
Version = Annotated[int, Field(ge=1, le=VERSION_MOST)]


SoleAdmin = Annotated[
    bool, Field(description="I am the only administrator, and loosen it without anybody else's yes.")
]
ShadowPolicies = Annotated[list[PolicyName], Field(max_length=len(NAMES)), AfterValidator(_once_each)]


class AllRoles(Wire):
    """Every one of these roles, where a plain list means any of them."""

    all: Annotated[Roles, Field(min_length=1)]


class RecordFields(Wire):
    """`policies` are named by their columns; `{}` leaves a policy to the baselines. /policies has their schemas."""

    mode: Mode | None = None
    safety_level: SafetyLevel | None = None
    is_global: bool | None = None
    tenant_scope: Reach | None = None
    allowed_tenants: Tenants | None = None
    blocked_tenants: BlockedTenants | None = None
    auth_strategy: AuthStrategy | None = None
    required_roles: Roles | AllRoles | None = None
    requires_human_approval: bool | None = None
    telemetry_enabled: bool | None = None
    policies: dict[PolicyName, Any] | None = None
    shadow_policies: ShadowPolicies | None = None
    user_email: Email | None = None
    additional_alert_emails: Emails | None = None
    owner_user_id: Uuid | None = None
    backup_user_email: Email | None = None
    alert_escalation_email: Email | None = None
    description: LongText | None = None
    notes: LongText | None = None


class RecordCreate(RecordFields):
    """What is not sent is as in the template, and without one as the strictest there is."""

    name: RecordName
    role_name: RoleName
    tenant_id: Uuid | None = None
    status: Literal["draft", "active"] = "active"
    baseline: Baseline | None = None
    template: Annotated[str, Field(pattern=r"^[a-z]{1,32}-[a-z]{1,32}$")] | None = None


class RecordUpdate(RecordFields):
    """Only what is sent changes. A version is needed for all but `status`, `description` and `notes`."""

    name: RecordName | None = None
    role_name: RoleName | None = None
    status: Status | None = None
    version: Version | None = None
    reason: Reason | None = None
    sole_admin: SoleAdmin = False


class Rollback(Wire):
    """`to` is the version whose words are said again, `version` the present one."""

    to: Version
    version: Version | None = None
    reason: Reason | None = None
    sole_admin: SoleAdmin = False


class Draft(RecordFields):
    """Fields of the record as a change would send them, and of which requests it is asked what it would do."""

    role_name: RoleName | None = None
    since: Moment | None = None
    until: Moment | None = None


class Apply(Wire):
    approval_id: Uuid


CLEARABLE: Final = frozenset(
    {
        "description",
        "notes",
        "user_email",
        "owner_user_id",
        "backup_user_email",
        "alert_escalation_email",
        "version",
        "reason",
    }
)


def _version_of(if_match: Annotated[str | None, Header(max_length=64)] = None) -> int | None:
    found = _ETAG.fullmatch(if_match or "")
    return int(found[1]) if found else None


IfMatch = Annotated[int | None, Depends(_version_of)]
"""The version that an If-Match header names."""


@dataclasses.dataclass(frozen=True, slots=True)
class PolicyShown:
    name: PolicyName
    description: str
    policy_schema: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class InForce:
    """`policy` is what the record says within all baselines; `admission` whether the given tenant may use it."""

    policy: Mapping[str, Any]
    admission: Admission | None
