"""A request for an answer of another length."""

import msgspec

from monoize.contract.transforms.settings import OverrideMaxTokens
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms.about import About


def request(request: Request, config: OverrideMaxTokens, about: About) -> Request:
    return msgspec.structs.replace(request, max_output_tokens=config.value)
