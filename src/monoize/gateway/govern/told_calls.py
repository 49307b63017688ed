"""Calls of tools in an answer: those that may not be made are told as text instead, so that the model's next turn
can plan otherwise, and the answer ends as one without them.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from monoize.contract.gates.decision import Decision, Verdict
from monoize.contract.policies.effective import EffectivePolicy
from monoize.gateway.govern.sieve import Sieve
from monoize.gateway.govern.told import Record, Told
from monoize.gateway.govern.tool_rates import ToolRates
from monoize.gateway.govern.tools import Judgement, RulesOfBoth, read_arguments
from monoize.gateway.protocol.urp import Finish, Node, Response, StreamEvent, Text, ToolCall
from monoize.gateway.transforms.retelling import Delta, emptied

_ARGUMENTS_SHOWN_MOST: Final = 4_000


class ToldCalls(Told):
    """A call waits until it is whole: nobody can judge half of its arguments."""

    def __init__(
        self, policy: EffectivePolicy, sieve: Sieve, record: Record, rates: Sequence[ToolRates], *, now_s: int
    ) -> None:
        super().__init__(sieve, record)
        self._rates = rates
        self._rules = RulesOfBoth.of(policy)
        self._now_s = now_s
        self._is_call = False
        self._told = self._withheld = 0

    def begun(self, node: Node) -> Iterator[StreamEvent]:
        self._is_call = isinstance(node, ToolCall)
        if not self._is_call:
            yield self._begin(node)

    def grown(self, delta: Delta) -> Iterator[StreamEvent]:
        if not self._is_call:
            yield self._more(delta)

    def done(self, node: Node) -> Iterator[StreamEvent]:
        if not isinstance(node, ToolCall):
            yield self._end(node)
            return
        judgement = self._judged(node)
        arguments = self._sieve.arguments(node.arguments)
        instead = (
            self._paced(node) if judgement.effect == "allow" else told_instead(node.name, arguments, judgement)
        )
        if instead is None:
            self._told += 1
            call = node if arguments == node.arguments else msgspec.structs.replace(node, arguments=arguments)
            yield from self._whole(call, arguments)
        else:
            self._withheld += 1
            yield from self._whole(Text(role="assistant", text=instead), instead)

    def response(self, response: Response) -> Response:
        told = super().response(response)
        if not self._withheld or self._told or response.finish.reason != "tool_calls":
            return told
        return msgspec.structs.replace(told, finish=Finish(reason="stop"))

    def _whole(self, node: Node, text: str) -> Iterator[StreamEvent]:
        yield self._begin(emptied(node))
        if text:
            yield self._text(text)
        yield self._end(node)

    def _paced(self, call: ToolCall) -> str | None:
        """What is told instead of one call more than there may be."""
        instead = None
        for rates in self._rates:
            if denied := rates.takes(call.name):
                self._record(denied)
                instead = (
                    _TOO_OFTEN.format(call.name, denied.numbers["limit"]) if denied.verdict == "deny" else instead
                )
        return instead

    def _judged(self, call: ToolCall) -> Judgement:
        arguments = read_arguments(call.arguments, call.kind)
        tried = self._rules.in_shadow
        judgement = self._rules.in_force.judge(call.name, arguments, now_s=self._now_s)
        would_be = tried.judge(call.name, arguments, now_s=self._now_s) if tried else judgement
        if would_be.effect != "allow" and would_be != judgement:
            self._record(_decision(call, would_be, "would_deny"))
        if judgement.effect != "allow":
            self._record(_decision(call, judgement, "deny"))
        return judgement


def told_instead(name: str, arguments: str, judgement: Judgement) -> str:
    match judgement.effect:
        case "approve":
            proposal = {"kind": "tool", "subject": name, "arguments": arguments[:_ARGUMENTS_SHOWN_MOST]}
            return (
                f"The tool {name} was not called (approval_required): a person has to approve it first. Propose it "
                f"with POST /api/approvals {json.dumps(proposal, ensure_ascii=False)}"
            )
        case "dry_run":
            return (
                f"The tool {name} was not called (dry_run_required): this agent may only try it out. Call it with "
                'the argument "dry_run": true.'
            )
    return f"The tool {name} was not called (tool_denied): {_REASONS[judgement.why]}"


_TOO_OFTEN: Final = (
    "The tool {0} was not called (rate_limited): it may be called {1} times within a minute, and has been."
)
_REASONS: Final = {
    "tool_permissions_json": "the rules of this agent do not allow it with these arguments.",
    "approvals_policy_json": "the rules of this agent do not allow it with these arguments.",
    "mode": "an agent of this mode may call no tool that changes anything.",
    "arguments": "its arguments are not one JSON object that can be read in one way only.",
}
_CODES: Final = {"deny": "tool_denied", "approve": "approval_required", "dry_run": "dry_run_required"}


def _decision(call: ToolCall, judgement: Judgement, verdict: Verdict) -> Decision:
    rule_id = f"{judgement.why}/{call.name[:64]}"
    return Decision(gate="tools", rule_id=rule_id, verdict=verdict, code=_CODES[judgement.effect])
