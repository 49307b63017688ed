"""What a caller wants, as the input of a prediction: `encode_request`.

Every model there has members of its own. Here are those that most have; what a caller of the images protocol says
beside them goes on as it is, but for whatever would multiply what is to be paid.
"""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol.chat.media import url_of
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.images.request_in import MASK
from monoize.gateway.protocol.replicate.prediction import place_of
from monoize.gateway.protocol.urp import Audio, File, Image, Inline, Json, Request, Text, Url

COUNT: Final = "num_outputs"
_OURS: Final = frozenset(
    {
        "n",
        "response_format",
        "safety_identifier",
        COUNT,
        "number_of_images",
        "num_images",
        "batch_size",
        "max_images",
    }
)
_MEDIA: Final[Mapping[type[Image | Audio | File], str]] = {Image: "image", Audio: "audio", File: "file"}


def encode_request(request: Request, *, model: str, stream: bool = False) -> Json:
    del stream  # A prediction is told whole.
    if request.tools:
        raise BadRequest("Tools cannot be called there.", param="tools")
    if request.extra.get("response_format") == "b64_json":
        raise BadRequest("Images are told by their addresses there.", param="response_format")
    system = "\n".join(_texts(request, "system", "developer"))
    wanted: dict[str, Any] = {
        "prompt": _prompt(request),
        "system_prompt": system or None,
        "max_tokens": request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        **_media(request),
        **_more(request),
    }
    body: Json = {"input": {name: value for name, value in wanted.items() if value is not None}}
    place = place_of(model)
    return {"version": place.version, **body} if place and place.version else body


def _prompt(request: Request) -> str:
    """Where both have spoken it is told who said what."""
    if any(isinstance(node, Text) and node.role == "assistant" for node in request.input):
        said = [node for node in request.input if isinstance(node, Text) and node.role in ("user", "assistant")]
        return "\n\n".join(f"{node.role.title()}: {node.text}" for node in said)
    prompt = "\n".join(_texts(request, "user"))
    if not prompt:
        raise BadRequest("Nothing is asked.", param="prompt")
    return prompt


def _texts(request: Request, *roles: str) -> list[str]:
    return [node.text for node in request.input if isinstance(node, Text) and node.role in roles and node.text]


def _media(request: Request) -> Json:
    found: Json = {}
    for node in request.input:
        if isinstance(node, Image | Audio | File) and node.role == "user":
            name = MASK if isinstance(node, Image) and node.id == MASK else _MEDIA[type(node)]
            if name in found or not isinstance(node.source, Inline | Url):
                raise BadRequest(f"One {name} is taken there, sent along or by its address.", param=name)
            found[name] = url_of(node.source)
    return found


def _more(request: Request) -> Json:
    if request.origin != "images":
        return {}
    more = {name: value for name, value in request.extra.items() if name not in _OURS}
    count = request.extra.get("n")
    return {**more, COUNT: int(count)} if count is not None and int(count) > 1 else more
