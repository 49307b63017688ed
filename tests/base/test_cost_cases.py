"""Known requests at list prices, with what they cost to the nano-USD."""

import datetime as dt

import pytest
from support.cache import cache_use
from support.price_book import (
    FABLE,
    FLASH_LITE,
    GEMINI_FLASH,
    GPT_5,
    HAIKU,
    LLAMA_8B,
    LLAMA_70B,
    O4_MINI,
    OPUS,
    OPUS_4_8,
    OPUS_WITH_PREMIUM,
    SONNET,
    SONNET_WITH_PREMIUM,
    US_ONLY_BP,
    haiku,
    opus,
    price,
)

from monoize.base.cost.costing import NANO_NEURONS_FREE_PER_DAY, Pools, cost_of
from monoize.base.cost.measures import shown
from monoize.base.cost.reported import (
    from_anthropic,
    from_anthropic_iterations,
    from_google,
    from_openai_chat,
    from_openai_embeddings,
)
from monoize.base.cost.sheet import SUBSCRIPTION, UNPRICED, PriceSheet
from monoize.base.cost.totals import Spend, subscription_on
from monoize.base.cost.usage import IncompatibleFlags, InvalidUsage, Usage


def total(usage: Usage, sheet: PriceSheet) -> int | None:
    return cost_of(usage, sheet).total_nano


def line_nanos(usage: Usage, sheet: PriceSheet) -> dict[str, int | None]:
    return {line.item: line.nano for line in cost_of(usage, sheet).lines}


def cache_figures(usage: Usage, sheet: PriceSheet) -> tuple[str, int, str]:
    """(hit rate, savings, efficiency)"""
    use = cache_use(usage, sheet)
    return shown(use.hit_rate), use.savings_nano, shown(use.efficiency)


def unix_s(*moment: int) -> int:
    return int(dt.datetime(*moment, tzinfo=dt.UTC).timestamp())


@pytest.mark.case(1)
def test_input_and_output_each_pay_their_rate():
    assert 10_500_000 == total(Usage(1_000, 500), SONNET)


@pytest.mark.case(2)
def test_cache_reads_pay_a_tenth_and_count_as_hits():
    usage = Usage(12_000, 3_500, cache_read_tokens=8_000)

    assert 90_900_000 == total(usage, SONNET)
    assert ("0.4", 21_600_000, "0.4") == cache_figures(usage, SONNET)


@pytest.mark.case(3)
def test_cache_writes_cost_more_and_lessen_the_savings():
    usage = Usage(2_000, 500, cache_write_5m_tokens=1_000, cache_read_tokens=8_000)

    assert 19_650_000 == total(usage, SONNET)
    assert {
        "input": 6_000_000,
        "cache_write_5m": 3_750_000,
        "cache_read": 2_400_000,
        "output": 7_500_000,
    } == line_nanos(usage, SONNET)
    assert ("0.727273", 20_850_000, "0.70202") == cache_figures(usage, SONNET)


@pytest.mark.case(4)
def test_a_write_that_nobody_reads_is_a_loss_with_an_efficiency_of_zero():
    usage = Usage(500, 200, cache_write_1h_tokens=10_000)

    assert 64_500_000 == total(usage, SONNET)
    assert ("0", -30_000_000, "0") == cache_figures(usage, SONNET)


BOTH_WRITES = Usage(100, 1_000, cache_write_5m_tokens=2_000, cache_write_1h_tokens=3_000, cache_read_tokens=50_000)
BOTH_WRITES_IN_BATCH = Usage(
    100, 1_000, cache_write_5m_tokens=2_000, cache_write_1h_tokens=3_000, cache_read_tokens=50_000, batch=True
)


@pytest.mark.case(5)
def test_both_lifetimes_of_cache_writes_pay_their_own_rate():
    assert 55_800_000 == total(BOTH_WRITES, SONNET)
    assert ("0.907441", 124_500_000, "0.836862") == cache_figures(BOTH_WRITES, SONNET)


@pytest.mark.case(6)
def test_a_batch_halves_cost_and_savings_and_leaves_the_ratios():
    assert 27_900_000 == total(BOTH_WRITES_IN_BATCH, SONNET)
    assert ("0.907441", 62_250_000, "0.836862") == cache_figures(BOTH_WRITES_IN_BATCH, SONNET)


@pytest.mark.case(7)
def test_a_batch_costs_half():
    assert 20_000_000 == total(Usage(10_000, 2_000), HAIKU)
    assert 10_000_000 == total(Usage(10_000, 2_000, batch=True), HAIKU)


