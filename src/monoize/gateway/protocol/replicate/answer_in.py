"""What a prediction came to: `decode_response`. Addresses of media are images, all else is text."""

from typing import Any

import msgspec

from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.fields import told_text
from monoize.gateway.protocol.images.usage import read_usage
from monoize.gateway.protocol.replicate.prediction import Prediction
from monoize.gateway.protocol.replicate.watch import tokens_of
from monoize.gateway.protocol.urp import Finish, Image, Json, Node, Response, Text


def decode_response(body: Json) -> Response:
    try:
        prediction = msgspec.convert(body, Prediction)
    except msgspec.ValidationError:
        raise BadAnswer("The provider answered with something else than a prediction.") from None
    text = "".join(prediction.texts())
    said: list[Node] = [Text(role="assistant", text=text)] if text else []
    output: list[Node] = [*said, *(Image(role="assistant", source=source) for source in prediction.media())]
    if not output:
        raise BadAnswer("The prediction came to neither a text nor an image.")
    usage: Any = tokens_of(prediction)
    return Response(
        id=prediction.id,
        model=told_text(prediction.model) or "",
        output=output,
        finish=Finish(reason="stop"),
        usage=read_usage(usage),
    )
