"""Nodes made into the parts of a content. What Gemini cannot say is None and left out."""

import base64
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.wire import json_object
from monoize.gateway.protocol.urp import Json

_DATA_URL: Final = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_ENDING: Final = re.compile(r"\.([a-z0-9]{2,4})$")
# Whoever gives an address need not say what is there, but the service wants to be told.
_TYPES: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "mov": "video/mov",
    "webm": "video/webm",
}
RAW_ARGUMENTS: Final = "_raw"
"""Where arguments go that are no JSON object, which the wire cannot say otherwise."""


def part_of(node: urp.Node, extra: Mapping[str, Any] = urp.NO_EXTRA) -> Json | None:
    """`extra` is what else to write of this node; its caller knows whose words they are."""
    match node:
        case urp.Text() | urp.Refusal():
            # Empty words are refused, unless they are there to be signed.
            is_said = node.text or "thoughtSignature" in extra
            part: Json | None = {"text": node.text} if is_said else None
        case urp.Reasoning():
            part = _thought(node)
        case urp.Image() | urp.File():
            part = _media(node, extra)
        case urp.Audio():
            # What a model said earlier is given back in words.
            spoken = node.transcript if node.role == "assistant" else None
            part = {"text": spoken} if spoken else _media(node, extra)
        case urp.ToolCall():
            return call_part(node, extra)
        case urp.ProviderItem(origin="gemini"):
            part = node.body
        case _:
            part = None
    return part and {**extra, **part}


def call_part(node: urp.ToolCall, extra: Mapping[str, Any] = urp.NO_EXTRA) -> Json:
    call = {"id": node.call_id, "name": node.name, "args": arguments_of(node)}
    part: Json = {"functionCall": {**_left(extra, "functionCall"), **call}}
    if node.encrypted and node.origin == "gemini":
        part["thoughtSignature"] = node.encrypted
    return {**extra, **part}


def readable(node: urp.Reasoning) -> str:
    return node.content or "\n\n".join(node.summary)


def inline_of(source: urp.Source | urp.PlainText) -> urp.Inline | None:
    """The bytes of a source that has them with it."""
    match source:
        case urp.Inline():
            return source
        case urp.PlainText():
            data = base64.b64encode(source.text.encode(errors="replace")).decode()
            return urp.Inline(media_type=source.media_type, data=data)
        case urp.Url():
            return _from_data_url(source.url)
        case urp.FileId():
            return None


def media_part(
    node: urp.Image | urp.Audio | urp.File, extra: Mapping[str, Any] = urp.NO_EXTRA
) -> tuple[str, Json] | None:
    """`inlineData` or `fileData`, and what stands there."""
    inline = inline_of(node.source)
    if inline is not None:
        blob = {"mimeType": inline.media_type, "data": inline.data}
        return "inlineData", {**_left(extra, "inlineData"), **blob}
    match node.source:
        case urp.Url(url=uri) | urp.FileId(file_id=uri, origin="gemini"):
            return "fileData", {"mimeType": _guess(uri, node), **_left(extra, "fileData"), "fileUri": uri}
        case _:
            return None


def _media(node: urp.Image | urp.Audio | urp.File, extra: Mapping[str, Any]) -> Json | None:
    found = media_part(node, extra)
    if found is None:
        return None
    kind, blob = found
    if isinstance(node, urp.File) and node.filename is not None and extra is node.extra:
        blob["displayName"] = node.filename
    return {kind: blob}


def _thought(node: urp.Reasoning) -> Json | None:
    text, signature = readable(node), node.encrypted if node.origin == "gemini" else None
    part: Json = {"text": text}
    if text:
        part["thought"] = True
    if signature:
        part["thoughtSignature"] = signature
    return part if text or signature else None


def arguments_of(node: urp.ToolCall) -> Json:
    if not node.arguments.strip():
        return {}
    arguments = json_object(node.arguments)
    return {RAW_ARGUMENTS: node.arguments} if arguments is None else arguments


def _left(extra: Mapping[str, Any], kind: str) -> Json:
    left = extra.get(kind)
    return left if isinstance(left, dict) else {}


def _from_data_url(url: str) -> urp.Inline | None:
    found = _DATA_URL.match(url)
    if found is None:
        return None
    data = url[found.end() :]
    if ";base64" not in found[2].lower():
        data = base64.b64encode(urllib.parse.unquote_to_bytes(data)).decode()
    return urp.Inline(media_type=found[1] or "text/plain", data=data)


def _guess(uri: str, node: urp.Image | urp.Audio | urp.File) -> str:
    ending = _ENDING.search(uri.lower().partition("?")[0])
    if ending is not None and ending[1] in _TYPES:
        return _TYPES[ending[1]]
    match node:
        case urp.Image():
            return "image/jpeg"
        case urp.Audio():
            return "audio/mp3"
        case urp.File():
            return "application/pdf"
