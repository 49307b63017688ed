"""A request whose instructions say nothing of billing: that changes always, and keeps caches from matching."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from monoize.contract.transforms.prompts import StripAnthropicBillingHeader
from monoize.gateway.protocol.urp import Node, Request, Text
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import is_instruction

_HEADER: Final = "x-anthropic-billing-header"


def request(request: Request, config: StripAnthropicBillingHeader, about: About) -> Request:
    return msgspec.structs.replace(request, input=tuple(_kept(request.input)))


def _kept(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        text = _without_it(node.text) if is_instruction(node) and isinstance(node, Text) else None
        if text is None:
            yield node
        elif text.strip():
            yield msgspec.structs.replace(node, text=text)


def _without_it(text: str) -> str | None:
    """None where it does not stand."""
    if _HEADER not in text.lower():
        return None
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.lstrip().lower().startswith(_HEADER))
