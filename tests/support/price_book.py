"""List prices of real models, as price sheets: USD for a million tokens, as the providers print them."""

from typing import Any

from monoize.base.cost.price import Price
from monoize.base.cost.sheet import PriceSheet
from monoize.base.money import nano_of_usd

US_ONLY_BP = 11_000
SEARCH_PICO = 10_000_000_000


def pico(usd_per_million: str) -> int:
    nano, rest = divmod(nano_of_usd(usd_per_million), 1_000)
    assert rest == 0
    return nano


def price(model_key: str, *rates: str, **fields: Any) -> Price:
    """`rates` are input, output, cache write 5m, cache write 1h and cache read, as far as they are known."""
    names = ("input_pico", "output_pico", "cache_write_5m_pico", "cache_write_1h_pico", "cache_read_pico")
    known = dict(zip(names, map(pico, rates), strict=False))
    kind = fields.get("kind", "standard")
    return Price(**{"id": f"{model_key}/{kind}", "provider": "somebody", "model_key": model_key, **known, **fields})


def cached_price(model_key: str, input_usd: str, output_usd: str, cached_usd: str) -> Price:
    """As of providers that cache by themselves: nothing for the write, less for the read."""
    return price(model_key, input_usd, output_usd, cache_read_pico=pico(cached_usd))


def haiku(**fields: Any) -> Price:
    return price("claude-haiku-4-5", "1", "5", "1.25", "2", "0.10", web_search_pico=SEARCH_PICO, **fields)


def sonnet(model_key: str = "claude-sonnet-4-6", **fields: Any) -> Price:
    return price(model_key, "3", "15", "3.75", "6", "0.30", web_search_pico=SEARCH_PICO, **fields)


def opus(model_key: str = "claude-opus-4-6", **fields: Any) -> Price:
    return price(
        model_key,
        *("5", "25", "6.25", "10", "0.50"),
        **{"web_search_pico": SEARCH_PICO, "geo_multiplier_bp": US_ONLY_BP, **fields},
    )


HAIKU = PriceSheet.of([haiku()])
SONNET = PriceSheet.of([sonnet()])
SONNET_WITH_PREMIUM = PriceSheet.of(
    [
        sonnet("claude-sonnet-4-5"),
        price("claude-sonnet-4-5", "6", "22.5", kind="long_context", threshold_tokens=200_000),
    ]
)
OPUS_FAST = price("claude-opus-4-6", "30", "150", kind="fast", geo_multiplier_bp=US_ONLY_BP)
OPUS_LONG = price(
    "claude-opus-4-6",
    *("10", "37.5"),
    kind="long_context",
    threshold_tokens=200_000,
    geo_multiplier_bp=US_ONLY_BP,
)
OPUS = PriceSheet.of([opus(), OPUS_FAST])
OPUS_WITH_PREMIUM = PriceSheet.of([opus(), OPUS_FAST, OPUS_LONG])
OPUS_4_8 = PriceSheet.of([opus("claude-opus-4-8"), price("claude-opus-4-8", "10", "50", kind="fast")])
FABLE = PriceSheet.of([price("claude-fable-5-1", "10", "50", "12.5", "20", "0.25")])
GPT_5 = PriceSheet.of([cached_price("gpt-5", "1.25", "10", "0.125")])
O4_MINI = PriceSheet.of([cached_price("o4-mini", "1.1", "4.4", "0.275")])
GEMINI_FLASH = PriceSheet.of([cached_price("gemini-2.5-flash", "0.30", "2.50", "0.03")])
FLASH_LITE = PriceSheet.of([price("gemini-2.5-flash-lite", "0.075", "0.30")])
NEURON_PICO = 11_000_000


def in_neurons(model_key: str, input_milli_neurons: int, output_milli_neurons: int) -> PriceSheet:
    return PriceSheet.of(
        [
            price(
                model_key,
                neuron_pico=NEURON_PICO,
                input_milli_neurons_per_mtok=input_milli_neurons,
                output_milli_neurons_per_mtok=output_milli_neurons,
            )
        ]
    )


LLAMA_70B = in_neurons("llama-3.3-70b-fp8-fast", 26_668_000, 204_805_000)
LLAMA_8B = in_neurons("llama-3.1-8b-fp8", 4_119_000, 34_868_000)
