"""Which foreign systems an agent may use, and how far."""

from typing import Annotated

from monoize.contract.policies.tightening import (
    ALLOWED_GLOBS,
    COMMON_NAMES,
    DENIED,
    OUTER,
    PERMITS,
    Policy,
)
from monoize.contract.policies.words import Globs, Name


class Integration(Policy, frozen=True, kw_only=True):
    """A connection that the house keeps; the agent gets a handle of it, never a secret."""

    enabled: Annotated[bool, PERMITS] = True
    connection_id: Annotated[Name | None, OUTER] = None
    scopes: Annotated[Globs | None, ALLOWED_GLOBS] = None
    resources_allow: Annotated[Globs | None, ALLOWED_GLOBS] = None
    resources_deny: Annotated[Globs, DENIED] = ()
    write: Annotated[bool, PERMITS] = False


Integrations = Annotated[dict[Name, Integration], COMMON_NAMES]
