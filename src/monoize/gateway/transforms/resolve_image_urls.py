"""A request whose images are in it, and not only their addresses. What cannot be had stays an address."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from monoize.contract.transforms.images import ResolveImageUrls
from monoize.gateway.protocol.urp import Image, Inline, Node, Request, ToolResult, Url
from monoize.gateway.transforms.about import About
from monoize.gateway.upstream.outside import Fetched, NotFetched

Fetch = Callable[..., Awaitable[Fetched]]
"""By its address, `bytes_most` and `timeout_s`."""

IMAGES_MOST: Final = 32
BYTES_MOST: Final = 50 * 2**20
"""Of all of them together."""
AT_ONCE: Final = 8
_TAKEN: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


async def fetched(request: Request, config: ResolveImageUrls, about: About, fetch: Fetch) -> Request:
    urls = urls_in(request, config)
    if not urls:
        return request
    found = await _all_of(urls, config, fetch)
    return msgspec.structs.replace(request, input=tuple(_with(node, config, found) for node in request.input))


def urls_in(request: Request, config: ResolveImageUrls) -> Sequence[str]:
    return list(dict.fromkeys(_urls(request.input, config)))[:IMAGES_MOST]


def _urls(nodes: Sequence[Node], config: ResolveImageUrls) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ToolResult):
            yield from _urls(node.content, config)
        elif isinstance(node, Image) and _is_wanted(node, config):
            assert isinstance(node.source, Url)
            yield node.source.url


def _is_wanted(image: Image, config: ResolveImageUrls) -> bool:
    is_address = isinstance(image.source, Url) and image.source.url[:5].lower() != "data:"
    return is_address and (not config.roles or image.role in config.roles)


async def _all_of(urls: Sequence[str], config: ResolveImageUrls, fetch: Fetch) -> Mapping[str, Inline]:
    found: dict[str, Inline] = {}
    turn, room = asyncio.Semaphore(AT_ONCE), BYTES_MOST

    async def have(url: str) -> None:
        nonlocal room
        async with turn:
            try:
                image = await fetch(url, bytes_most=min(config.bytes_most, room), timeout_s=config.timeout_s)
            except NotFetched:
                return
        if image.media_type in _TAKEN and len(image.body) <= room:
            room -= len(image.body)
            found[url] = Inline(media_type=image.media_type, data=base64.b64encode(image.body).decode())

    async with asyncio.TaskGroup() as together:
        for url in urls:
            together.create_task(have(url))
    return found


def _with(node: Node, config: ResolveImageUrls, found: Mapping[str, Inline]) -> Node:
    if isinstance(node, ToolResult):
        parts = [_with(part, config, found) for part in node.content]
        return msgspec.structs.replace(node, content=tuple(parts))
    if isinstance(node, Image) and _is_wanted(node, config) and isinstance(node.source, Url):
        return msgspec.structs.replace(node, source=found.get(node.source.url, node.source))
    return node
