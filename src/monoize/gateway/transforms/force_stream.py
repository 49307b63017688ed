"""A request for a stream, or for none."""

import msgspec

from monoize.contract.transforms.settings import ForceStream
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms.about import About


def request(request: Request, config: ForceStream, about: About) -> Request:
    return msgspec.structs.replace(request, stream=config.enabled)
