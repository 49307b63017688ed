"""Marks for Anthropic's cache: how many a request has, and one more."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from monoize.gateway.protocol.urp import NativeTool, Node, ProviderItem, Request, ToolResult

MOST: Final = 4
_MARK: Final = "cache_control"


def count(request: Request) -> int:
    return sum(_MARK in found for found in _everything(request))


def marked(request: Request, place: int) -> Request:
    """With a mark at the node that stands there, if it takes one and there is room for it."""
    node = request.input[place]
    if isinstance(node, ProviderItem) or _MARK in node.extra or count(request) >= MOST:
        return request
    node = msgspec.structs.replace(node, extra={**node.extra, _MARK: {"type": "ephemeral"}})
    nodes = (*request.input[:place], node, *request.input[place + 1 :])
    return msgspec.structs.replace(request, input=nodes)


def _everything(request: Request) -> Iterator[Any]:
    yield request.extra
    for tool in request.tools:
        yield tool.body if isinstance(tool, NativeTool) else tool.extra
    for node in request.input:
        yield _extra_of(node)
        if isinstance(node, ToolResult):
            yield from map(_extra_of, node.content)


def _extra_of(node: Node) -> Any:
    return node.body if isinstance(node, ProviderItem) else node.extra
