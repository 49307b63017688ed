"""What somebody wants drawn, for a provider of this protocol: as JSON, or as a form when other images come with it.

Who holds a conversation asks in words: the prompt is all that the user has said in it.
"""

import base64
import binascii
from collections.abc import Iterator
from typing import Final

from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.images.form import File, Form, write_form
from monoize.gateway.protocol.images.request_in import MASK
from monoize.gateway.protocol.urp import Image, Inline, Json, Request, Text

_HOW: Final = ("background", "moderation", "output_compression", "output_format", "quality", "size", "style")


def encode_request(request: Request, *, model: str, stream: bool = False) -> Json:
    del stream  # Images come whole.
    how = {name: request.extra[name] for name in _HOW if request.extra.get(name) is not None}
    return {"model": model, "prompt": prompt_of(request), **how}


def encode_edit(request: Request, *, model: str, stream: bool = False) -> Form:
    asked = encode_request(request, model=model, stream=stream)
    texts = [(name, str(value)) for name, value in asked.items()]
    return write_form([*texts, *_files(request)])


def prompt_of(request: Request) -> str:
    said = [node.text for node in request.input if isinstance(node, Text) and node.role == "user" and node.text]
    if not said:
        raise BadRequest("Nothing is said about what to draw.", param="prompt")
    return "\n".join(said)


def images_of(request: Request) -> list[Image]:
    """Those that the user sent along."""
    return [node for node in request.input if isinstance(node, Image) and node.role == "user"]


def _files(request: Request) -> Iterator[tuple[str, File]]:
    for image in images_of(request):
        if not isinstance(image.source, Inline):
            raise BadRequest("An image that is to be changed is sent along, not its address.", param="image")
        try:
            content = base64.b64decode(image.source.data, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("An image is not written in base64.", param="image") from None
        yield "mask" if image.id == MASK else "image[]", File(content, image.source.media_type)
