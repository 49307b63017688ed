"""A request whose instructions are kept in Anthropic's cache."""

from monoize.contract.transforms.caches import AutoCacheSystem
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms import cache_marks
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import is_instruction


def request(request: Request, config: AutoCacheSystem, about: About) -> Request:
    places = [place for place, node in enumerate(request.input) if is_instruction(node)]
    return cache_marks.marked(request, places[-1]) if places else request
