"""What is done with personal data, and where it is looked for."""

from typing import Annotated, Literal

import msgspec

from monoize.base.personal_data.finding import Kind
from monoize.base.personal_data.treatments import Treatment
from monoize.contract.policies.tightening import (
    ALLOWED,
    DENIED,
    EACH_NAME,
    LEAST,
    PERMITS,
    Policy,
    strictest,
)
from monoize.contract.policies.words import Digest

Stage = Literal["input", "tool_args", "tool_result", "output", "log"]

_TREATMENT = strictest("allow", "tokenize", "mask", "redact", "block")


class PiiPolicy(Policy, frozen=True, kw_only=True):
    """Logs are redacted whatever this says. `allow_values` are SHA-256 of values that are no secret."""

    scan: Annotated[tuple[Stage, ...], DENIED] = ()
    types: Annotated[dict[Kind, Annotated[Treatment, _TREATMENT]], EACH_NAME] = {}
    default: Annotated[Treatment, _TREATMENT] = "redact"
    min_confidence: Annotated[Annotated[float, msgspec.Meta(ge=0, le=1)], LEAST] = 0.5
    allow_values: Annotated[tuple[Digest, ...], ALLOWED] = ()
    store_raw: Annotated[bool, PERMITS] = False
    on_error: Annotated[Literal["closed", "open"], strictest("open", "closed")] = "closed"