@pytest.mark.case(8)
def test_us_only_costs_a_tenth_more():
    assert 75_000_000 == total(Usage(10_000, 1_000), OPUS)
    assert 82_500_000 == total(Usage(10_000, 1_000, us_only=True), OPUS)


@pytest.mark.case(9)
def test_us_only_where_it_has_no_price_is_not_multiplied_but_told():
    costing = cost_of(Usage(10_000, 1_000, us_only=True), HAIKU)

    assert 15_000_000 == costing.total_nano
    assert ("geo_not_applicable",) == costing.warnings


@pytest.mark.case(10)
def test_fast_mode_pays_the_fast_row():
    assert 450_000_000 == total(Usage(10_000, 1_000, fast=True), OPUS)
    assert 150_000_000 == total(Usage(10_000, 1_000, fast=True), OPUS_4_8)


@pytest.mark.case(11)
def test_fast_us_only_and_cache_rates_multiply_together():
    usage = Usage(1_000, 400, cache_write_5m_tokens=2_000, cache_read_tokens=20_000, fast=True, us_only=True)

    assert 247_500_000 == total(usage, OPUS)
    assert [33_000_000, 82_500_000, 66_000_000, 66_000_000] == list(line_nanos(usage, OPUS).values())


@pytest.mark.case(12)
def test_fast_and_batch_exclude_each_other():
    with pytest.raises(IncompatibleFlags) as refused:
        Usage(10_000, 1_000, fast=True, batch=True)
    assert (400, "incompatible_flags") == (refused.value.status, refused.value.code)


@pytest.mark.case(13)
def test_a_long_context_begins_strictly_above_its_threshold():
    at, above = Usage(200_000, 1_000), Usage(200_001, 1_000)

    assert 615_000_000 == total(at, SONNET_WITH_PREMIUM)
    assert 1_222_506_000 == total(above, SONNET_WITH_PREMIUM)
    assert frozenset() == cost_of(at, SONNET_WITH_PREMIUM).flags
    assert {"long_context"} == cost_of(above, SONNET_WITH_PREMIUM).flags


@pytest.mark.case(14)
def test_cached_tokens_count_towards_the_threshold_and_pay_the_long_rate():
    usage = Usage(50_000, 1_000, cache_read_tokens=160_000)

    assert 418_500_000 == total(usage, SONNET_WITH_PREMIUM)
    assert 96_000_000 == line_nanos(usage, SONNET_WITH_PREMIUM)["cache_read"]


@pytest.mark.case(15)
def test_the_output_does_not_count_towards_the_threshold():
    assert 1_350_000_000 == total(Usage(150_000, 60_000), SONNET_WITH_PREMIUM)


@pytest.mark.case(16)
def test_the_threshold_is_of_a_request_not_of_a_turn():
    turn = [total(Usage(150_000), SONNET_WITH_PREMIUM) for _ in range(2)]

    assert 900_000_000 == Spend.of(turn).nano


@pytest.mark.case(17)
def test_batch_us_only_and_long_context_multiply_together():
    usage = Usage(300_000, 2_000, batch=True, us_only=True)

    assert 1_691_250_000 == total(usage, OPUS_WITH_PREMIUM)


@pytest.mark.case(18)
def test_a_premium_ends_with_its_row_and_the_event_time_decides():
    ended = unix_s(2026, 3, 1)
    long = price("claude-opus-4-6", "10", "37.5", kind="long_context", threshold_tokens=200_000, effective_to=ended)
    prices = [opus(), long]
    usage = Usage(300_000, 2_000)

    assert 3_075_000_000 == total(usage, PriceSheet.at(prices, ended - 1))
    assert 1_550_000_000 == total(usage, PriceSheet.at(prices, ended))


@pytest.mark.case(19)
def test_a_search_costs_a_cent_and_one_that_failed_nothing():
    report = {"input_tokens": 1_000, "output_tokens": 500, "server_tool_use": {"web_search_requests": 3}}

    assert 40_500_000 == total(from_anthropic(report), SONNET)


@pytest.mark.case(20)
def test_searches_are_not_multiplied():
    assert 18_250_000 == total(Usage(1_000, 100, web_searches=1, us_only=True), OPUS)


@pytest.mark.case(21)
@pytest.mark.parametrize(("nano", "seconds"), [(4_166_667, 90), (4_180_556, 301), (50_000_000, 3_600)])
def test_code_execution_is_paid_by_the_second_from_five_minutes(nano, seconds):
    assert nano == total(Usage(code_seconds=seconds), SONNET)


