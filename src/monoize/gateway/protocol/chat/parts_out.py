"""Nodes as parts of a content. `own` is what stood on this wire before, and gets back what nobody else knows."""

from collections.abc import Sequence

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat import media
from monoize.gateway.protocol.chat.messages_in import MESSAGE
from monoize.gateway.protocol.chat.thoughts import PARAGRAPH
from monoize.gateway.protocol.urp import Audio, File, Image, Json, Node, ProviderItem, Text


def part_of(node: Node, *, own: bool) -> Json | None:
    """None for what cannot be a part."""
    match node:
        case Text():
            part: Json | None = {"type": "text", "text": node.text}
        case Image():
            part = media.image_part(node)
        case Audio():
            part = media.audio_part(node)
        case File():
            part = media.file_part(node)
        case ProviderItem():
            return node.body if own and node.origin == "chat" else None
        case _:
            return None
    return {**fields.rest(node.extra, (MESSAGE,)), **part} if own and part else part


def content_of(parts: Sequence[Json], *, own: bool) -> str | list[Json]:
    """A string wherever that says it all: many providers take nothing else."""
    texts = [part["text"] for part in parts if part.keys() == {"type", "text"}]
    if len(texts) < len(parts) or (own and len(parts) > 1):
        return list(parts)
    return PARAGRAPH.join(texts)
