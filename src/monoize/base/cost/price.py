"""One price row of the price book, as far as it decides a cost. A row that cannot be one raises ValueError."""

import dataclasses
from typing import Final, Literal

Kind = Literal["standard", "long_context", "fast", "fast_long_context", "batch", "embedding", "image"]
Book = Literal["list", "contract", "byok", "override", "estimate"]

BOOKS_BY_PRECEDENCE: Final[tuple[Book, ...]] = ("override", "contract", "list", "estimate")
"""Which book counts where several know a model. `byok` is not among them: somebody else pays those bills."""

RATE_MOST: Final = 2**63 - 1
NO_MULTIPLIER_BP: Final = 10_000
GEO_MULTIPLIER_BP_MOST: Final = 2**31 - 1
_LONG: Final = ("long_context", "fast_long_context")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Named as the columns of `model_prices`. A rate that is None is unknown; a rate of 0 is free of charge."""

    id: str
    provider: str
    model_key: str
    kind: Kind = "standard"
    variant: str = ""
    pricing_source: Book = "list"
    currency: str = "USD"
    input_pico: int | None = None
    output_pico: int | None = None
    cache_write_5m_pico: int | None = None
    cache_write_1h_pico: int | None = None
    cache_read_pico: int | None = None
    web_search_pico: int | None = None
    neuron_pico: int | None = None
    unit_pico: int | None = None
    input_milli_neurons_per_mtok: int | None = None
    output_milli_neurons_per_mtok: int | None = None
    threshold_tokens: int | None = None
    geo_multiplier_bp: int = NO_MULTIPLIER_BP
    effective_from: int = 0
    effective_to: int | None = None
    revision: int = 0

    def __post_init__(self) -> None:
        if self.currency != "USD":
            raise ValueError("a price in another currency than USD cannot be added up in nano-USD")
        for name in _RATES:
            rate = getattr(self, name)
            if rate is not None and (type(rate) is not int or not 0 <= rate <= RATE_MOST):
                raise ValueError(f"{name} is a whole number from 0 up to 64 bits, or unknown")
        if not 0 < self.geo_multiplier_bp <= GEO_MULTIPLIER_BP_MOST:
            raise ValueError("geo_multiplier_bp is a positive number of 32 bits")
        if self.kind in _LONG and self.threshold_tokens is None:
            raise ValueError("a price for long contexts says from which threshold it applies")
        if self.effective_to is not None and self.effective_to <= self.effective_from:
            raise ValueError("a price ends after it begins")

    def holds_at(self, moment_s: int) -> bool:
        """From the first second up to, not including, the last."""
        return self.effective_from <= moment_s and (self.effective_to is None or moment_s < self.effective_to)


_RATES: Final = (
    "input_pico",
    "output_pico",
    "cache_write_5m_pico",
    "cache_write_1h_pico",
    "cache_read_pico",
    "web_search_pico",
    "neuron_pico",
    "unit_pico",
    "input_milli_neurons_per_mtok",
    "output_milli_neurons_per_mtok",
    "threshold_tokens",
)
