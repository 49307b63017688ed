"""What the data plane reports upwards, as it lies in the spool.

Everything is keyed by the id of its request, so that reporting it again is harmless. Fields are added with defaults
and never change their meaning: what an older process spooled is read by a newer one.
"""

from typing import Final, Literal

import msgspec

from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import Line, cost_by_tokens
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
    # None: no agent's record governs it.
    agent_record_id: str | None = None
    # What the gates said of it: `contract/gates/decision`.
    decisions_json: str | None = None


class ProviderCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """The call of a provider that a request came to: whose, what it used, and at which rates."""

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
    # Of W3C: where it belongs in what its caller traces.
    trace_id: str | None = None
    span_id: str | None = None
    # Where its caller asked for a part of the prompt to be kept; None: its protocol has no words for that.
    cache_breakpoints: int | None = None
    # A rule of ours asked for that, and its caller did not.
    is_cached_by_rule: bool = False
    # Nobody answered, so that it used nothing.
    is_failure: bool = False
    # By which version of which record it was governed; None: by none.
    config_id: str | None = None
    config_version: int | None = None
    role_name: str | None = None
    agent_email: str | None = None
    # The machine of the agent that asked.
    machine_id: str | None = None
    # What its tools take of the prompt, by our own count; None: it was not counted.
    tool_tokens: int | None = None


class FailedCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call of a provider that came to nothing, after which another one was made. It used and cost nothing."""

    provider: str
    model: str
    at_ms: int
    duration_ms: int
    provider_id: str | None = None
    channel_id: str | None = None
    status: int | None = None
    code: str | None = None


FOLLOWING: Final = msgspec.Raw(b"{}")
"""A breakdown that follows from the call: written down by nobody, and found out by `decode`."""


class Charged(msgspec.Struct, frozen=True, omit_defaults=True):
    """A request ended, and this is what its user owes for it."""

    id: str
    request_id: str
    user_id: str
    at_ms: int
    charge_nano: int
    api_key_id: str | None = None
    # The agent whose request it was; where there is a call, that says it.
    agent_id: str | None = None
    # What it takes from each budget that held money for it.
    budgets: dict[str, int] = {}
    # Upstream never said: the process died, or the usage was missing.
    is_estimated: bool = False
    cost_nano: int | None = None
    breakdown: msgspec.Raw = FOLLOWING
    log: RequestLog | None = None
    call: ProviderCall | None = None
    # Before `call`, in their order.
    failed_calls: tuple[FailedCall, ...] = ()


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Charged)


def encode(event: Charged) -> bytes:
    return _encoder.encode(event)


def decode(content: bytes) -> Charged:
    """ValueError (msgspec's own kind) when it is not what we wrote."""
    event = _decoder.decode(content)
    call = event.call
    if call is None or bytes(event.breakdown) != bytes(FOLLOWING):
        return event
    costing = cost_by_tokens(call.usage, call.rates, call.book)
    return msgspec.structs.replace(event, breakdown=msgspec.Raw(Breakdown(costing, event.at_ms).encoded()))
