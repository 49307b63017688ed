"""How often a model has called tools since its user spoke last, as the conversation tells it. Pure."""

from collections.abc import Sequence
from typing import Final

from monoize.gateway.protocol.urp import Node, ProviderItem, Reasoning, Refusal, Request, ToolCall, ToolResult

_MEMORIES: Final = ("previous_response_id", "conversation")
"""By which a conversation goes on that its provider keeps."""


def rounds_of_tools(request: Request) -> int | None:
    """None: it goes on with calls of a conversation that is not told here, so that nobody can count them.

    A turn that brings results of tools goes on with the loop, whatever else it says.
    """
    rounds = 0
    for turn in reversed(_turns(request.input)):
        if any(isinstance(node, ToolResult) for node in turn):
            rounds += 1
        elif not _is_of_model(turn[0]):
            return rounds
    if rounds and any(request.extra.get(name) for name in _MEMORIES):
        return None
    return rounds


def _turns(nodes: Sequence[Node]) -> list[list[Node]]:
    """What one side says before the other speaks."""
    turns: list[list[Node]] = []
    for node in nodes:
        if turns and _is_of_model(turns[-1][0]) == _is_of_model(node):
            turns[-1].append(node)
        else:
            turns.append([node])
    return turns


def _is_of_model(node: Node) -> bool:
    match node:
        case ToolCall() | Reasoning() | Refusal():
            return True
        case ToolResult():
            return False
        case ProviderItem(item_type=kind) if kind.endswith("_output"):
            return False
    return node.role == "assistant"
