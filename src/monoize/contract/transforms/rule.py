"""A rule: a transform with its configuration, and the models for which it holds."""

from collections.abc import Sequence
from typing import ClassVar, Final, Literal

import msgspec

Phase = Literal["request", "response"]
Reach = Literal["every_key", "admin_keys", "no_key"]
"""On whose API keys a transform may be put. On providers and on everything, administrators may put any."""

REQUEST: Final[Sequence[Phase]] = ("request",)
RESPONSE: Final[Sequence[Phase]] = ("response",)
BOTH: Final[Sequence[Phase]] = ("request", "response")


def shape(pattern: str) -> msgspec.Meta:
    """All of a text is like this; a `$` alone would let a line break at its end go by."""
    return msgspec.Meta(pattern=rf"^(?:{pattern})$(?!\n)")


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a transform is told. Its docstring says what it does, and its name is that of the class."""

    phases: ClassVar[Sequence[Phase]]
    reach: ClassVar[Reach] = "every_key"


class Rule(msgspec.Struct, frozen=True):
    config: Config
    phase: Phase
    # Globs of the name that was asked for; empty: all of them.
    models: tuple[str, ...] = ()
