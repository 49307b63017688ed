"""At which prices an agent is served: those of its `cost_policy_json` in place of the book's, and what is added."""

from typing import Final, NamedTuple

from monoize.base.cost.override import TokenPrices
from monoize.base.money import PICO_PER_NANO, nano_of_usd, round_half_up
from monoize.contract.policies.cost import CostPolicy
from monoize.contract.policies.effective import EffectivePolicy

_POLICY: Final = "cost_policy_json"


class Terms(NamedTuple):
    """`prices` None: the book's. What is in shadow charges nobody."""

    prices: TokenPrices | None
    markup_bp: int


def terms_of(policy: EffectivePolicy) -> Terms | None:
    """None: as anybody is."""
    document: CostPolicy | None = policy.in_force(_POLICY)
    if document is None or (document.rate_override is None and not document.markup_bp):
        return None
    rates = document.rate_override
    if rates is None:
        return Terms(None, document.markup_bp)
    input_pico, output_pico = _pico_of_mtok(rates.input_rate_per_mtok), _pico_of_mtok(rates.output_rate_per_mtok)
    return Terms(TokenPrices(policy.config_id, input_pico, output_pico), document.markup_bp)


def _pico_of_mtok(usd: str) -> int:
    """A USD for a million tokens is a million pico-USD for one."""
    return round_half_up(nano_of_usd(usd), PICO_PER_NANO)
