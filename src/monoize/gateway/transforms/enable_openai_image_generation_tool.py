"""A request to a model that may draw."""

from typing import Final

import msgspec

from monoize.contract.transforms.prompts import EnableOpenaiImageGenerationTool
from monoize.gateway.protocol.urp import Json, NativeTool, Request, ToolChoice
from monoize.gateway.transforms.about import About

_TYPE: Final = "image_generation"
_PARTIAL_IMAGES: Final = 3
_ASKED_ELSEWHERE: Final = ("size", "quality")
"""What callers of other protocols say of an image in their request."""


def request(request: Request, config: EnableOpenaiImageGenerationTool, about: About) -> Request:
    if about.upstream != "responses":
        return request
    if not any(isinstance(tool, NativeTool) and tool.tool_type == _TYPE for tool in request.tools):
        tool = NativeTool(origin="responses", tool_type=_TYPE, body=_body(request, config))
        request = msgspec.structs.replace(request, tools=(*request.tools, tool))
    if config.force_tool_choice:
        choice = ToolChoice(mode="required", native={"type": _TYPE}, origin="responses")
        request = msgspec.structs.replace(request, tool_choice=choice)
    return msgspec.structs.replace(request, stream=True) if config.force_stream else request


def _body(request: Request, config: EnableOpenaiImageGenerationTool) -> Json:
    asked = {name: request.extra[name] for name in _ASKED_ELSEWHERE if isinstance(request.extra.get(name), str)}
    own: Json = {"type": _TYPE, "output_format": config.output_format}
    if config.action is not None:
        own["action"] = config.action
    if config.force_stream:
        own["partial_images"] = _PARTIAL_IMAGES
    return {**asked, **config.extra, **own}
