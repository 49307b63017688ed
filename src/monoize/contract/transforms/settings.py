"""Transforms of what surrounds a conversation: limits, fields of one protocol, and the way in which it is told."""

from typing import Annotated, Any

import msgspec

from monoize.contract.transforms.rule import BOTH, REQUEST, RESPONSE, Config, shape

Path = Annotated[str, shape(r"[A-Za-z0-9_-]{1,32}(\.[A-Za-z0-9_-]{1,32}){0,7}")]


class OverrideMaxTokens(Config, frozen=True, kw_only=True):
    """So many tokens may be written, whatever was asked for."""

    phases = REQUEST
    reach = "no_key"
    value: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class SetField(Config, frozen=True, kw_only=True):
    """A member of the body that is sent, or of the answer and of each event of its stream, has this value. What the
    gateway itself understands cannot be set.
    """

    phases = BOTH
    reach = "no_key"
    path: Path
    value: Any


class RemoveField(Config, frozen=True, kw_only=True):
    """A member of the body that is sent, or of the answer and of each event of its stream, is left out. What the
    gateway itself understands cannot be removed.
    """

    phases = BOTH
    reach = "no_key"
    path: Path


class ForceStream(Config, frozen=True, kw_only=True):
    """The provider is always asked for a stream, or never. The caller gets what was asked for either way."""

    phases = REQUEST
    reach = "no_key"
    enabled: bool = True


class SplitSseFrames(Config, frozen=True, kw_only=True):
    """What a stream says piece by piece is told in events of no more than so many bytes. What repeats all of it at
    its end stays whole.
    """

    phases = RESPONSE
    max_frame_length: Annotated[int, msgspec.Meta(ge=4_096, le=16 * 2**20)] = 131_072
