"""A request that does not end with the model."""

import msgspec

from monoize.contract.transforms.prompts import AppendEmptyUserMessage
from monoize.gateway.protocol.urp import Request, Text
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import is_models


def request(request: Request, config: AppendEmptyUserMessage, about: About) -> Request:
    if not request.input or not is_models(request.input[-1]):
        return request
    nodes = (*request.input, Text(role="user", text=config.content))
    return msgspec.structs.replace(request, input=nodes)
