"""The nodes of a conversation as the items of a request: grouped into messages again, and fit to be taken.

Calls without results and results without calls are refused by providers, and so is reasoning that leads to
nothing; `paired` leaves them out.
"""

from collections.abc import Iterable, Sequence

from monoize.gateway.protocol.responses import items_out
from monoize.gateway.protocol.responses.items_in import PICTURE
from monoize.gateway.protocol.responses.items_out import PHASES, merged, told
from monoize.gateway.protocol.urp import (
    Audio,
    File,
    Image,
    Inline,
    Json,
    Node,
    ProviderItem,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

_Spoken = Text | Refusal | Image | Audio | File
_Envelope = tuple[Role, str | None, str | None]
"""Whose message it is, its id and its phase."""


def paired(nodes: Sequence[Node]) -> list[Node]:
    called: set[str] = set()
    answered: set[str] = set()
    forward: list[Node] = []
    for node in nodes:
        if isinstance(node, ToolCall):
            called.add(node.call_id)
        if not isinstance(node, ToolResult) or node.call_id in called:
            forward.append(node)
    kept: list[Node] = []
    was_dropped = False
    for node in reversed(forward):
        if isinstance(node, ToolResult):
            answered.add(node.call_id)
        if not isinstance(node, Reasoning):
            was_dropped = isinstance(node, ToolCall) and node.call_id not in answered
        if not was_dropped:
            kept.append(node)
    return kept[::-1]


def input_items(nodes: Iterable[Node], *, ours: bool) -> list[Json]:
    items: list[Json] = []
    envelope: _Envelope | None = None
    for node in nodes:
        if isinstance(node, _Spoken) and not _is_picture(node, ours=ours):
            part = _part(node, ours=ours)
            if part is None:
                continue
            wanted = _envelope(node, envelope, ours=ours)
            if wanted != envelope:
                envelope = wanted
                items.append(_message(wanted))
            items[-1]["content"].append(part)
        elif (item := _item(node, ours=ours)) is not None:
            envelope = None
            items.append(item)
    return items


def _message(envelope: _Envelope) -> Json:
    role, id, phase = envelope
    return {"type": "message", **told(id=id), "role": role, **told(phase=phase), "content": []}


def _envelope(node: _Spoken, before: _Envelope | None, *, ours: bool) -> _Envelope:
    id = node.id if ours else None
    role = _role(node, ours=ours)
    if isinstance(node, Text):
        return role, id, node.phase if node.phase in PHASES else None
    # Only text knows the phase of its message.
    return before if before and before[:2] == (role, id) else (role, id, None)


def _role(node: _Spoken, *, ours: bool) -> Role:
    if isinstance(node, Refusal):
        return "assistant"
    if node.role == "assistant" and not ours and not isinstance(node, Text):
        # An assistant is taken to have said nothing but words.
        return "user"
    return node.role


def _part(node: _Spoken, *, ours: bool) -> Json | None:
    if isinstance(node, Refusal):
        return merged({"type": "refusal", "refusal": node.text}, node.extra, ours=ours)
    if isinstance(node, Text) and node.role == "assistant":
        return merged({"type": "output_text", "text": node.text}, node.extra, ours=ours)
    return items_out.input_part(node, ours=ours)


def _item(node: Node, *, ours: bool) -> Json | None:
    id = told(id=node.id) if ours else {}
    match node:
        case Reasoning():
            return _reasoning(node, ours=ours)
        case ToolCall():
            return {**items_out.call_item(node, ours=ours), **id}
        case ToolResult():
            return {**items_out.result_item(node, ours=ours), **id}
        case Image(source=Inline(data=data)):
            return {**id, "result": data, **node.extra}
        case ProviderItem(origin="responses"):
            return node.body
    return None


def _is_picture(node: Node, *, ours: bool) -> bool:
    return (
        ours and isinstance(node, Image) and isinstance(node.source, Inline) and node.extra.get("type") == PICTURE
    )


def _reasoning(node: Reasoning, *, ours: bool) -> Json | None:
    is_known = node.origin == "responses" or (ours and node.origin is None)
    encrypted = node.encrypted if node.origin == "responses" else None
    summary, content = tuple(node.summary), node.content
    if not is_known and content:
        # Thoughts that somebody else told in full are taken as a summary only.
        summary, content = summary or (content,), None
    id = node.id if is_known else None
    if not (summary or content or encrypted or id):
        return None
    item = items_out.reasoning_item(summary=summary, content=content, encrypted=encrypted)
    return merged({**item, **told(id=id)}, node.extra, ours=ours)
