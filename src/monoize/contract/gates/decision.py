"""What a gate said of a request, as it is kept: by which rule, with which numbers, and what would be allowed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

Gate = Literal[
    "kill_switch",
    "status",
    "tenant",
    "auth",
    "roles",
    "rate",
    "model",
    "cost",
    "budget",
    "limits",
    "tools",
    "content",
]
Verdict = Literal["allow", "deny", "would_deny"]
"""`would_deny` is a denial by a policy in shadow: the request goes on."""

DECISIONS_MOST: Final = 64


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`rule_id` points at what decided: `POLICY/field` of a record, one of its own fields, or what else there is.

    `numbers` are what was compared, money in nano-USD and times in seconds. An `allow` with a code has let pass
    what is worth to be noticed.
    """

    gate: Gate
    rule_id: str
    verdict: Verdict = "allow"
    code: str | None = None
    numbers: Mapping[str, int] = {}
    allowed: tuple[str, ...] = ()


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(tuple[Decision, ...])


def denial(decisions: Iterable[Decision]) -> Decision | None:
    """The first, which answers."""
    for each in decisions:
        if each.verdict == "deny":
            return each
    return None


def written(decisions: Sequence[Decision]) -> str | None:
    """As JSON text; None where nothing governs."""
    return _encoder.encode(decisions[:DECISIONS_MOST]).decode() if decisions else None


def read(text: str | None) -> tuple[Decision, ...]:
    """What cannot be read says nothing."""
    try:
        return _decoder.decode(text) if text else ()
    except (msgspec.DecodeError, ValueError):
        return ()