@pytest.mark.case(21)
def test_code_execution_beside_newer_web_tools_is_free():
    costing = cost_of(Usage(code_seconds=3_600, code_is_free=True), SONNET, Pools(code_seconds=10_000))

    assert (0, Pools()) == (costing.total_nano, costing.free)


@pytest.mark.case(22)
def test_neurons_are_counted_from_tokens():
    costing = cost_of(Usage(100_000, 20_000), LLAMA_70B)

    assert [6_762_900_000_000] == [line.quantity for line in costing.lines]
    assert 74_391_900 == costing.total_nano


@pytest.mark.case(23)
def test_the_free_neurons_of_the_day_come_first():
    usage, fresh = Usage(1_000_000, 100_000), Pools(nano_neurons=NANO_NEURONS_FREE_PER_DAY)

    assert 518_633_500 == total(usage, LLAMA_70B)
    costing = cost_of(usage, LLAMA_70B, fresh)
    assert [47_148_500_000_000] == [line.quantity for line in costing.lines]
    assert 408_633_500 == costing.total_nano
    assert Pools() == fresh.less(costing.free)


@pytest.mark.case(24)
def test_fractions_of_neurons_are_paid():
    costing = cost_of(Usage(1_000, 1_000), LLAMA_8B)

    assert [38_987_000_000] == [line.quantity for line in costing.lines]
    assert 428_857 == costing.total_nano


@pytest.mark.case(25)
def test_a_prompt_that_includes_its_cached_part_pays_that_part_once():
    usage = from_openai_chat(
        {
            "prompt_tokens": 10_000,
            "completion_tokens": 1_000,
            "prompt_tokens_details": {"cached_tokens": 8_000},
        }
    )

    assert 13_500_000 == total(usage, GPT_5)
    assert (2_000, 10_000) == (usage.input_tokens, usage.total_input_tokens)
    assert 9_000_000 == cache_use(usage, GPT_5).savings_nano


@pytest.mark.case(26)
def test_more_cached_tokens_than_the_prompt_has_are_refused():
    with pytest.raises(InvalidUsage) as refused:
        from_openai_chat(
            {
                "prompt_tokens": 10_000,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 10_001},
            }
        )
    assert (422, "invalid_usage") == (refused.value.status, refused.value.code)


@pytest.mark.case(27)
def test_reasoning_is_a_part_of_the_output():
    usage = from_openai_chat(
        {
            "prompt_tokens": 1_000,
            "completion_tokens": 1_000,
            "completion_tokens_details": {"reasoning_tokens": 700},
        }
    )

    assert 5_500_000 == total(usage, O4_MINI)


@pytest.mark.case(28)
def test_thoughts_counted_beside_the_output_are_paid_as_output():
    usage = from_google({"promptTokenCount": 1_000, "candidatesTokenCount": 1_000, "thoughtsTokenCount": 500})

    assert 4_050_000 == total(usage, GEMINI_FLASH)


@pytest.mark.case(29)
@pytest.mark.parametrize(("nano", "usd", "tokens"), [(1_604_850, "0.13", 12_345), (20_000_000, "0.02", 1_000_000)])
def test_embeddings_pay_for_their_input_only(nano, usd, tokens):
    sheet = PriceSheet.of([price("text-embedding-3", usd, kind="embedding")])

    assert nano == total(from_openai_embeddings({"prompt_tokens": tokens}), sheet)


@pytest.mark.case(30)
@pytest.mark.parametrize(
    ("nano", "kind", "unit_pico", "units"),
    [
        (45_000_000, "image", 15_000_000_000, 3),
        (18_510_000, "standard", 15_000_000, 1_234),
        (4_302_000, "standard", 71_700_000, 60),
    ],
    ids=["images", "characters", "seconds"],
)
def test_units_pay_their_own_price_and_no_tokens(nano, kind, unit_pico, units):
    sheet = PriceSheet.of([price("by-the-unit", kind=kind, unit_pico=unit_pico)])

    assert nano == total(Usage(units=units), sheet)


@pytest.mark.case(31)
@pytest.mark.parametrize(("nano", "tokens", "batch"), [(113, 3, True), (38, 1, True), (75, 1, False)])
def test_half_a_nano_rounds_up(nano, tokens, batch):
    assert nano == total(Usage(tokens, batch=batch), FLASH_LITE)


