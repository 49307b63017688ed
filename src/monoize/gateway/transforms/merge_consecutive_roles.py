"""A request in which roles take turns."""

import msgspec

from monoize.contract.transforms.prompts import MergeConsecutiveRoles
from monoize.gateway.protocol.chat.messages_in import MESSAGE
from monoize.gateway.protocol.urp import Node, Request, Text
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.retelling import PARAGRAPH
from monoize.gateway.transforms.roles import Spoken, is_spoken


def request(request: Request, config: MergeConsecutiveRoles, about: About) -> Request:
    nodes: list[Node] = []
    for node in request.input:
        before = nodes[-1] if nodes else None
        if before is None or not is_spoken(node) or not is_spoken(before) or node.role != before.role:
            nodes.append(node)
            continue
        node = _unmarked(node, before)
        if isinstance(node, Text) and isinstance(before, Text) and not node.extra and _is_plain(before):
            nodes[-1] = msgspec.structs.replace(before, text=before.text + PARAGRAPH + node.text)
        else:
            nodes.append(node)
    return msgspec.structs.replace(request, input=tuple(nodes))


def _unmarked(node: Spoken, before: Spoken) -> Spoken:
    """Part of the message before it, and not the first of its own."""
    extra = {name: value for name, value in node.extra.items() if name != MESSAGE}
    return msgspec.structs.replace(node, id=before.id, extra=extra)


def _is_plain(node: Text) -> bool:
    return not node.extra.keys() - {MESSAGE}
