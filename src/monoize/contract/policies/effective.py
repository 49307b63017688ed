"""What is in force for one agent: its record within everything that holds for its tenant and for all."""

from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from monoize.contract.policies.catalogue import Policies, PolicyName
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


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """Policies in shadow: what they would deny is written down, and not refused.

    `policies` are as they were if nothing was in shadow. Of those in `silenced` nothing is in force meanwhile, not
    even what is denied by default, since no level says anything of them that is not in shadow.
    """

    names: tuple[PolicyName, ...]
    silenced: tuple[PolicyName, ...]
    policies: Policies


def strictest_auth(*strategies: AuthStrategy) -> AuthStrategy:
    return max(strategies, key=AUTH_STRATEGIES.index)


class EffectivePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """`sources` are outermost first, the record itself last. `policies` are those in force."""

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
    # None: nothing is in shadow.
    trial: Trial | None = None
    # Of the person whom the record names.
    user_email: str | None = None

    @property
    def config_id(self) -> str:
        return self.sources[-1].config_id

    @property
    def config_version(self) -> int:
        return self.sources[-1].config_version

    @property
    def ceiling(self) -> Ceiling:
        return CEILINGS[self.mode]

    def in_force(self, name: PolicyName) -> Any:
        """None while all that is said of it is in shadow."""
        if self.trial is not None and name in self.trial.silenced:
            return None
        return getattr(self.policies, name)

    def in_shadow(self, name: PolicyName) -> Any:
        """None where it is not."""
        if self.trial is None or name not in self.trial.names:
            return None
        return getattr(self.trial.policies, name)
