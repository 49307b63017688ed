"""A request that marks for OpenAI's cache how far each run of tools went. Of marks OpenAI counts the latest."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from monoize.contract.transforms.caches import AutoCacheOpenaiToolUse
from monoize.gateway.protocol.urp import Node, ProviderItem, Request, ToolResult
from monoize.gateway.transforms.about import About

_MARK: Final = "prompt_cache_breakpoint"
_OPTIONS: Final = "prompt_cache_options"
_MODEL: Final = re.compile(r"gpt-(\d{1,3})(?:\.(\d{1,3}))?")
_SINCE: Final = (5, 6)
# One more is made by itself, unless the caller wants no other than those that are there.
_MOST: Final = 3
_MOST_EXPLICIT: Final = 4


def request(request: Request, config: AutoCacheOpenaiToolUse, about: About) -> Request:
    if about.upstream != "responses" or not _takes_marks(request.model):
        return request
    room = _most(request) - sum(map(_marks, request.input))
    nodes = list(request.input)
    for place in sorted(_ends_of_runs(nodes), reverse=True)[: max(0, room)]:
        nodes[place] = _marked(nodes[place])
    return msgspec.structs.replace(request, input=tuple(nodes))


def _takes_marks(model: str) -> bool:
    found = _MODEL.search(model)
    return found is not None and (int(found[1]), int(found[2] or 0)) >= _SINCE


def _most(request: Request) -> int:
    options = request.extra.get(_OPTIONS)
    is_explicit = isinstance(options, dict) and options.get("mode") == "explicit"
    return _MOST_EXPLICIT if is_explicit else _MOST


def _marks(node: Node) -> int:
    parts: Sequence[Node] = (node, *node.content) if isinstance(node, ToolResult) else (node,)
    return sum(_MARK in _extra_of(part) for part in parts)


def _ends_of_runs(nodes: Sequence[Node]) -> Iterator[int]:
    """Results that nothing but something else follows, and that have something to mark and no mark."""
    for place, node in enumerate(nodes):
        is_last = place + 1 == len(nodes) or not isinstance(nodes[place + 1], ToolResult)
        if isinstance(node, ToolResult) and is_last and not _marks(node) and _takes_a_mark(node):
            yield place


def _takes_a_mark(result: ToolResult) -> bool:
    return any(not isinstance(part, ProviderItem) for part in result.content)


def _marked(node: Node) -> Node:
    assert isinstance(node, ToolResult)
    content = list(node.content)
    last = max(place for place, part in enumerate(content) if not isinstance(part, ProviderItem))
    part = content[last]
    assert not isinstance(part, ProviderItem)
    content[last] = msgspec.structs.replace(part, extra={**part.extra, _MARK: {"mode": "explicit"}})
    return msgspec.structs.replace(node, content=tuple(content))


def _extra_of(node: Node) -> Any:
    return node.body if isinstance(node, ProviderItem) else node.extra
