"""What has no home in the common language goes back to who speaks the protocol it came from.

Of other protocols' we let through what means the same here and can do no harm.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.urp import Json, Protocol

# `thinking` and `output_config` are typed only as far as others understand them: they are kept as they are, too.
TYPED: Final = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "tools",
        "tool_choice",
        "metadata",
    }
)
"""What of a request has a home."""

_FROM_ANYBODY: Final = ("cache_control",)
_ON_TOP_FROM_ANYBODY: Final = ("cache_control", "container", "inference_geo", "output_config")
_METADATA: Final = "metadata"
_SERVICE_TIERS: Final = frozenset({"auto", "standard_only"})


def others(body: Json, known: Collection[str]) -> Json:
    """What has no home, where null is nothing."""
    return {name: value for name, value in fields.rest(body, known).items() if value is not None}


def extra_out(extra: Mapping[str, Any], origin: Protocol) -> Json:
    """Of a block or a tool."""
    if origin == "messages":
        return dict(extra)
    return {name: extra[name] for name in _FROM_ANYBODY if isinstance(extra.get(name), dict)}


def top_extra_out(extra: Mapping[str, Any], origin: Protocol) -> Json:
    """Of a request."""
    if origin == "messages":
        return fields.rest(extra, TYPED - {_METADATA})
    kept: Json = {name: extra[name] for name in _ON_TOP_FROM_ANYBODY if extra.get(name) is not None}
    if isinstance(tier := extra.get("service_tier"), str) and tier in _SERVICE_TIERS:
        kept["service_tier"] = tier
    metadata = extra.get(_METADATA)
    if isinstance(metadata, dict) and isinstance(user := metadata.get("user_id"), str):
        kept[_METADATA] = {"user_id": user}
    return kept
