"""Channels at the prices of an agent: what they charge, hold and are capped by follows from these. Pure."""

from collections.abc import Sequence

import msgspec

from monoize.base.cost.override import overridden
from monoize.contract.gates.prices import Terms, terms_of
from monoize.contract.policies.effective import EffectivePolicy
from monoize.gateway.selection import Attempt, bound_by_tokens


def at_prices(policy: EffectivePolicy, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    terms = terms_of(policy)
    if terms is None:
        return attempts
    return [_at_terms(each, terms) for each in attempts]


def _at_terms(attempt: Attempt, terms: Terms) -> Attempt:
    if terms.prices is None:
        return msgspec.structs.replace(attempt, markup_bp=terms.markup_bp)
    sheet = overridden(attempt.sheet, terms.prices)
    bound = bound_by_tokens(attempt.type, sheet)
    return msgspec.structs.replace(attempt, sheet=sheet, per_token=bound, markup_bp=terms.markup_bp)
