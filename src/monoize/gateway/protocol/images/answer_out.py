"""Images for a caller who asked for nothing else: `encode_response`. An answer in words is none."""

from monoize.gateway.protocol.errors import BadAnswer
from monoize.gateway.protocol.images.answer_in import REVISED
from monoize.gateway.protocol.images.usage import write_usage
from monoize.gateway.protocol.naming import Naming
from monoize.gateway.protocol.urp import Image, Inline, Json, Response, Url


def encode_response(response: Response, *, model: str | None, naming: Naming) -> Json:
    del model  # This protocol does not say it.
    data = [_picture(node) for node in response.output if isinstance(node, Image)]
    if not data:
        raise BadAnswer("The model answered without an image.")
    usage = {"usage": write_usage(response.usage)} if response.usage else {}
    return {"created": naming.created_at, "data": data, **usage}


def _picture(image: Image) -> Json:
    revised = {REVISED: image.extra[REVISED]} if REVISED in image.extra else {}
    match image.source:
        case Inline(data=data):
            return {"b64_json": data, **revised}
        case Url(url=url):
            return {"url": url, **revised}
    raise BadAnswer("The model answered with an image that only it can read.")
