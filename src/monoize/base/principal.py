"""Who is calling, and what they may do: the one answer for every kind of credential.

Permissions are plain words; a role is a set of them; the scopes of a credential can only take away. A new room
adds its words to `ROLE_PERMISSIONS`, nowhere else.
"""

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

Role = Literal["super_admin", "admin", "user", "deployer", "viewer"]
UserRole = Literal["super_admin", "admin", "user"]
TokenRole = Literal["admin", "deployer", "viewer"]

Permission = Literal[
    "self",  # see and change one's own account, sessions and keys
    "self.read",  # see one's own requests, usage and money; `self` includes it
    "users.read",
    "users.write",
    "keys.read",
    "keys.write",
    "tokens.read",
    "tokens.write",
    "tenants.read",
    "tenants.write",
    "prices.read",
    "prices.write",
    "providers.read",
    "providers.write",
    "configuration.read",
    "configuration.write",
    "ledger.read",
    "ledger.write",
    "captures.read",
    "captures.write",
    "metrics.read",
    "telemetry.write",  # report what one's own agents did
    "fleet.read",
    "fleet.write",
    "fleet.secrets",  # read a credential that hosts share, in plain text
    "compute.read",
    "compute.write",
    "governance.read",
    "governance.write",
    "operations.check",
    "approvals.read",
    "approvals.propose",
    "approvals.decide",
    "notes.read",
    "notes.write",
    "objects.read",
    "projects.read",
    "projects.write",
    "projects.admin",  # registries, certificates, domains, what mounts folders of the machine
    "system.write",  # lockdown and backups
    "audit.read",
    "impersonate",
]

_EVERYTHING_BUT_IMPERSONATION: Final = frozenset[Permission](
    {
        "self",
        "self.read",
        "users.read",
        "users.write",
        "keys.read",
        "keys.write",
        "tokens.read",
        "tokens.write",
        "tenants.read",
        "tenants.write",
        "prices.read",
        "prices.write",
        "providers.read",
        "providers.write",
        "configuration.read",
        "configuration.write",
        "ledger.read",
        "ledger.write",
        "captures.read",
        "captures.write",
        "metrics.read",
        "telemetry.write",
        "fleet.read",
        "fleet.write",
        "fleet.secrets",
        "compute.read",
        "compute.write",
        "governance.read",
        "governance.write",
        "operations.check",
        "approvals.read",
        "approvals.propose",
        "approvals.decide",
        "notes.read",
        "notes.write",
        "objects.read",
        "projects.read",
        "projects.write",
        "projects.admin",
        "system.write",
        "audit.read",
    }
)

ROLE_PERMISSIONS: Final[Mapping[Role, frozenset[Permission]]] = {
    "super_admin": _EVERYTHING_BUT_IMPERSONATION,
    "admin": _EVERYTHING_BUT_IMPERSONATION,
    "user": frozenset(
        {
            "self",
            "self.read",
            "telemetry.write",
            "approvals.read",
            "approvals.decide",
            "notes.read",
            "notes.write",
        }
    ),
    "deployer": frozenset(
        {
            "self",
            "self.read",
            "tenants.read",
            "telemetry.write",
            "operations.check",
            "approvals.read",
            "approvals.propose",
            "notes.read",
            "notes.write",
            "objects.read",
            "projects.read",
            "projects.write",
        }
    ),
    "viewer": frozenset({"self", "self.read", "projects.read"}),
}

# What an API key may do of what its user may: look at what is its user's, and ask. It changes and decides nothing.
KEY_PERMISSIONS: Final = frozenset[Permission](
    {"self.read", "telemetry.write", "prices.read", "approvals.read", "notes.read", "notes.write", "objects.read"}
)

WITHIN_PROJECTS: Final = frozenset[Permission]({"self", "self.read", "projects.read", "projects.write"})
"""All that a token may do which is for certain projects only."""

# A service token acts for a user only when its scopes name this word: no role brings it along.
SCOPES: Final[frozenset[Permission]] = _EVERYTHING_BUT_IMPERSONATION | {"impersonate"}

PrincipalKind = Literal["user", "token", "api_key", "host", "visitor", "system"]


@dataclasses.dataclass(frozen=True, slots=True)
class Principal:
    """One authenticated caller. `user_id` is whose money and data it is; `via` who acted in their name."""

    kind: PrincipalKind
    id: str
    name: str
    role: Role
    tenant_id: str | None
    permissions: frozenset[Permission]
    user_id: str | None = None
    session_id: str | None = None
    via: str | None = None
    projects: frozenset[int] | None = None
    """The only projects that this credential reaches; None is all of them."""

    @property
    def label(self) -> str:
        """How the audit log and the request log name this caller."""
        return f"{self.kind}:{self.name}"

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


SYSTEM: Final = Principal(
    kind="system", id="system", name="monoize", role="super_admin", tenant_id=None, permissions=frozenset()
)
"""Monoize itself: what it does at start and in the background."""

VISITOR: Final = Principal(
    kind="visitor", id="visitor", name="visitor", role="viewer", tenant_id=None, permissions=frozenset()
)
"""Somebody who has not signed in, and may do only what a link in their hands says."""


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One request by one principal: what an action must know of its caller to decide and to audit."""

    principal: Principal
    request_id: str
    ip: str | None = None


def permissions_of(role: Role, scopes: frozenset[Permission] | None) -> frozenset[Permission]:
    """What a role may do once its credential's scopes (None: unrestricted) have been applied."""
    granted = ROLE_PERMISSIONS[role]
    if scopes is None:
        return granted
    implied = frozenset[Permission]({"self.read"} if "self" in scopes else ())
    return (granted & (scopes | implied)) | (scopes & {"impersonate"})


def key_permissions(role: Role) -> frozenset[Permission]:
    """Of a key of somebody with this role. People are asked by programs: who can ask decides nothing by it."""
    return (ROLE_PERMISSIONS[role] & KEY_PERMISSIONS) | {"approvals.propose"}
