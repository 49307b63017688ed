"""A request in which every call of a tool has a result."""

import msgspec

from monoize.contract.transforms.prompts import StripOrphanedToolUse
from monoize.gateway.protocol.urp import Request, ToolCall, ToolResult
from monoize.gateway.transforms.about import About


def request(request: Request, config: StripOrphanedToolUse, about: About) -> Request:
    answered: set[str] = set()
    kept = []
    for node in reversed(request.input):
        if isinstance(node, ToolResult):
            answered.add(node.call_id)
        if not isinstance(node, ToolCall) or node.call_id in answered:
            kept.append(node)
    return msgspec.structs.replace(request, input=tuple(reversed(kept)))
