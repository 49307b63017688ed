"""Which model is meant by the name that was asked for. Pure."""

from typing import Final

from monoize.contract.grant import Grant
from monoize.contract.names import redirected, resolved
from monoize.contract.snapshot import Effort, Snapshot
from monoize.gateway.errors import ModelNotAllowed
from monoize.gateway.selection import is_offered, may_use

DEFAULT: Final = "default"
"""Asks for the model that the policy of a governed agent names so."""


def asked_for(name: str, grant: Grant) -> str:
    if name != DEFAULT or grant.governed is None:
        return name
    return grant.governed.policy.policies.model_policy_json.default_model or name


def meant(name: str, grant: Grant, snapshot: Snapshot) -> tuple[str, Effort | None]:
    """The model, and how hard its name says that it is to think. Who may use a model may say that, too."""
    model = redirected(name, grant.redirects, snapshot.redirects)
    base, effort = resolved(model, snapshot.suffixes, lambda name: is_offered(snapshot, grant, name))
    if not (may_use(grant, model) or may_use(grant, base)):
        raise ModelNotAllowed
    return base, effort
