"""Which models an agent may use, and how hard."""

from typing import Annotated, Literal

import msgspec

from monoize.contract.policies.tightening import (
    ALLOWED_GLOBS,
    DENIED,
    INNER,
    LEAST,
    PERMITS,
    Policy,
    strictest,
)
from monoize.contract.policies.words import Count, Globs, Name, Names

Tier = Literal["free", "nano", "mini", "standard", "pro", "opus", "max"]
Capability = Literal["tools", "vision", "cache"]
ToolLoop = Annotated[int, msgspec.Meta(ge=1, le=100)]

_BATCH = strictest("prefer", "allow", "never")
_EFFORT = strictest("high", "medium", "low")
_TIERS = strictest("max", "opus", "pro", "standard", "mini", "nano", "free")


class ModelPolicy(Policy, frozen=True, kw_only=True):
    """Blocked beats allowed; without a list of allowed models all of the catalogue are."""

    default_model: Annotated[Name | None, INNER] = None
    allowed_models: Annotated[Globs | None, ALLOWED_GLOBS] = None
    blocked_models: Annotated[Globs, DENIED] = ()
    fallbacks: Annotated[Names, INNER] = ()
    max_tier: Annotated[Tier, _TIERS] = "max"
    max_tool_loop: Annotated[ToolLoop, LEAST] = 10
    max_output_tokens: Annotated[Count | None, LEAST] = None
    max_input_tokens: Annotated[Count | None, LEAST] = None
    speed: Annotated[Literal["standard", "fast"], strictest("fast", "standard")] = "standard"
    inference_geo: Annotated[Literal["any", "us"], strictest("any", "us")] = "any"
    batch: Annotated[Literal["allow", "never", "prefer"], _BATCH] = "allow"
    effort: Annotated[Literal["low", "medium", "high"], _EFFORT] = "high"
    require: Annotated[tuple[Capability, ...], DENIED] = ()
    allow_user_override: Annotated[bool, PERMITS] = False
