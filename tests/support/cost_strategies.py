"""Any usage, any price sheet and any request before it is sent, for properties that hold for all of them."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from monoize.base.cost.bound import Allowance
from monoize.base.cost.costing import Pools
from monoize.base.cost.price import Kind, Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.cost.usage import Usage

# A busy machine is not a failure.
at_leisure = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TOKENS_MOST = 3_000
VARIANTS = ("", "high")

# Rates down to single pico-USD, where every rounding shows, and up to dear ones.
rates = st.integers(0, 2_000) | st.integers(0, 10**8)
unknown_or_rates = st.none() | rates
tokens = st.integers(0, TOKENS_MOST)
few = st.integers(0, 5)
pools = st.builds(Pools, nano_neurons=st.integers(0, 10**12), code_seconds=st.integers(0, 1_000))


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    fast = draw(st.booleans())
    return Usage(
        input_tokens=draw(tokens),
        output_tokens=draw(tokens),
        cache_write_5m_tokens=draw(tokens),
        cache_write_1h_tokens=draw(tokens),
        cache_read_tokens=draw(tokens),
        web_searches=draw(few),
        code_seconds=draw(st.integers(0, 1_000)),
        code_is_free=draw(st.booleans()),
        milli_neurons=draw(st.none() | st.integers(0, 10**6)),
        units=draw(few),
        variant=draw(st.sampled_from(VARIANTS)),
        batch=not fast and draw(st.booleans()),
        us_only=draw(st.booleans()),
        fast=fast,
        ttl_split_assumed=draw(st.booleans()),
    )


def prices(kind: Kind, variant: str, rate: st.SearchStrategy[int | None]) -> st.SearchStrategy[Price]:
    return st.builds(
        Price,
        id=st.just(f"{kind}/{variant}"),
        provider=st.just("somebody"),
        model_key=st.just("a-model"),
        kind=st.just(kind),
        variant=st.just(variant),
        input_pico=rate,
        output_pico=rate,
        cache_write_5m_pico=rate,
        cache_write_1h_pico=rate,
        cache_read_pico=rate,
        web_search_pico=rate,
        unit_pico=rate,
        neuron_pico=st.none() | st.none() | rate,
        input_milli_neurons_per_mtok=rate,
        output_milli_neurons_per_mtok=rate,
        threshold_tokens=tokens,
        geo_multiplier_bp=st.sampled_from([10_000, 11_000, 12_345]),
    )


@st.composite
def sheets(draw: st.DrawFn, rate: st.SearchStrategy[int | None] = unknown_or_rates) -> PriceSheet:
    kinds: tuple[Kind, ...] = ("standard", "long_context", "fast", "fast_long_context", "batch", "image")
    keys = draw(st.sets(st.sampled_from([(kind, variant) for kind in kinds for variant in VARIANTS])))
    # Most models have a standard price, and without one hardly anything else is ever known.
    if draw(st.integers(0, 3)):
        keys.add(("standard", ""))
    return PriceSheet.of(draw(prices(kind, variant, rate)) for kind, variant in sorted(keys))


@st.composite
def allowances(draw: st.DrawFn) -> Allowance:
    fast = draw(st.booleans())
    return Allowance(
        input_tokens=draw(tokens),
        output_tokens=draw(tokens),
        writes_cache_5m=draw(st.booleans()),
        writes_cache_1h=draw(st.booleans()),
        web_searches=draw(few),
        code_seconds=draw(st.integers(0, 1_000)),
        units=draw(few),
        variant=draw(st.sampled_from(VARIANTS)),
        batch=not fast and draw(st.booleans()),
        us_only=draw(st.booleans()),
        fast=fast,
    )


@st.composite
def usages_within(draw: st.DrawFn, allowance: Allowance) -> Usage:
    """At most what was allowed, in any division of the prompt between full price and cache."""
    left = draw(st.integers(0, allowance.input_tokens))
    read = draw(st.integers(0, left))
    write_5m = draw(st.integers(0, left - read)) if allowance.writes_cache_5m else 0
    write_1h = draw(st.integers(0, left - read - write_5m)) if allowance.writes_cache_1h else 0
    return Usage(
        input_tokens=left - read - write_5m - write_1h,
        output_tokens=draw(st.integers(0, allowance.output_tokens)),
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        cache_read_tokens=read,
        web_searches=draw(st.integers(0, allowance.web_searches)),
        code_seconds=draw(st.integers(0, allowance.code_seconds)),
        code_is_free=draw(st.booleans()),
        units=draw(st.integers(0, allowance.units)),
        variant=allowance.variant,
        batch=allowance.batch,
        us_only=allowance.us_only and draw(st.booleans()),
        fast=allowance.fast and draw(st.booleans()),
    )
