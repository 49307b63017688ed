"""Requests that have begun and not ended, as those who watch them are told."""

import msgspec


class UnderWay(msgspec.Struct, frozen=True, kw_only=True):
    request_id: str
    user_id: str
    api_key_id: str
    # As it was asked for.
    model: str
    request_kind: str
    is_stream: bool
    request_ip: str | None
    created_at_unix_ms: int
