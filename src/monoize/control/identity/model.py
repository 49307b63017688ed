"""Users, tenants, sessions, keys and tokens as values, and the rules about them that need no database."""

import dataclasses
import datetime as dt
import ipaddress
import re
from collections.abc import Sequence
from typing import Final, Literal

from monoize.base.ids import fingerprint, new_secret
from monoize.base.principal import (
    WITHIN_PROJECTS,
    Permission,
    Principal,
    Role,
    TokenRole,
    UserRole,
    key_permissions,
    permissions_of,
)
from monoize.contract.budgets import HoldPolicy
from monoize.contract.captures import CaptureMode
from monoize.contract.transforms.rule import Rule
from monoize.control.edge.redirects import ModelRedirect
from monoize.control.edge.transforms import TransformRule, in_force, needs_administrator
from monoize.control.edge.wire import NanoUsd
from monoize.control.identity.errors import (
    GroupsNotAllowed,
    ImpersonationRefused,
    LastAdmin,
    NotYourself,
    RoleTooHigh,
    SuperAdminStays,
    TransformNotAllowed,
    WeakPassword,
)

DEFAULT_TENANT_ID: Final = "00000000-0000-7000-8000-000000000001"
PASSWORD_LEAST: Final = 8
PASSWORD_MOST: Final = 256
EMAIL_MOST: Final = 254
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
# Plain ASCII, which every mail server delivers and no look-alike letter can imitate.
EMAIL_SHAPE: Final = rf"^{_ATOM}(\.{_ATOM})*@{_LABEL}(\.{_LABEL})+$"
KEYS_PER_USER_MOST: Final = 1000
LINK_TTL: Final = dt.timedelta(hours=24)

SESSION_PREFIX: Final = "mzs_"
_OUR_SESSION_MARK: Final = "sha256:"
API_KEY_PREFIX: Final = "sk-"
PLAYGROUND_KEY_NAME: Final = "Playground"
PLAYGROUND_KEY_PREFIX: Final = "playground"
"""Told of a key that nobody can show; what others begin with is API_KEY_PREFIX, or given them by their room."""
TOKEN_PREFIX: Final = "mzt_"
_API_KEY_SHOWN_CHARS: Final = 12
# The one token that an operator chose: it has no id part, and at most one such row exists.
BOOTSTRAP_LOOKUP: Final = "bootstrap"
_MAPPED_BITS: Final = 96
_LENT: Final = re.compile(r"[0-9a-f]{64}")
_TOKEN: Final = re.compile(r"mzt_([0-9a-f]{16})_([0-9a-f]{64})")

TenantStatus = Literal["active", "suspended"]


@dataclasses.dataclass(frozen=True, slots=True)
class Tenant:
    id: str
    name: str
    status: TenantStatus
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    id: str
    tenant_id: str
    username: str
    email: str | None
    email_verified: dt.datetime | None
    name: str | None
    image: str | None
    role: UserRole
    enabled: bool
    has_password: bool
    allowed_groups: Sequence[str]
    balance_nano_usd: NanoUsd
    balance_unlimited: bool
    hold_policy: HoldPolicy
    overdraft_nano_usd: NanoUsd
    last_login_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class UserBalance:
    """What a user has; `unlimited` means that owing is no reason to refuse them anything.

    `overdraft_nano_usd` is how far below zero a request may take them, 0 unless that is the policy.
    """

    user_id: str
    balance_nano_usd: NanoUsd
    unlimited: bool
    hold_policy: HoldPolicy = "reject"
    overdraft_nano_usd: NanoUsd = 0


@dataclasses.dataclass(frozen=True, slots=True)
class KeyLimits:
    """How much a key may spend in a UTC day and month; None is without limit."""

    daily_nano_usd: NanoUsd | None
    monthly_nano_usd: NanoUsd | None


