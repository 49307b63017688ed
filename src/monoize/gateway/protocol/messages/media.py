"""Images and documents as this protocol writes them: a `source` says where their bytes are."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.fields import given, path
from monoize.gateway.protocol.messages.extras import others
from monoize.gateway.protocol.urp import (
    File,
    FileId,
    FileSource,
    Image,
    Inline,
    Json,
    Node,
    PlainText,
    Role,
    Source,
    Url,
)

PLAIN: Final = "text/plain"
_IMAGE_PARTS: Final = frozenset({"type", "source"})
_DOCUMENT_PARTS: Final = frozenset({"type", "source", "title"})


def images_in(block: Json, role: Role, at: str) -> Sequence[Node] | None:
    """None for a kind of source that is not known here."""
    found = _source_in(_its_source(block, at), path(at, "source"))
    if found is None:
        return None
    return (Image(role=role, source=found, extra=others(block, _IMAGE_PARTS)),)


def documents_in(block: Json, role: Role, at: str) -> Sequence[Node] | None:
    """A document made of parts becomes the text of it, and its images after that."""
    source, at_source = _its_source(block, at), path(at, "source")
    kind = fields.text(source, "type", at_source)
    images: list[Node] = []
    found: FileSource | None
    if kind == "text":
        data = given(fields.text(source, "data", at_source), path(at_source, "data"))
        found = PlainText(text=data, media_type=fields.text(source, "media_type", at_source) or PLAIN)
    elif kind == "content":
        found = PlainText(text=_text_of_parts(source, at_source))
        images = list(_images_of_parts(source, role, at_source))
    else:
        found = _source_in(source, at_source)
    if found is None:
        return None
    title = fields.text(block, "title", at)
    return (File(role=role, source=found, filename=title, extra=others(block, _DOCUMENT_PARTS)), *images)


def image_out(source: Source) -> Json | None:
    """None for what cannot be said here: a file that was uploaded elsewhere."""
    written = _source_out(source)
    return None if written is None else {"type": "image", "source": written}


def document_out(source: FileSource) -> Json | None:
    """Text goes as text, and pictures as images, as documents are nothing but PDF otherwise."""
    if isinstance(source, Url):
        source = inline_of(source.url) or source
    if isinstance(source, Inline) and source.media_type.startswith("image/"):
        return image_out(source)
    if isinstance(source, Inline) and source.media_type.startswith("text/"):
        text = _decoded(source.data)
        source = source if text is None else PlainText(text=text)
    if isinstance(source, PlainText):
        written: Json | None = {"type": "text", "media_type": PLAIN, "data": source.text}
    else:
        written = _source_out(source)
    return None if written is None else {"type": "document", "source": written}


def inline_of(url: str) -> Inline | None:
    """What a `data:` URL holds, or None for an address."""
    if url[:5].lower() != "data:":
        return None
    head, _, data = url[5:].partition(",")
    media_type, *parameters = head.split(";")
    if "base64" not in (parameter.strip().lower() for parameter in parameters):
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Inline(media_type=media_type.strip().lower() or PLAIN, data=data)


def _its_source(block: Json, at: str) -> Json:
    return given(fields.object_(block, "source", at), path(at, "source"))


def _source_in(source: Json, at: str) -> Source | None:
    match given(fields.text(source, "type", at), path(at, "type")):
        case "base64":
            return Inline(
                media_type=given(fields.text(source, "media_type", at), path(at, "media_type")),
                data=given(fields.text(source, "data", at), path(at, "data")),
            )
        case "url":
            return Url(url=given(fields.text(source, "url", at), path(at, "url")))
        case "file":
            return FileId(file_id=given(fields.text(source, "file_id", at), path(at, "file_id")), origin="messages")
        case _:
            return None


def _source_out(source: Source) -> Json | None:
    if isinstance(source, Url):
        source = inline_of(source.url) or source
    match source:
        case Url():
            return {"type": "url", "url": source.url}
        case Inline():
            return {"type": "base64", "media_type": source.media_type, "data": source.data}
        case FileId():
            return {"type": "file", "file_id": source.file_id} if source.origin == "messages" else None


def _parts(source: Json, at: str) -> Iterator[tuple[Json, str]]:
    content: Any = source.get("content")
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list):
        fields.refuse(path(at, "content"), "a string or a list")
    for place, part in enumerate(content):
        at_part = path(path(at, "content"), place)
        yield (part, at_part) if isinstance(part, dict) else fields.refuse(at_part, "an object")


def _text_of_parts(source: Json, at: str) -> str:
    texts = (fields.text(part, "text", at_part) for part, at_part in _parts(source, at))
    return "\n\n".join(text for text in texts if text)


def _images_of_parts(source: Json, role: Role, at: str) -> Iterator[Node]:
    for part, at_part in _parts(source, at):
        if part.get("type") == "image":
            yield from images_in(part, role, at_part) or ()


def _decoded(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
