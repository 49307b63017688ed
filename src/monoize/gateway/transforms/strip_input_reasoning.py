"""A request without what was thought before."""

import msgspec

from monoize.contract.transforms.reasoning import StripInputReasoning
from monoize.gateway.protocol.urp import Reasoning, Request
from monoize.gateway.transforms.about import About


def request(request: Request, config: StripInputReasoning, about: About) -> Request:
    kept = tuple(node for node in request.input if not isinstance(node, Reasoning))
    return msgspec.structs.replace(request, input=kept)
