"""What the data plane reports upwards, as it lies in the spool.

Everything is keyed by the id of its request, so that reporting it again is harmless. Fields are added with defaults
and never change their meaning: what an older process spooled is read by a newer one.
"""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from monoize.base.cost.costing import Costing, Item
from monoize.base.cost.sheet import Rates
from monoize.base.cost.usage import Usage

_QUANTITY_OF: Final[Mapping[Item, str]] = {
    "input": "input_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "cache_read": "cache_read_tokens",
    "output": "output_tokens",
    "web_search": "web_searches",
    "code_execution": "code_seconds",
}
"""Which quantity of a usage a line of its breakdown is about."""

ToolChoice = Literal["auto", "any", "tool", "none"]


class RequestLog(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request as its user sees it later. None: not known."""

    model: str
    is_stream: bool = False
    status: Literal["success", "error"] = "success"
    provider_id: str | None = None
    channel_id: str | None = None
    upstream_model: str | None = None
    multiplier: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_creation_tokens: int | None = None
    reasoning_tokens: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    error_http_status: int | None = None
    duration_ms: int | None = None
    ttfb_ms: int | None = None
    request_ip: str | None = None
    request_kind: str | None = None
    tried_providers_json: str = "[]"


class ProviderCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of a provider, beside the breakdown of its cost: what stands there is not told again here.

    A request that took several calls has an event for each of them, of which only one carries the charge.
    """

    provider: str
    # As it was served, which may be another than was asked for.
    model: str
    tenant_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    tool_choice: ToolChoice | None = None
    reasoning_tokens: int = 0
    # None: as the line of the breakdown says; nothing, where there is no line.
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cache_read_tokens: int | None = None
    web_searches: int | None = None
    code_seconds: int | None = None
    # What savings by the cache are measured against, where the cache was used and no line tells the rate.
    input_rate_pico: int | None = None
    cache_read_rate_pico: int | None = None

    @classmethod
    def of(
        cls,
        usage: Usage,
        costing: Costing,
        rates: Rates,
        *,
        provider: str,
        model: str,
        tenant_id: str | None = None,
        session_id: str | None = None,
        agent_id: str | None = None,
        tool_choice: ToolChoice | None = None,
    ) -> "ProviderCall":
        """`rates` are those of the price sheet for this usage."""
        told = {line.item: line.quantity for line in costing.lines}
        untold: dict[str, int | None] = {
            name: quantity
            for item, name in _QUANTITY_OF.items()
            if (quantity := getattr(usage, name)) != told.get(item, 0)
        }
        if usage.cache_read_tokens or usage.cache_write_tokens:
            if "input" not in told:
                untold["input_rate_pico"] = rates.input_pico
            if "cache_read" not in told:
                untold["cache_read_rate_pico"] = rates.cache_read_pico
        return cls(
            provider=provider,
            model=model,
            tenant_id=tenant_id,
            session_id=session_id,
            agent_id=agent_id,
            tool_choice=tool_choice,
            reasoning_tokens=usage.reasoning_tokens,
            **untold,
        )


class Charged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request ended, and this is what its user owes for it."""

    id: str
    request_id: str
    user_id: str
    at_ms: int
    charge_nano: int
    api_key_id: str | None = None
    # What it takes from each budget that held money for it.
    budgets: dict[str, int] = {}
    # Upstream never said: the process died, or the usage was missing.
    is_estimated: bool = False
    cost_nano: int | None = None
    breakdown: msgspec.Raw = msgspec.Raw(b"{}")
    log: RequestLog | None = None
    call: ProviderCall | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Charged)


def encode(event: Charged) -> bytes:
    return _encoder.encode(event)


def decode(content: bytes) -> Charged:
    """ValueError (msgspec's own kind) when it is not what we wrote."""
    return _decoder.decode(content)
