"""Who said a node, where anybody can have said it."""

from typing import TypeGuard

import msgspec

from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Node,
    ProviderItem,
    Reasoning,
    Refusal,
    Request,
    Role,
    Text,
    ToolCall,
)

Spoken = Text | Image | Audio | File


def is_spoken(node: Node) -> TypeGuard[Spoken]:
    return isinstance(node, Spoken)


def is_instruction(node: Node) -> TypeGuard[Spoken]:
    return isinstance(node, Spoken) and node.role in ("system", "developer")


def is_models(node: Node) -> bool:
    """Whether the model said it."""
    if isinstance(node, Reasoning | Refusal | ToolCall):
        return True
    return isinstance(node, Spoken | ProviderItem) and node.role == "assistant"


def is_callers(node: Node) -> TypeGuard[Spoken]:
    return isinstance(node, Spoken) and node.role == "user"


def renamed(request: Request, before: Role, after: Role) -> Request:
    """What the one said is said by the other."""
    nodes = tuple(
        msgspec.structs.replace(node, role=after) if is_spoken(node) and node.role == before else node
        for node in request.input
    )
    return msgspec.structs.replace(request, input=nodes)
