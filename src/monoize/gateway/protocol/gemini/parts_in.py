"""The parts of a content made into nodes. What is wrong in one is a BadRequest, whoever wrote it."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from monoize.gateway.protocol import fields, urp
from monoize.gateway.protocol.gemini.wire import json_text, spelled
from monoize.gateway.protocol.urp import Json

CallId = Callable[[str | None, str], str]
"""What to call a function call by its id, which may be missing, and its name."""

UNTYPED: Final = "application/octet-stream"
TYPED: Final = ("text", "inlineData", "fileData", "functionCall")
ABOUT: Final = frozenset(
    {
        "thought",
        "thoughtSignature",
        "partMetadata",
        "videoMetadata",
        "mediaResolution",
        "mediaProcessing",
        "speechMetadata",
        "documentMetadata",
        "spreadsheetMetadata",
        "audioMetadata",
        "audioTranscription",
    }
)
"""Fields of a part that say something of its data; any other field is data."""

# Files that only the service itself can open.
_UPLOADED: Final = re.compile(r"gs://|https://[a-z0-9.-]*generativelanguage\.googleapis\.com/")


def data_of(part: Json) -> str | None:
    """Which kind of data a part holds; one that holds a signature alone holds none."""
    for name in TYPED:
        if part.get(name) is not None:
            return name
    return next((name for name, value in part.items() if name not in ABOUT and value is not None), None)


def node_of(part: Json, role: urp.Role, at: str, call_id: CallId) -> urp.Node | None:
    """None for a part that says nothing. Of the results of functions only requests know."""
    kind = data_of(part)
    if kind is None or kind == "text":
        return _text(part, role, at)
    if kind == "functionCall":
        return _call(part, at, call_id)
    if kind in ("inlineData", "fileData") and not fields.flag(part, "thought", at):
        return _media(part, kind, role, at)
    return urp.ProviderItem(origin="gemini", role=role, item_type=kind, body=part)


def media(blob: Json, kind: str, role: urp.Role, at: str) -> urp.Image | urp.Audio | urp.File:
    """An `inlineData` or a `fileData`, by what it is of."""
    at = fields.path(at, kind)
    media_type = fields.text(blob, "mimeType", at)
    name = fields.text(blob, "displayName", at)
    known = {"mimeType", "displayName"}
    source: urp.Source
    if kind == "inlineData":
        data = fields.given(fields.text(blob, "data", at), fields.path(at, "data"))
        source, known = urp.Inline(media_type=media_type or UNTYPED, data=_base64(data)), known | {"data"}
    else:
        uri = fields.given(fields.text(blob, "fileUri", at), fields.path(at, "fileUri"))
        source, known = _address(uri), (known | {"fileUri"}) - {"mimeType"}
    left = fields.rest(blob, known)
    what = (media_type or "").partition("/")[0]
    if what not in ("image", "audio"):
        return urp.File(role=role, source=source, filename=name, extra={kind: left} if left else urp.NO_EXTRA)
    if name is not None:
        left["displayName"] = name
    extra = {kind: left} if left else urp.NO_EXTRA
    if what == "image":
        return urp.Image(role=role, source=source, extra=extra)
    return urp.Audio(role=role, source=source, extra=extra)


def _text(part: Json, role: urp.Role, at: str) -> urp.Node | None:
    text = fields.text(part, "text", at) or ""
    signature = fields.text(part, "thoughtSignature", at) or None
    if not text and signature is None:
        return None
    extra = fields.rest(part, ("text", "thought", "thoughtSignature"))
    if fields.flag(part, "thought", at) or not text:
        origin: urp.Protocol | None = "gemini" if signature else None
        return urp.Reasoning(content=text or None, encrypted=signature, origin=origin, extra=extra)
    if signature is not None:
        extra["thoughtSignature"] = signature
    return urp.Text(role=role, text=text, extra=extra)


def _call(part: Json, at: str, call_id: CallId) -> urp.ToolCall:
    signature = fields.text(part, "thoughtSignature", at) or None
    extra = fields.rest(part, ("functionCall", "thought", "thoughtSignature"))
    call = spelled(fields.object_(part, "functionCall", at) or {})
    at = fields.path(at, "functionCall")
    left = fields.rest(call, ("id", "name", "args"))
    if left:
        extra["functionCall"] = left
    name = fields.given(fields.text(call, "name", at) or None, fields.path(at, "name"))
    arguments = fields.object_(call, "args", at) or {}
    return urp.ToolCall(
        call_id=call_id(fields.text(call, "id", at) or None, name),
        name=name,
        arguments=json_text(arguments, fields.path(at, "args")),
        encrypted=signature,
        origin="gemini" if signature else None,
        extra=extra,
    )


def _media(part: Json, kind: str, role: urp.Role, at: str) -> urp.Node:
    node = media(spelled(fields.object_(part, kind, at) or {}), kind, role, at)
    left = fields.rest(part, (kind, "thought"))
    return msgspec.structs.replace(node, extra={**node.extra, **left})


def _address(uri: str) -> urp.Source:
    return urp.FileId(file_id=uri, origin="gemini") if _UPLOADED.match(uri) else urp.Url(url=uri)


def _base64(data: str) -> str:
    """As everybody else writes it: the service, and its own client, know the other alphabet too."""
    data = data.replace("-", "+").replace("_", "/")
    return data + "=" * (-len(data) % 4)


def parts_of(content: Json, at: str) -> Iterator[tuple[Json, str]]:
    """The parts of a content, each with its path; where there is only one, the list may be left out."""
    parts = spelled(content).get("parts")
    at = fields.path(at, "parts")
    if isinstance(parts, dict):
        parts = [parts]
    if not isinstance(parts, list):
        if parts is None:
            return
        fields.refuse(at, "a list")
    for place, part in enumerate(parts):
        where = fields.path(at, place)
        if not isinstance(part, dict):
            fields.refuse(where, "an object")
        yield spelled(part), where
