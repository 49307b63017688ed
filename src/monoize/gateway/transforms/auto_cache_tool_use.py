"""A request in the middle of a loop of tools, which is kept in Anthropic's cache up to where the loop began."""

from monoize.contract.transforms.caches import AutoCacheToolUse
from monoize.gateway.protocol.urp import Request, ToolResult
from monoize.gateway.transforms import cache_marks
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import is_callers


def request(request: Request, config: AutoCacheToolUse, about: About) -> Request:
    if not request.input or not isinstance(request.input[-1], ToolResult):
        return request
    places = [place for place, node in enumerate(request.input) if is_callers(node)]
    return cache_marks.marked(request, places[-1]) if places else request
