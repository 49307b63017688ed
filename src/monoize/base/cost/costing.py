"""What one provider request costs, line by line: `cost_of`. It decides nothing but quantities × rates.

Each line is rounded once, half up; the total is the sum of the lines. A quantity whose rate is unknown leaves its
line and the total at None.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from monoize.base.cost.price import NO_MULTIPLIER_BP, Kind
from monoize.base.cost.sheet import CostBook, CostWarning, Flag, PriceSheet, Rates
from monoize.base.cost.usage import Usage
from monoize.base.money import PICO_PER_NANO, round_half_up

Item = Literal[
    "input",
    "cache_write_5m",
    "cache_write_1h",
    "cache_read",
    "output",
    "web_search",
    "code_execution",
    "neurons",
    "unit",
]
Unit = Literal["token", "search", "second", "nano_neuron", "unit"]

CODE_EXECUTION_PICO_PER_HOUR: Final = 50_000_000_000
CODE_SECONDS_LEAST: Final = 300
CODE_SECONDS_FREE_PER_MONTH: Final = 1_550 * 3_600
NANO_NEURONS_PER_NEURON: Final = 10**9
NANO_NEURONS_PER_MILLI: Final = 10**6
NANO_NEURONS_FREE_PER_DAY: Final = 10_000 * NANO_NEURONS_PER_NEURON


_ASSUMED: Final[CostWarning] = "ttl_split_assumed"


class Measure(NamedTuple):
    """How an item is counted, and how many of these the rate is for."""

    unit: Unit
    per: int


MEASURES: Final[Mapping[Item, Measure]] = {
    "input": Measure("token", 1),
    "cache_write_5m": Measure("token", 1),
    "cache_write_1h": Measure("token", 1),
    "cache_read": Measure("token", 1),
    "output": Measure("token", 1),
    "web_search": Measure("search", 1),
    "code_execution": Measure("second", 3_600),
    # Tokens × milli-neurons per million tokens is a whole number of nano-neurons, so that nothing is rounded twice.
    "neurons": Measure("nano_neuron", NANO_NEURONS_PER_NEURON),
    "unit": Measure("unit", 1),
}


class Pools(msgspec.Struct, frozen=True):
    """What is free of charge: of neurons for the account and UTC day, of code execution for its UTC month."""

    nano_neurons: int = 0
    code_seconds: int = 0

    def __post_init__(self) -> None:
        if self.nano_neurons < 0 or self.code_seconds < 0:
            raise ValueError("a pool holds nothing or something")

    def less(self, taken: "Pools") -> "Pools":
        """What is left for the next request, in the order in which requests happened."""
        return Pools(self.nano_neurons - taken.nano_neurons, self.code_seconds - taken.code_seconds)


EMPTY_POOLS: Final = Pools()


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """(quantity - free) × rate × multipliers. A `rate_pico` of None is unknown, and then so is `nano`."""

    item: Item
    quantity: int
    rate_pico: int | None
    nano: int | None
    multipliers_bp: tuple[int, ...] = ()
    free: int = 0

    @property
    def unit(self) -> Unit:
        return MEASURES[self.item].unit


class Costing(msgspec.Struct, frozen=True):
    """The cost of one request and how it came about. `total_nano` is None while a rate that it needs is unknown."""

    lines: tuple[Line, ...]
    total_nano: int | None
    book: CostBook
    kind: Kind | None
    price_id: str | None
    flags: frozenset[Flag] = frozenset()
    warnings: tuple[CostWarning, ...] = ()
    free: Pools = EMPTY_POOLS

    @property
    def neurons(self) -> Line | None:
        """Where they were sold instead of tokens: they stand first."""
        return self.lines[0] if self.lines and self.lines[0].item == "neurons" else None


def cost_of(usage: Usage, sheet: PriceSheet, pools: Pools = EMPTY_POOLS) -> Costing:
    """`pools` is what is still free before this request; `pools.less(costing.free)` is what is after it."""
    rates = sheet.rates_for(usage)
    if is_of_tokens(usage, rates, sheet.book):
        return cost_by_tokens(usage, rates, sheet.book)
    warnings = (*rates.warnings, _ASSUMED) if usage.ttl_split_assumed else rates.warnings
    if sheet.book == "subscription":
        return Costing((), 0, sheet.book, None, None, rates.flags, warnings)
    kind, price_id = rates.kind, rates.price_id
    lines = _neuron_lines(usage, rates, pools) if rates.in_neurons else _token_lines(usage, rates)
    if usage.web_searches:
        lines.append(line_of("web_search", usage.web_searches, rates.web_search_pico))
    if usage.code_seconds and not usage.code_is_free:
        lines.append(_code_line(usage, pools))
    if usage.units:
        sold = sheet.units.get(usage.variant)
        lines.append(line_of("unit", usage.units, sold.unit_pico if sold else None))
        if sold and not usage.total_input_tokens and not usage.output_tokens:
            kind, price_id = sold.kind, sold.price_id
    total_nano = total_of(lines)
    book = "unpriced" if total_nano is None else sheet.book
    free = EMPTY_POOLS if pools is EMPTY_POOLS else taken_by(lines)
    return Costing(tuple(lines), total_nano, book, kind, price_id, rates.flags, warnings, free)


def is_of_tokens(usage: Usage, rates: Rates, book: CostBook) -> bool:
    """Whether `cost_by_tokens` says all of its cost."""
    return not (
        usage.web_searches or usage.code_seconds or usage.units or rates.in_neurons or book == "subscription"
    )


def cost_by_tokens(usage: Usage, rates: Rates, book: CostBook) -> Costing:
    lines = tuple(_token_lines(usage, rates))
    total_nano = total_of(lines)
    warnings = (*rates.warnings, _ASSUMED) if usage.ttl_split_assumed else rates.warnings
    book = "unpriced" if total_nano is None else book
    return Costing(lines, total_nano, book, rates.kind, rates.price_id, rates.flags, warnings)


def line_of(
    item: Item, quantity: int, rate_pico: int | None, multipliers_bp: tuple[int, ...] = (), free: int = 0
) -> Line:
    if rate_pico is None:
        return Line(item, quantity, None, None, multipliers_bp, free)
    numerator, denominator = (quantity - free) * rate_pico, MEASURES[item].per * PICO_PER_NANO
    for basis_points in multipliers_bp:
        numerator *= basis_points
        denominator *= NO_MULTIPLIER_BP
    return Line(item, quantity, rate_pico, round_half_up(numerator, denominator), multipliers_bp, free)


def total_of(lines: Iterable[Line]) -> int | None:
    """Quantities and rates are bounded, so that no total can leave the 128-bit range of money."""
    total_nano = 0
    for line in lines:
        if line.nano is None:
            return None
        total_nano += line.nano
    return total_nano


def taken_by(lines: Iterable[Line]) -> Pools:
    free = {line.item: line.free for line in lines if line.free}
    return Pools(free.get("neurons", 0), free.get("code_execution", 0))


def nano_neurons_of(input_tokens: int, output_tokens: int, rates: Rates) -> int | None:
    """Whole, without rounding; None while a rate that is needed is unknown."""
    total = 0
    for tokens, milli_neurons_per_mtok in (
        (input_tokens, rates.input_milli_neurons_per_mtok),
        (output_tokens, rates.output_milli_neurons_per_mtok),
    ):
        if tokens:
            if milli_neurons_per_mtok is None:
                return None
            total += tokens * milli_neurons_per_mtok
    return total


def code_seconds_billed(seconds: int) -> int:
    return max(CODE_SECONDS_LEAST, seconds) if seconds else 0


def _token_lines(usage: Usage, rates: Rates) -> list[Line]:
    quantities: tuple[tuple[Item, int, int | None], ...] = (
        ("input", usage.input_tokens, rates.input_pico),
        ("cache_write_5m", usage.cache_write_5m_tokens, rates.cache_write_5m_pico),
        ("cache_write_1h", usage.cache_write_1h_tokens, rates.cache_write_1h_pico),
        ("cache_read", usage.cache_read_tokens, rates.cache_read_pico),
        ("output", usage.output_tokens, rates.output_pico),
    )
    multiplier, divisor, multipliers_bp = rates.multiplier, rates.divisor, rates.multipliers_bp
    lines = []
    for item, quantity, rate_pico in quantities:
        if quantity:
            nano = None if rate_pico is None else round_half_up(quantity * rate_pico * multiplier, divisor)
            lines.append(Line(item, quantity, rate_pico, nano, multipliers_bp))
    return lines


def _neuron_lines(usage: Usage, rates: Rates, pools: Pools) -> list[Line]:
    if usage.milli_neurons is None:
        nano_neurons = nano_neurons_of(usage.total_input_tokens, usage.output_tokens, rates)
    else:
        nano_neurons = usage.milli_neurons * NANO_NEURONS_PER_MILLI
    if nano_neurons is None:
        return _uncounted_lines(usage, rates)
    if not nano_neurons:
        return []
    return [line_of("neurons", nano_neurons, rates.neuron_pico, free=min(nano_neurons, pools.nano_neurons))]


def _uncounted_lines(usage: Usage, rates: Rates) -> list[Line]:
    """The tokens of which nobody knows how many neurons they are."""
    lines = []
    if usage.total_input_tokens and rates.input_milli_neurons_per_mtok is None:
        lines.append(line_of("input", usage.total_input_tokens, None))
    if usage.output_tokens and rates.output_milli_neurons_per_mtok is None:
        lines.append(line_of("output", usage.output_tokens, None))
    return lines


def _code_line(usage: Usage, pools: Pools) -> Line:
    seconds = code_seconds_billed(usage.code_seconds)
    return line_of("code_execution", seconds, CODE_EXECUTION_PICO_PER_HOUR, free=min(seconds, pools.code_seconds))
