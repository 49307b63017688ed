"""A provider's images: `decode_response`."""

from collections.abc import Iterator
from typing import Any, Final

from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.fields import told_integer, told_list, told_object, told_text
from monoize.gateway.protocol.images.usage import read_usage
from monoize.gateway.protocol.urp import Finish, Image, Inline, Json, Response, Url

REVISED: Final = "revised_prompt"
"""What the model made of the prompt."""


def decode_response(body: Json) -> Response:
    if not isinstance(body, dict):
        raise BadAnswer("The answer is no object.")
    images = list(_images(body))
    if not images:
        raise BadAnswer("The answer has no image.")
    return Response(
        id="",
        model=told_text(body.get("model")) or "",
        output=images,
        finish=Finish(reason="stop"),
        usage=read_usage(body.get("usage")),
        created_at=told_integer(body.get("created")),
    )


def _images(body: Json) -> Iterator[Image]:
    media_type = f"image/{told_text(body.get('output_format')) or 'png'}"
    for found in told_list(body.get("data")) or ():
        picture: Json = told_object(found) or {}
        data, url = told_text(picture.get("b64_json")), told_text(picture.get("url"))
        source: Any = Inline(media_type=media_type, data=data) if data else Url(url=url) if url else None
        if source:
            revised = told_text(picture.get(REVISED))
            yield Image(role="assistant", source=source, extra={REVISED: revised} if revised else {})
