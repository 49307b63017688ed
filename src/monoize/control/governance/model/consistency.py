"""What a record may not say, whichever way it came to say it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from monoize.contract.policies.catalogue import PolicyName, check, modern
from monoize.contract.policies.checking import Problem, without_nulls
from monoize.contract.policies.modes import CEILINGS
from monoize.contract.policies.tightening import Document
from monoize.control.governance.errors import PolicyInvalid, ScopeContradictory
from monoize.control.governance.model.records import Governed

PROBLEMS_TOLD_MOST: Final = 20


def checked(policies: Mapping[PolicyName, Document]) -> dict[PolicyName, Document]:
    """In the words of today; PolicyInvalid points at everything that is wrong."""
    written = {name: modern(name, document) for name, document in policies.items()}
    refuse([(f"/{name}{at}", what) for name, document in written.items() for at, what in check(name, document)])
    return {name: without_nulls(document) for name, document in written.items()}


def refuse(problems: list[Problem]) -> None:
    if problems:
        told = problems[:PROBLEMS_TOLD_MOST]
        raise PolicyInvalid(errors=[{"pointer": f"/body/policies{at}", "message": what} for at, what in told])


def check_consistent(governed: Governed, tenant_id: str) -> None:
    contradiction = next(_contradictions(governed, tenant_id), None)
    if contradiction:
        raise ScopeContradictory(contradiction)
    refuse([*_above_the_mode(governed), *_below_the_floor(governed)])


def _contradictions(governed: Governed, tenant_id: str) -> Iterator[str]:
    if governed.is_global and governed.tenant_scope == "single_tenant":
        yield "An agent for a single tenant is not global."
    if set(governed.allowed_tenants) & set(governed.blocked_tenants):
        yield "A tenant is allowed and blocked."
    if tenant_id in governed.blocked_tenants:
        yield "The tenant that owns an agent is not blocked: pause or disable the agent."


def _above_the_mode(governed: Governed) -> Iterator[Problem]:
    """Of policies that ask for what no agent of this mode may do."""
    ceiling, mode = CEILINGS[governed.mode], governed.mode
    if governed.baseline:
        return
    security = _of(governed, "security_policy_json")
    if not ceiling.spawns and security.get("max_spawn_depth"):
        yield "/security_policy_json/max_spawn_depth", f"an agent of mode {mode} spawns no others"
    if ceiling.tools != "all":
        if security.get("shell", {}).get("enabled"):
            yield "/security_policy_json/shell/enabled", f"an agent of mode {mode} has no shell"
        if security.get("sql", {}).get("read_only") is False:
            yield "/security_policy_json/sql/read_only", f"an agent of mode {mode} only reads"
        for name, integration in _of(governed, "integrations_json").items():
            if integration.get("write"):
                yield f"/integrations_json/{name}/write", f"an agent of mode {mode} only reads"
    if ceiling.tools == "none" and _permits_tools(_of(governed, "tool_permissions_json")):
        yield "/tool_permissions_json", f"an agent of mode {mode} has no tools"


def _permits_tools(permissions: Mapping[str, Any]) -> bool:
    effects = [rule["effect"] for rule in permissions.get("rules", ())]
    return permissions.get("default") == "allow" or any(effect != "deny" for effect in effects)


def _below_the_floor(governed: Governed) -> Iterator[Problem]:
    level = governed.safety_level
    if level != "permissive" and _of(governed, "tool_permissions_json").get("default") == "allow":
        yield "/tool_permissions_json/default", f"with safety {level}, tools without a rule are denied"


def _of(governed: Governed, name: PolicyName) -> dict[str, Any]:
    found: dict[str, Any] = governed.policies[name]
    return found
