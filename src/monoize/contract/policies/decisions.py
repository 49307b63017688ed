"""What policies in force say to one action: pure, so that every gateway comes to the same answer."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from monoize.base.patterns import pattern
from monoize.contract.policies.globs import matches
from monoize.contract.policies.model_policy import ModelPolicy
from monoize.contract.policies.safety import SafetyLevel
from monoize.contract.policies.tool_permissions import (
    EFFECTS,
    Argument,
    Effect,
    ToolPermissions,
    ToolRule,
    ToolRules,
)
from monoize.contract.policies.words import Globs

_ABSENT: Final = object()


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """Without `args` it is no call yet: may the tool be shown at all?"""

    tool: str
    operation: str | None = None
    environment: str | None = None
    args: Mapping[str, Any] | None = None


def allows_model(policy: ModelPolicy, model: str) -> bool:
    """Blocked beats allowed."""
    if matches(policy.blocked_models, model):
        return False
    return policy.allowed_models is None or matches(policy.allowed_models, model)


def tool_effect(permissions: ToolPermissions, safety: SafetyLevel, call: ToolCall) -> Effect:
    """The strictest of what each level says."""
    said = [_of_level(level, safety, call) for level in (*permissions.outer, permissions)]
    return max(said, key=EFFECTS.index)


def _of_level(level: ToolRules, safety: SafetyLevel, call: ToolCall) -> Effect:
    found = [rule.effect for rule in level.rules if _holds(rule, call)]
    if found:
        return max(found, key=EFFECTS.index)
    return "allow" if safety == "permissive" and level.default != "deny" else "deny"


def _holds(rule: ToolRule, call: ToolCall) -> bool:
    if not matches((rule.tool,), call.tool) or not _is_where(rule, rule.environments, call.environment):
        return False
    if call.args is None:
        # What is denied for some calls only is shown.
        return rule.effect != "deny" or not (rule.args or rule.operations is not None)
    return _is_where(rule, rule.operations, call.operation) and all(
        _is_like(wanted, _at(call.args, pointer)) for pointer, wanted in rule.args.items()
    )


def _is_where(rule: ToolRule, globs: Globs | None, name: str | None) -> bool:
    """Where nobody said a name, only a permission has to know it."""
    if globs is None:
        return True
    return rule.effect != "allow" if name is None else matches(globs, name)


def _is_like(wanted: Argument, value: Any) -> bool:
    if value is _ABSENT:
        return False
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (
        (wanted.enum is None or any(type(value) is type(each) and value == each for each in wanted.enum))
        and (wanted.pattern is None or (isinstance(value, str) and pattern(wanted.pattern).matches(value)))
        and (wanted.max is None or (is_number and value <= wanted.max))
    )


def _at(args: Any, pointer: str) -> Any:
    found = args
    for part in pointer.removeprefix("/").split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict) and name in found:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            return _ABSENT
    return found