@dataclasses.dataclass(frozen=True, slots=True)
class SubAccount:
    """The purse of one key: while it is enabled, what the key uses is charged here and not to its owner."""

    key_id: str
    user_id: str
    enabled: bool
    balance_nano_usd: NanoUsd


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    id: str
    user_id: str
    expires: dt.datetime
    ip: str | None
    user_agent: str | None
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class ForeignAccount:
    """By which a user signs in at a provider; `provider` is its name in the settings."""

    id: str
    provider: str
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class ApiKey:
    id: str
    user_id: str
    name: str
    key_prefix: str
    enabled: bool
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    model_limits_enabled: bool
    model_limits: Sequence[str]
    ip_whitelist: Sequence[str]
    allowed_groups: Sequence[str]
    max_multiplier: str | None
    model_redirects: Sequence[ModelRedirect]
    transforms: Sequence[TransformRule]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    max_concurrent: int | None
    daily_budget_nano_usd: NanoUsd | None
    monthly_budget_nano_usd: NanoUsd | None
    request_capture_mode: CaptureMode
    cache_ttl_s: int | None
    # Of the agent that it is for, whose policies then govern its requests.
    agent_record_id: str | None
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def is_of_playground(self) -> bool:
        return self.key_prefix == PLAYGROUND_KEY_PREFIX


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    id: int
    name: str
    tenant_id: str
    role: TokenRole
    scopes: Sequence[Permission] | None
    projects: Sequence[int] | None
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    created_at: dt.datetime


def user_principal(user: User, *, session_id: str | None = None, via: Principal | None = None) -> Principal:
    """A person, or a service token acting for one: then only what both may do."""
    permissions = permissions_of(user.role, None)
    if via is not None:
        permissions &= via.permissions
    return Principal(
        kind="user",
        id=user.id,
        name=user.username,
        role=user.role,
        tenant_id=user.tenant_id,
        permissions=permissions,
        user_id=user.id,
        session_id=session_id,
        via=via.label if via else None,
    )


def token_principal(token: Token) -> Principal:
    scopes = None if token.scopes is None else frozenset(token.scopes)
    permissions = permissions_of(token.role, scopes)
    if token.projects is not None:
        permissions &= WITHIN_PROJECTS
    return Principal(
        kind="token",
        id=str(token.id),
        name=token.name,
        role=token.role,
        tenant_id=token.tenant_id,
        permissions=permissions,
        projects=None if token.projects is None else frozenset(token.projects),
    )


