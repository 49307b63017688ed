"""A request with one more instruction."""

import msgspec

from monoize.contract.transforms.prompts import InjectSystemPrompt
from monoize.gateway.protocol.urp import Request, Text
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import is_instruction


def request(request: Request, config: InjectSystemPrompt, about: About) -> Request:
    nodes = list(request.input)
    places = [place for place, node in enumerate(nodes) if is_instruction(node)]
    if config.position == "prepend":
        place = places[0] + 1 if places else 0
    else:
        place = places[-1] + 1 if places else len(nodes)
    nodes.insert(place, Text(role="system", text=config.content))
    return msgspec.structs.replace(request, input=tuple(nodes))
