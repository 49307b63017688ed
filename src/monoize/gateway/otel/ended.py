"""A request that is over, as much of it as is told to a collector: never a prompt or an answer. Pure.

People and tenants are told by a digest of their id: enough to tell them apart, and no more.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from monoize.base.ids import fingerprint
from monoize.contract.events import Charged, ProviderCall
from monoize.gateway.otel import names
from monoize.gateway.protocol.urp import Protocol
from monoize.gateway.trace import Trace

Attributes = Mapping[str, str | int | float | bool]
_DIGEST_CHARS: Final = 16
_FAILED_FROM: Final = 400
_NANO_PER_MILLI: Final = 1_000_000


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """`model` as it was asked for. `charged` is None where no channel was asked."""

    trace: Trace
    protocol: Protocol
    request_id: str
    model: str
    is_stream: bool
    user_id: str
    tenant_id: str
    agent_id: str | None
    at_ms: int
    duration_s: float
    first_byte_s: float | None
    status: int
    charged: Charged | None
    # What an agent's record says may be counted only.
    has_span: bool = True

    @property
    def operation(self) -> str:
        return names.OPERATIONS[self.protocol]

    @property
    def name(self) -> str:
        return f"{self.operation} {self.model}"

    @property
    def start_ns(self) -> int:
        return self.at_ms * _NANO_PER_MILLI

    @property
    def end_ns(self) -> int:
        return self.start_ns + int(self.duration_s * 1e9)

    @property
    def error(self) -> str | None:
        """None where it went well."""
        log = self.charged.log if self.charged else None
        if log is not None and log.status == "error":
            return log.error_code or str(log.error_http_status or self.status)
        return str(self.status) if self.status >= _FAILED_FROM else None


def span_attributes(ended: Ended) -> Attributes:
    found: dict[str, str | int | float | bool | None] = {
        names.OPERATION: ended.operation,
        names.REQUEST_MODEL: ended.model,
        names.REQUEST_STREAM: ended.is_stream,
        names.STATUS: ended.status,
        names.ERROR: ended.error,
        names.FIRST_CHUNK: ended.first_byte_s,
        names.AGENT: ended.agent_id,
        names.USER: _digest(ended.user_id),
        names.TENANT: _digest(ended.tenant_id),
        names.REQUEST: ended.request_id,
    }
    if ended.charged is not None:
        found |= {names.CHARGE: ended.charged.charge_nano, names.COST: ended.charged.cost_nano}
        found |= {names.ESTIMATED: ended.charged.is_estimated or None}
        if ended.charged.call is not None:
            found |= _of_call(ended.charged.call)
    return {name: value for name, value in found.items() if value is not None}


def metric_attributes(ended: Ended) -> Attributes:
    """Few values each: a model is named only if a channel was asked for it, which are known."""
    call = ended.charged.call if ended.charged else None
    found = {names.OPERATION: ended.operation}
    if call is not None:
        found |= {
            names.PROVIDER: _provider(call),
            names.REQUEST_MODEL: ended.model,
            names.RESPONSE_MODEL: call.model,
        }
    return found


def _of_call(call: ProviderCall) -> dict[str, str | int | float | bool | None]:
    usage = call.usage
    return {
        names.PROVIDER: _provider(call),
        names.RESPONSE_MODEL: call.model,
        names.CONVERSATION: call.session_id,
        names.AGENT_VERSION: None if call.config_version is None else str(call.config_version),
        names.INPUT_TOKENS: usage.total_input_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.REASONING_TOKENS: usage.reasoning_tokens,
        names.CACHE_READ_TOKENS: usage.cache_read_tokens,
        names.CACHE_CREATION_TOKENS: usage.cache_write_tokens,
        names.UNCACHED_TOKENS: usage.input_tokens,
        names.WEB_SEARCHES: usage.web_searches or None,
        names.PRICING_SOURCE: call.book,
        names.TOOL_CHOICE: call.tool_choice,
        names.BATCH: usage.batch or None,
        names.FAST: usage.fast or None,
        names.US_ONLY: usage.us_only or None,
        names.LONG_CONTEXT: "long_context" in call.rates.flags or None,
    }


def _provider(call: ProviderCall) -> str:
    return names.PROVIDERS.get(call.provider, call.provider)


def _digest(id: str) -> str:
    return fingerprint(id)[:_DIGEST_CHARS]
