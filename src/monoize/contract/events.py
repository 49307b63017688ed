"""What the data plane reports upwards, as it lies in the spool.

Everything is keyed by the id of its request, so that reporting it again is harmless. Fields are added with defaults
and never change their meaning: what an older process spooled is read by a newer one.
"""

from typing import Final, Literal

import msgspec

from monoize.base.cost.costing import Line
from monoize.base.cost.sheet import CostBook, Rates
from monoize.base.cost.usage import Usage

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
    # None: its key does not want answers to be given once more.
    cache_hit: bool | None = None


class ProviderCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of a provider: whose, what it used, and at which rates.

    A request that took several calls has an event for each of them, of which only one carries the charge.
    """

    provider: str
    # As it was served, which may be another than was asked for.
    model: str
    usage: Usage
    rates: Rates
    book: CostBook
    # Where neurons were sold instead of tokens.
    neurons: Line | None = None
    estimate_nano: int | None = None
    tenant_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    tool_choice: ToolChoice | None = None


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
