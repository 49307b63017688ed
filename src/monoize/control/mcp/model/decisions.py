"""May this caller reach this service, see this tool, make this call? Pure.

With an agent record its policies decide; without one, what the service itself says.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from monoize.base.errors import Refusal
from monoize.base.principal import Principal
from monoize.contract import refusals
from monoize.contract.approvals import Action, is_needed
from monoize.contract.policies.decisions import ToolCall, tool_effect
from monoize.contract.policies.effective import AUTH_STRATEGIES, AuthStrategy, EffectivePolicy
from monoize.contract.policies.globs import matches
from monoize.contract.policies.mcp_services import McpService as Entry
from monoize.control.mcp import errors
from monoize.control.mcp.model.services import McpService, McpTool, tool_subject

Verdict = Literal["allowed", "needs_approval"]
_REFUSED: Final[Mapping[str, type[Refusal]]] = {"deny": refusals.ToolDenied, "dry_run": errors.DryRunRequired}
_HIDDEN: Final = (errors.McpToolNotAllowed, errors.ModeForbids, refusals.ToolDenied, errors.SchemaDrift)


def entry_of(policy: EffectivePolicy, service: McpService) -> Entry | None:
    """What the record says of this service, by its name or its id."""
    named = [entry for entry in policy.policies.mcp_services_json if entry.service_id in (service.name, service.id)]
    return named[0] if len(named) == 1 and named[0].enabled else None


def check_reach(service: McpService, policy: EffectivePolicy | None, caller: Principal) -> None:
    """The gates before any tool: how the caller has signed in, their roles, the record's services, and where it may
    reach.
    """
    if policy is None:
        if not service.open_to_keys:
            raise errors.McpServiceNotAllowed
        return
    if AUTH_STRATEGIES.index(shown_by(caller)) < AUTH_STRATEGIES.index(policy.auth_strategy):
        raise refusals.AuthStrategyRequired(needed=policy.auth_strategy)
    if not policy.required_roles.are_met_by([caller.role]):
        raise refusals.RoleRequired(roles=list(policy.required_roles.roles))
    if entry_of(policy, service) is None:
        raise errors.McpServiceNotAllowed
    if broken := _broken_rule(service, policy):
        raise refusals.SecurityDenied(rule=broken)


def shown_by(caller: Principal) -> AuthStrategy:
    """How they have shown who they are: signed in at a browser, or by a secret of their own."""
    return "session" if caller.session_id is not None else "api_key"


def check_tool(
    service: McpService,
    policy: EffectivePolicy | None,
    tool: McpTool | None,
    arguments: Mapping[str, Any] | None,
    *,
    pinned: str,
) -> None:
    """Without `arguments` it is no call yet: may the tool be shown? `pinned` is the hash of all of its tools."""
    if tool is None or not tool.enabled or tool.state == "new":
        raise errors.McpToolNotAllowed
    rules = service if policy is None else entry_of(policy, service)
    if rules is None or not _is_listed(rules, tool.name):
        raise errors.McpToolNotAllowed
    if policy is not None:
        _check_policy(service, policy, tool, arguments)
        wanted = rules.schema_hash if isinstance(rules, Entry) else None
        if wanted not in (None, pinned):
            raise errors.SchemaDrift(tool=tool.name)


def check_drift(tool: McpTool) -> None:
    if tool.state != "active":
        raise errors.SchemaDrift(tool=tool.name)


def verdict(
    service: McpService, policy: EffectivePolicy | None, tool: McpTool, arguments: Mapping[str, Any], *, now_s: int
) -> Verdict:
    """Whether people have to say yes, by any of those who can demand it."""
    rules = service if policy is None else entry_of(policy, service)
    assert rules is not None
    demanded = (
        tool.requires_approval
        or rules.approval == "always"
        or (rules.approval == "writes" and not tool.read_only)
        or (policy is not None and _asks(service, policy, tool, arguments, now_s))
    )
    return "needs_approval" if demanded else "allowed"


def is_shown(service: McpService, policy: EffectivePolicy | None, tool: McpTool, *, pinned: str) -> bool:
    try:
        check_tool(service, policy, tool, None, pinned=pinned)
        check_drift(tool)
    except _HIDDEN:
        return False
    return True


def timeout_ms(service: McpService, policy: EffectivePolicy | None) -> int:
    entry = policy and entry_of(policy, service)
    return min(service.timeout_ms, entry.timeout_ms) if entry else service.timeout_ms


def is_audited(policy: EffectivePolicy | None, tool: McpTool) -> bool:
    return not tool.read_only or (policy is not None and policy.policies.security_policy_json.audit == "all")


def action_of(service: McpService, tool: McpTool) -> Action:
    subject = tool_subject(service.name, tool.name)
    return Action(kind="tool", subject=subject, risk=tool.risk, is_read_only=tool.read_only)


def _is_listed(rules: McpService | Entry, tool: str) -> bool:
    return (rules.tools_allow is None or matches(rules.tools_allow, tool)) and not matches(rules.tools_deny, tool)


def _check_policy(
    service: McpService, policy: EffectivePolicy, tool: McpTool, arguments: Mapping[str, Any] | None
) -> None:
    if not policy.ceiling.allows_tool(mutates=not tool.read_only):
        raise errors.ModeForbids(mode=policy.mode)
    effect = _effect(service, policy, tool, arguments)
    if effect in _REFUSED and (arguments is not None or effect == "deny"):
        raise _REFUSED[effect](tool=tool_subject(service.name, tool.name))


def _asks(
    service: McpService, policy: EffectivePolicy, tool: McpTool, arguments: Mapping[str, Any], now_s: int
) -> bool:
    asked = _effect(service, policy, tool, arguments) == "approve"
    return asked or is_needed(action_of(service, tool), policy, now_s=now_s)


def _effect(
    service: McpService, policy: EffectivePolicy, tool: McpTool, arguments: Mapping[str, Any] | None
) -> str:
    call = ToolCall(tool=tool_subject(service.name, tool.name), args=arguments)
    return tool_effect(policy.policies.tool_permissions_json, policy.safety_level, call)


def _broken_rule(service: McpService, policy: EffectivePolicy) -> str | None:
    security = policy.policies.security_policy_json
    if security.hosts_allow is not None and not matches(security.hosts_allow, service.host):
        return "hosts_allow"
    if matches(security.hosts_deny, service.host):
        return "hosts_deny"
    if security.deny_private_networks and service.private_network:
        return "deny_private_networks"
    if security.tls_required and not service.is_tls:
        return "tls_required"
    return None
