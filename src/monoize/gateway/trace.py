"""Where a request belongs in what its caller traces: W3C trace context, read and passed on. Pure, but for chance.

What cannot be read is left alone, as if nobody had sent it: a trace is no reason to refuse a request.
"""

import random
import re
from typing import Final, NamedTuple

STATE_CHARS_MOST: Final = 512

_PARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_STATE: Final = re.compile(r"[\x20-\x7e]+")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16
_SAMPLED: Final = 1


class Trace(NamedTuple):
    """One span, which is this request. `parent_id` is None where it begins a trace of its own."""

    trace_id: str
    span_id: str
    parent_id: str | None = None
    is_sampled: bool = True
    state: str | None = None

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """By which whoever is asked next goes on with it."""
        parent = f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"
        found = [(b"traceparent", parent.encode())]
        return [*found, (b"tracestate", self.state.encode())] if self.state else found


def trace_of(parent: str | None, state: str | None = None) -> Trace:
    """Goes on with what a caller sent, or begins anew."""
    found = _PARENT.fullmatch(parent.strip()) if parent else None
    if found is None or not _is_valid(found):
        chance = _chance(48)
        return Trace(chance[:32], chance[32:])
    is_kept = state is not None and len(state) <= STATE_CHARS_MOST and _STATE.fullmatch(state) is not None
    return Trace(
        found[2],
        _chance(16),
        parent_id=found[3],
        is_sampled=bool(int(found[4], 16) & _SAMPLED),
        state=state if is_kept else None,
    )


def _is_valid(found: re.Match[str]) -> bool:
    """Later versions may say more behind; the one that is known may not."""
    version, trace_id, parent_id, _, more = found.groups()
    return version != "ff" and trace_id != _NO_TRACE and parent_id != _NO_SPAN and not (version == "00" and more)


def _chance(digits: int) -> str:
    """So many, an even number, in hexadecimal; no secret.

    Not from the system: asking it hands the interpreter to another thread.
    """
    return random.getrandbits(4 * digits).to_bytes(digits // 2).hex()
