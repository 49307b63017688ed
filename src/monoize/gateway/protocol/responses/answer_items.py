"""The nodes of an answer as its output items, each with an id and a place.

Answers and streams are written from here, so that what was streamed and what stands at the end are the same: which
nodes have an item of their own, which become parts of a message, and which cannot be said at all.
"""

from typing import Final

import msgspec

from monoize.gateway.protocol.naming import Naming
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
    Text,
    ToolCall,
    ToolResult,
    Url,
)

Said = Text | Refusal
"""What becomes part of a message."""
Itemized = Reasoning | ToolCall | ToolResult | Image | ProviderItem
"""What is an item of its own."""
_ENDINGS: Final = {f"image/{kind}": kind for kind in ("png", "webp", "jpeg", "gif")} | {"image/svg+xml": "svg"}


def speakable(node: Node, *, ours: bool) -> Said | Itemized | None:
    """The node, or another that says the same here, or None."""
    match node:
        case Reasoning():
            known = node if ours or node.origin == "responses" else msgspec.structs.replace(node, encrypted=None)
            return known if known.content or known.summary or known.encrypted else None
        case ProviderItem():
            return node if node.origin == "responses" else None
        case Audio(transcript=str() as words):
            return Text(role="assistant", text=words)
        case Image(source=Url(url=url)):
            return Text(role="assistant", text=f"![image]({url})")
        case File(source=Url(url=url)):
            return Text(role="assistant", text=f"[{node.filename or 'file'}]({url})")
        case Text() | Refusal() | ToolCall() | ToolResult() | Image(source=Inline()):
            return node
    return None


class Writing(msgspec.Struct, frozen=True):
    """How ids are made up where the provider's are not ours to show."""

    naming: Naming
    ours: bool

    def id_of(self, node: Node, prefix: str, output_index: int) -> str:
        return (self.ours and node.id) or f"{prefix}_{self.naming.node_id(output_index)}"

    def message(self, node: Said, output_index: int) -> Json:
        """Without its content."""
        phase = node.phase if isinstance(node, Text) and node.phase in PHASES else None
        id = self.id_of(node, "msg", output_index)
        return {"type": "message", "id": id, "role": "assistant", **told(phase=phase), "content": []}

    def continues(self, node: Said, message: Json, first: Said) -> bool:
        """Whether the node is part of the message that this first one began."""
        if (node.id if self.ours else None) != (first.id if self.ours else None):
            return False
        wanted = node.phase if isinstance(node, Text) and node.phase in PHASES else None
        return not isinstance(node, Text) or wanted == message.get("phase")

    def part(self, node: Said) -> Json:
        if isinstance(node, Refusal):
            return {"type": "refusal", "refusal": node.text}
        extra = {"annotations": [], **(node.extra if self.ours else {})}
        return merged({"type": "output_text", "text": node.text}, extra, ours=True)

    def item(self, node: Itemized, output_index: int) -> Json:
        match node:
            case ProviderItem():
                return node.body
            case Reasoning():
                item = self._reasoning(node)
                return {**item, "id": self.id_of(node, "rs", output_index)}
            case ToolCall():
                item = items_out.call_item(node, ours=self.ours)
                id = self.id_of(node, "fc" if node.kind == "function" else "ctc", output_index)
                return {**item, "id": id, **(_ended(item) if node.kind == "function" else {})}
            case ToolResult():
                item = items_out.result_item(node, ours=self.ours)
                return {**item, "id": self.id_of(node, "fco", output_index), **_ended(item)}
            case Image():
                return self._picture(node, output_index)

    def _reasoning(self, node: Reasoning) -> Json:
        item = items_out.reasoning_item(summary=node.summary, content=node.content, encrypted=node.encrypted)
        return merged(item, node.extra, ours=self.ours)

    def _picture(self, node: Image, output_index: int) -> Json:
        source = node.source
        assert isinstance(source, Inline)
        item = {
            "type": PICTURE,
            "id": self.id_of(node, "ig", output_index),
            "result": source.data,
            "status": "completed",
            **told(output_format=_ENDINGS.get(source.media_type)),
        }
        return {**item, **node.extra, "result": source.data} if self.ours else item


def _ended(item: Json) -> Json:
    """What has come to its end is not in progress any more, whatever its last snapshot says."""
    return {"status": "incomplete" if item.get("status") == "incomplete" else "completed"}