def api_key_principal(key: ApiKey, owner: User) -> Principal:
    """An API key opens the gateway; in the control plane it looks at what is its user's, and asks people."""
    return Principal(
        kind="api_key",
        id=key.id,
        name=key.key_prefix,
        role=owner.role,
        tenant_id=owner.tenant_id,
        permissions=key_permissions(owner.role),
        user_id=owner.id,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret at its birth: `shown` goes to its owner once, the rest is what is stored of it."""

    shown: str
    lookup: str
    secret: str


def new_api_key() -> NewSecret:
    shown = new_secret(API_KEY_PREFIX)
    return NewSecret(shown, shown[:_API_KEY_SHOWN_CHARS], fingerprint(shown))


def new_session_token() -> NewSecret:
    shown = new_secret(SESSION_PREFIX)
    return NewSecret(shown, "", stored_session_token(shown))


def stored_session_token(shown: str) -> str:
    """What the `sessions` table holds of a session of ours; marked, so that it never passes for one of Auth.js."""
    return _OUR_SESSION_MARK + fingerprint(shown)


def is_ours(stored: str) -> bool:
    return stored.startswith(_OUR_SESSION_MARK)


def new_token() -> NewSecret:
    lookup, secret = new_secret()[:16], new_secret()
    return NewSecret(f"{TOKEN_PREFIX}{lookup}_{secret}", lookup, secret)


def split_token(presented: str) -> tuple[str, str]:
    """(id part, secret) of a named token; one without our shape can only be the operator's own."""
    ours = _TOKEN.fullmatch(presented)
    return (ours[1], ours[2]) if ours else (BOOTSTRAP_LOOKUP, presented)


def may_be_lent(presented: str) -> bool:
    """Whether it has the form of secrets that other rooms make. The operator's own token may have it, too."""
    return _LENT.fullmatch(presented) is not None


def is_reserved(username: str) -> bool:
    """Names that only Monoize itself may carry."""
    return username.lower().startswith("_monoize_")


def check_password_strength(password: str) -> None:
    if len(password) < PASSWORD_LEAST:
        raise WeakPassword


_RANK: Final[dict[Role, int]] = {"viewer": 0, "user": 0, "deployer": 0, "admin": 1, "super_admin": 2}


def check_may_manage(actor: Principal, target: UserRole) -> None:
    """An admin manages users; only a super_admin (or the system) manages admins and super_admins."""
    if actor.role != "super_admin" and _RANK[target] >= _RANK[actor.role]:
        raise RoleTooHigh


def check_may_assign(actor: Principal, role: UserRole) -> None:
    """Nobody hands out a role that reaches their own, except a super_admin, who may hand out any."""
    check_may_manage(actor, role)


def check_may_grant(actor: Principal, role: TokenRole, scopes: Sequence[Permission] | None, tenant_id: str) -> None:
    """A new token may do at most what its maker may; people who make tokens may let them impersonate."""
    wanted = permissions_of(role, None if scopes is None else frozenset(scopes))
    in_person = actor.kind == "user" and actor.via is None
    if "impersonate" in wanted and not in_person and tenant_id != actor.tenant_id:
        raise RoleTooHigh(missing=["impersonate"])
    if actor.kind == "user":
        wanted -= {"impersonate"}
    missing = wanted - actor.permissions
    if missing:
        raise RoleTooHigh(missing=sorted(missing))


def check_may_impersonate(token: Principal, user: User) -> None:
    """Only with the scope for it, inside the token's own tenant, and never upwards."""
    reaches = token.tenant_id == user.tenant_id and _RANK[user.role] <= _RANK[token.role]
    if not token.may("impersonate") or not reaches:
        raise ImpersonationRefused


def check_may_delete(actor: Principal, target: User) -> None:
    check_may_manage(actor, target.role)
    if target.id == actor.user_id:
        raise NotYourself
    if target.role == "super_admin":
        raise SuperAdminStays


def check_not_self(actor: Principal, target: User) -> None:
    if target.id == actor.user_id:
        raise NotYourself


def check_last_super_admin(target: User, others: int) -> None:
    """Demoting or disabling the only enabled super_admin would lock everybody out of that role."""
    if target.role == "super_admin" and target.enabled and others == 0:
        raise LastAdmin


def check_groups(wanted: Sequence[str], owners: Sequence[str]) -> None:
    """An owner with groups can only pass those on; an owner without any is not restricted."""
    if owners and not set(wanted) <= set(owners):
        raise GroupsNotAllowed(allowed=sorted(owners))


def allowed_transforms(rules: Sequence[TransformRule], owner: User) -> tuple[Rule, ...]:
    """Those in force on a key of this owner: what its role does not reach any more is left out."""
    is_administrator = _RANK[owner.role] > 0
    return tuple(rule for rule in in_force(rules) if is_administrator or not needs_administrator(rule))


def check_transforms(rules: Sequence[TransformRule], owner: User) -> None:
    for rule in rules:
        enabled = dataclasses.replace(rule, enabled=True)
        if not allowed_transforms([enabled], owner):
            raise TransformNotAllowed(transform=rule.transform)


def canonical_email(text: str) -> str | None:
    """An e-mail address in its one canonical spelling, or None when it is none."""
    email = text.lower()
    return email if len(email) <= EMAIL_MOST and re.fullmatch(EMAIL_SHAPE, email) else None


def canonical_network(text: str) -> str:
    """An address or CIDR in its one canonical spelling. ValueError when it is neither."""
    if "%" in text:
        raise ValueError("a zone means something on one machine only")
    network = ipaddress.ip_network(text.strip(), strict=False)
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped and network.prefixlen >= _MAPPED_BITS:
        # Callers come as IPv4 addresses, however they were carried here.
        network = ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def address_allowed(ip: str | None, allowed: Sequence[str]) -> bool:
    """Whether a key with this list may be used from `ip`; an empty list allows every address."""
    if not allowed:
        return True
    if ip is None:
        return False
    address = ipaddress.ip_address(ip)
    return any(address in ipaddress.ip_network(network) for network in allowed)


FOREIGN_CREDENTIALS: Final = ("access_token", "refresh_token", "id_token")


def credential_place(provider: str, subject: str, name: str) -> tuple[str, ...]:
    """What a sealed credential of a sign-in provider is bound to."""
    return "accounts", provider, subject, name
