"""Which models an agent may use, and how hard."""

from typing import Annotated, Literal

import msgspec

from monoize.contract.policies.tightening import (
    ALLOWED_GLOBS,
    DENIED,
    INNER,
    LEAST,
    Policy,
    strictest,
)
from monoize.contract.policies.words import Count, Globs, Name, Names

Capability = Literal["tools", "vision", "cache"]
ToolLoop = Annotated[int, msgspec.Meta(ge=1, le=100)]

_EFFORT = strictest("high", "medium", "low")


class ModelPolicy(Policy, frozen=True, kw_only=True):
    """Blocked beats allowed; without a list of allowed models all of the catalogue are.

    `max_tool_loop` is how often a model may call tools and hear of them before its user speaks again.
    """

    default_model: Annotated[Name | None, INNER] = None
    allowed_models: Annotated[Globs | None, ALLOWED_GLOBS] = None
    blocked_models: Annotated[Globs, DENIED] = ()
    fallbacks: Annotated[Names, INNER] = ()
    max_tool_loop: Annotated[ToolLoop | None, LEAST] = None
    max_output_tokens: Annotated[Count | None, LEAST] = None
    max_input_tokens: Annotated[Count | None, LEAST] = None
    speed: Annotated[Literal["standard", "fast"], strictest("fast", "standard")] = "standard"
    inference_geo: Annotated[Literal["any", "us"], strictest("any", "us")] = "any"
    effort: Annotated[Literal["low", "medium", "high"], _EFFORT] = "high"
    require: Annotated[tuple[Capability, ...], DENIED] = ()