@pytest.mark.case(32)
def test_multipliers_apply_before_the_one_rounding():
    sheet = PriceSheet.of([haiku(geo_multiplier_bp=US_ONLY_BP)])

    assert 55 == total(Usage(cache_read_tokens=1, batch=True, us_only=True), sheet)
    assert 625 == total(Usage(cache_write_5m_tokens=1, batch=True), sheet)


@pytest.mark.case(33)
def test_a_new_price_holds_from_its_first_second_on_and_never_before():
    raised = unix_s(2026, 9, 1)
    prices = [
        price("claude-sonnet-5", "2", "10", effective_to=raised),
        price("claude-sonnet-5", "3", "15", effective_from=raised),
    ]
    usage = Usage(100_000, 10_000)

    assert 300_000_000 == total(usage, PriceSheet.at(prices, unix_s(2026, 8, 31, 23, 59, 59)))
    assert 450_000_000 == total(usage, PriceSheet.at(prices, raised))
    # Priced in October, an event of August still has August's price: only its own time is asked for.
    assert 300_000_000 == total(usage, PriceSheet.at(prices, unix_s(2026, 8, 15)))


@pytest.mark.case(34)
def test_a_model_has_its_own_ratio_of_cache_reads():
    usage = Usage(1_000, 100, cache_read_tokens=100_000)

    assert 40_000_000 == total(usage, FABLE)
    assert 975_000_000 == cache_use(usage, FABLE).savings_nano


@pytest.mark.case(35)
def test_the_savings_are_the_difference_to_the_same_request_without_a_cache():
    sheet = PriceSheet.of([opus("claude-opus-5")])
    cached = Usage(10_000, 15_000, cache_read_tokens=40_000)

    assert 625_000_000 == total(Usage(50_000, 15_000), sheet)
    assert 445_000_000 == total(cached, sheet)
    assert 180_000_000 == cache_use(cached, sheet).savings_nano


@pytest.mark.case(36)
def test_an_unknown_model_is_unpriced_and_counted_beside_the_total():
    costing = cost_of(Usage(1_000, 500), UNPRICED)

    assert (None, "unpriced", None, None) == (costing.total_nano, costing.book, costing.kind, costing.price_id)
    known = total(Usage(1_000, 500), SONNET)
    assert Spend(10_500_000, calls=2, unpriced_calls=1) == Spend.of([known, costing.total_nano])


@pytest.mark.case(37)
def test_a_call_under_a_subscription_costs_nothing_more():
    costing = cost_of(Usage(1_000_000, 1_000_000, web_searches=9), SUBSCRIPTION)

    assert (0, "subscription", ()) == (costing.total_nano, costing.book, costing.lines)


@pytest.mark.case(37)
def test_a_subscription_is_spread_evenly_with_the_rest_on_the_last_day():
    days = [subscription_on(dt.date(2026, 1, day), 20_000_000_000) for day in range(1, 32)]

    assert [645_161_290] * 30 == days[:-1]
    assert 645_161_300 == days[-1]
    assert 20_000_000_000 == sum(days)


@pytest.mark.case(38)
def test_what_a_provider_adds_to_the_prompt_is_already_in_its_count():
    assert 2_538_000 == total(from_anthropic({"input_tokens": 846, "output_tokens": 0}), SONNET)


@pytest.mark.case(39)
def test_every_pass_of_a_compacted_response_is_paid_and_the_whole_adds_nothing():
    passes = from_anthropic_iterations(
        {
            "input_tokens": 800,
            "output_tokens": 200,
            "iterations": [
                {"type": "compaction", "input_tokens": 1_200, "output_tokens": 300},
                {"type": "message", "input_tokens": 800, "output_tokens": 200, "cache_read_input_tokens": 1_200},
            ],
        }
    )
    totals = [total(one, HAIKU) for one in passes]

    assert [2_700_000, 1_920_000] == totals
    assert 4_620_000 == Spend.of(totals).nano


@pytest.mark.case(40)
def test_nothing_used_costs_nothing_and_divides_by_nothing():
    costing = cost_of(Usage(), SONNET)

    assert (0, ()) == (costing.total_nano, costing.lines)
    assert ("0", 0, "0") == cache_figures(Usage(), SONNET)


@pytest.mark.case(40)
@pytest.mark.parametrize("tokens", [-1, 1.5, True, None, "1", float("nan"), 10**9 + 1])
def test_what_is_no_count_of_tokens_is_refused(tokens):
    with pytest.raises(InvalidUsage) as refused:
        Usage(tokens)
    assert (422, "invalid_usage") == (refused.value.status, refused.value.code)
