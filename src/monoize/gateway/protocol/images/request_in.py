"""What a caller wants drawn: `decode_request`, from JSON or from the members of a form.

Whatever says how it is to be drawn stays in `extra`: each provider has its own words for that.
"""

import base64
from collections.abc import Iterator
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.chat.media import source_of
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.images.form import File
from monoize.gateway.protocol.urp import Image, Inline, Json, Node, Request, Source, Text

MASK: Final = "mask"
"""The id of the image that says where another one is to be changed."""
_KNOWN: Final = frozenset({"model", "prompt", "image", MASK, "user", "stream"})


def decode_request(body: Json) -> Request:
    return Request(
        model=fields.given(fields.text(body, "model") or None, "model"),
        input=tuple(_input(body)),
        user=fields.text(body, "user"),
        origin="images",
        extra=fields.rest(body, _KNOWN),
    )


def _input(body: Json) -> Iterator[Node]:
    for source in _sources(body, "image"):
        yield Image(role="user", source=source)
    for source in _sources(body, MASK):
        yield Image(role="user", source=source, id=MASK)
    yield Text(role="user", text=fields.given(fields.text(body, "prompt") or None, "prompt"))


def _sources(body: Json, name: str) -> Iterator[Source]:
    found: Any = body.get(name)
    for value in found if isinstance(found, list) else [] if found is None else [found]:
        match value:
            case File(content=content, media_type=media_type):
                yield Inline(media_type=media_type, data=base64.b64encode(content).decode())
            case str():
                yield source_of(value)
            case _:
                raise BadRequest(f"{name} must be a file or an address.", param=name)
