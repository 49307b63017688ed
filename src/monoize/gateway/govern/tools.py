"""What a record says of tools: which a model gets to see, and which of its calls pass. Pure.

Rules on tools, the mode of the agent, and what people have to approve: the strictest of them counts.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from monoize.contract.approvals import Action, is_needed
from monoize.contract.policies.decisions import ToolCall, tool_effect
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.globs import matches
from monoize.contract.policies.tool_permissions import EFFECTS, Effect, ToolPermissions
from monoize.gateway.protocol.urp import Json, ToolKind

POLICY: Final = "tool_permissions_json"
_RATES: Final = "rate_limits_json"
Why = Literal["tool_permissions_json", "mode", "approvals_policy_json", "arguments"]


class Judgement(msgspec.Struct, frozen=True):
    effect: Effect
    why: Why


_ALLOWED: Final = Judgement("allow", POLICY)
_READ_ONLY: Final = frozenset({"web_search", "web_fetch", "file_search"})
"""Of what providers run: what changes nothing."""


class ToolRules:
    """What one record says of tools: in force, or as it were if nothing was in shadow."""

    def __init__(self, policy: EffectivePolicy, permissions: ToolPermissions | None) -> None:
        self._policy = policy
        self._permissions = permissions

    def shows(self, name: str, *, runs_there: bool = False) -> bool:
        """`runs_there`: its provider runs it."""
        return self._judged(ToolCall(tool=name), reads=self._reads(name, runs_there)).effect != "deny"

    def judge(self, name: str, arguments: Mapping[str, Any] | None, *, now_s: int) -> Judgement:
        """Of a call. None are arguments that cannot be read: then nobody can say what they would do."""
        reads = self._reads(name, False)
        if arguments is None:
            return Judgement("deny", "arguments")
        said = arguments.get("operation")
        operation = said if isinstance(said, str) else ("read" if reads else None)
        found = self._judged(ToolCall(tool=name, operation=operation, args=arguments), reads=reads)
        if found.effect == "dry_run" and arguments.get("dry_run") is True:
            return _ALLOWED
        action = Action(kind="tool", subject=name, is_read_only=reads)
        if EFFECTS.index(found.effect) < EFFECTS.index("approve") and is_needed(action, self._policy, now_s=now_s):
            return Judgement("approve", "approvals_policy_json")
        return found

    def _judged(self, call: ToolCall, *, reads: bool) -> Judgement:
        if not self._policy.ceiling.allows_tool(mutates=not reads):
            return Judgement("deny", "mode")
        if self._permissions is None:
            return _ALLOWED
        return Judgement(tool_effect(self._permissions, self._policy.safety_level, call), POLICY)

    def _reads(self, name: str, runs_there: bool) -> bool:
        """What a rule says to do nothing but to read, and what is known to."""
        if runs_there and name in _READ_ONLY:
            return True
        levels = (*self._permissions.outer, self._permissions) if self._permissions else ()
        return any(
            rule.effect == "allow" and rule.operations == ("read",) and matches((rule.tool,), name)
            for level in levels
            for rule in level.rules
        )


class RulesOfBoth(NamedTuple):
    in_force: ToolRules
    # None: nothing on tools is only tried out.
    in_shadow: ToolRules | None

    @classmethod
    def of(cls, policy: EffectivePolicy) -> "RulesOfBoth":
        tried = policy.in_shadow(POLICY)
        in_force = ToolRules(policy, policy.in_force(POLICY))
        return cls(in_force, None if tried is None else ToolRules(policy, tried))


def let_all_pass(policy: EffectivePolicy) -> bool:
    """Whether no tool and no call is denied whatever it is, in force or in shadow."""
    documents = [policy.in_force(POLICY), policy.in_shadow(POLICY)]
    levels = [level for document in documents if document for level in (*document.outer, document)]
    return (
        policy.safety_level == "permissive"
        and policy.ceiling.tools == "all"
        and not policy.requires_human_approval
        and not policy.policies.approvals_policy_json.rules
        and not any(rates and rates.per_tool for rates in (policy.in_force(_RATES), policy.in_shadow(_RATES)))
        and all(level.default != "deny" and not level.rules for level in levels)
    )


def read_arguments(arguments: str, kind: ToolKind) -> Json | None:
    """None where they are not one plain JSON object, of which every reader reads the same."""
    if kind == "custom":
        return {"input": arguments}
    try:
        found = json.loads(arguments or "{}", object_pairs_hook=_object, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _object(members: list[tuple[str, Any]]) -> Json:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a name is there twice")
    return found


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
