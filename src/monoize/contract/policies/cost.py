"""What a call, a run and a session may cost, and at which prices."""

from typing import Annotated

import msgspec

from monoize.contract.policies.tightening import LEAST, LEAST_USD, MOST, OUTER, PERMITS, Policy
from monoize.contract.policies.words import Count, Percent, Usd

CapUsd = Annotated[Usd | None, LEAST_USD]


class RateOverride(Policy, frozen=True, kw_only=True):
    """Prices of administrators in place of the price book's; rows priced like this are marked so.

    A cached token costs the same part of an uncached one as in the book.
    """

    input_rate_per_mtok: Annotated[Usd, OUTER]
    output_rate_per_mtok: Annotated[Usd, OUTER]


class CostPolicy(Policy, frozen=True, kw_only=True):
    """Ceilings for each call, run and session; a call that may cost more is refused before it is sent."""

    max_cost_per_call_usd: CapUsd = None
    max_cost_per_run_usd: CapUsd = None
    max_cost_per_session_usd: CapUsd = None
    allow_fast: Annotated[bool, PERMITS] = False
    allow_long_context: Annotated[bool, PERMITS] = False
    max_web_searches_per_call: Annotated[Count | None, LEAST] = None
    handoff_at_pct: Annotated[Percent, LEAST] = 80
    compact_at_context_pct: Annotated[Percent, LEAST] = 75
    markup_bp: Annotated[Annotated[int, msgspec.Meta(ge=0, le=100_000)], MOST] = 0
    rate_override: Annotated[RateOverride | None, OUTER] = None
