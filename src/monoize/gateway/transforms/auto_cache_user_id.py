"""A request that names its user, where it uses Anthropic's cache."""

import msgspec

from monoize.contract.transforms.caches import AutoCacheUserId
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms import cache_marks
from monoize.gateway.transforms.about import About


def request(request: Request, config: AutoCacheUserId, about: About) -> Request:
    if request.user is not None or not cache_marks.count(request):
        return request
    return msgspec.structs.replace(request, user=about.username)
