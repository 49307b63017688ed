"""Anthropic counts what goes into a cache or comes out of it beside the input; we count it as part of it.

Providers that only speak the protocol report under other names too. A name that is Anthropic's own has its meaning;
what has another's is part of the input, as it is everywhere else.
"""

from collections.abc import Mapping
from typing import Any, Final

from monoize.gateway.protocol import fields
from monoize.gateway.protocol.urp import Json, Usage

COUNT_MOST: Final = 10**12
"""No request has as many tokens: a larger count is a mistake."""
SERVICE_TIERS: Final = frozenset({"standard", "priority", "batch"})

_Path = tuple[str, ...]
_INPUT: Final[_Path] = ("input_tokens",)
_INPUT_INCLUSIVE: Final[_Path] = ("prompt_tokens",)
_READ: Final[_Path] = ("cache_read_input_tokens",)
_READ_INCLUDED: Final[tuple[_Path, ...]] = (
    ("cache_read_tokens",),
    ("cached_tokens",),
    ("input_tokens_details", "cached_tokens"),
    ("prompt_tokens_details", "cached_tokens"),
)
_WRITE: Final[_Path] = ("cache_creation_input_tokens",)
_WRITE_5M: Final[_Path] = ("cache_creation", "ephemeral_5m_input_tokens")
_WRITE_1H: Final[_Path] = ("cache_creation", "ephemeral_1h_input_tokens")
_WRITE_INCLUDED: Final[tuple[_Path, ...]] = (
    ("cache_write_tokens",),
    ("input_tokens_details", "cache_write_tokens"),
    ("prompt_tokens_details", "cache_write_tokens"),
)
_OUTPUT: Final[tuple[_Path, ...]] = (("output_tokens",), ("completion_tokens",))
_REASONING: Final[tuple[_Path, ...]] = (
    ("output_tokens_details", "thinking_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("completion_tokens_details", "reasoning_tokens"),
)
_SEARCHES: Final[_Path] = ("server_tool_use", "web_search_requests")


def read_report(body: Json) -> Json | None:
    """The usage object of a plain answer, untouched."""
    return fields.told_object(body.get("usage"))


def merged(report: Json | None, update: object) -> Json | None:
    """Counts are cumulative: a later one replaces an earlier one. Null says nothing; none falls to nought."""
    if not isinstance(update, dict):
        return report
    both = dict(report or {})
    for name, value in update.items():
        before = both.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            both[name] = {
                **before,
                **{key: each for key, each in value.items() if _says_more(before.get(key), each)},
            }
        elif _says_more(before, value):
            both[name] = value
    return both


def _says_more(before: object, value: object) -> bool:
    return value is not None and not (value == 0 and bool(before))


def read_usage(wire: Json) -> Usage | None:
    """None if it tells nothing that we can use."""
    if not isinstance(wire, dict):
        return None
    beside = _first(wire, _INPUT)
    inclusive = _first(wire, _INPUT_INCLUSIVE)
    output = _first(wire, *_OUTPUT)
    read, read_is_beside = _with_place(wire, _READ, _READ_INCLUDED)
    write, write_is_beside = _writes(wire)
    if all(count is None for count in (beside, inclusive, output, read, write)):
        return None
    if beside is not None:
        total = beside + (read or 0) * read_is_beside + (write or 0) * write_is_beside
    else:
        total = inclusive or 0
    return Usage(
        # Parts are never more than their whole, whatever a provider says.
        input_tokens=max(total, (read or 0) + (write or 0)),
        output_tokens=output or 0,
        cache_read_tokens=read or 0,
        cache_write_tokens=write or 0,
        cache_write_5m_tokens=_first(wire, _WRITE_5M),
        cache_write_1h_tokens=_first(wire, _WRITE_1H),
        reasoning_tokens=min(_first(wire, *_REASONING) or 0, output or 0),
        web_searches=_first(wire, _SEARCHES) or 0,
        service_tier=fields.told_text(wire.get("service_tier")),
    )


def write_usage(usage: Usage | None) -> Json:
    """Complete, as strict readers want it: the counts that everybody has are there even when nobody told them."""
    usage = usage or Usage()
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    wire: Json = {
        "input_tokens": max(0, usage.input_tokens - cached),
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.cache_write_5m_tokens is not None and usage.cache_write_1h_tokens is not None:
        wire["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.reasoning_tokens:
        wire["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.web_searches:
        wire["server_tool_use"] = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
    if usage.service_tier in SERVICE_TIERS:
        wire["service_tier"] = usage.service_tier
    return wire


def _writes(wire: Mapping[str, Any]) -> tuple[int | None, bool]:
    total, is_beside = _with_place(wire, _WRITE, _WRITE_INCLUDED)
    split = [count for count in (_first(wire, _WRITE_5M), _first(wire, _WRITE_1H)) if count is not None]
    if split and (total is None or is_beside):
        # A total that says less than its parts was left out, or is nought because it was.
        return max(total or 0, sum(split)), True
    return total, is_beside


def _with_place(wire: Mapping[str, Any], own: _Path, others: tuple[_Path, ...]) -> tuple[int | None, bool]:
    count = _first(wire, own)
    return (count, True) if count is not None else (_first(wire, *others), False)


def _first(wire: Mapping[str, Any], *paths: _Path) -> int | None:
    counts = (_count(wire, path) for path in paths)
    return next((count for count in counts if count is not None), None)


def _count(wire: Mapping[str, Any], path: _Path) -> int | None:
    found: object = wire
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    count = fields.told_integer(found)
    return count if count is not None and 0 <= count <= COUNT_MOST else None
