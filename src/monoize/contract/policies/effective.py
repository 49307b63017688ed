"""What is in force for one agent: its record within everything that holds for its tenant and for all."""

from collections.abc import Sequence
from typing import Final, Literal, get_args

import msgspec

from monoize.contract.policies.catalogue import Policies
from monoize.contract.policies.modes import CEILINGS, Ceiling, Mode
from monoize.contract.policies.safety import SafetyLevel
from monoize.contract.policies.scope import RequiredRoles, Status, TenantScope

AuthStrategy = Literal["session", "oauth", "api_key", "zero_trust_plus_oauth", "mtls"]
AUTH_STRATEGIES: Final[Sequence[AuthStrategy]] = get_args(AuthStrategy)
"""The weakest first."""


class Source(msgspec.Struct, frozen=True):
    """A version of a record that had a say."""

    config_id: str
    config_version: int
    config_hash: str


def strictest_auth(*strategies: AuthStrategy) -> AuthStrategy:
    return max(strategies, key=AUTH_STRATEGIES.index)


class EffectivePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`sources` are outermost first, the record itself last."""

    name: str
    role_name: str
    status: Status
    mode: Mode
    safety_level: SafetyLevel
    scope: TenantScope
    auth_strategy: AuthStrategy
    required_roles: RequiredRoles
    requires_human_approval: bool
    telemetry_enabled: bool
    policies: Policies
    sources: tuple[Source, ...]

    @property
    def config_id(self) -> str:
        return self.sources[-1].config_id

    @property
    def config_version(self) -> int:
        return self.sources[-1].config_version

    @property
    def ceiling(self) -> Ceiling:
        return CEILINGS[self.mode]
