"""What a request may cost at most, what it did cost, and what is charged for it. Pure; integers of nano-USD."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from monoize.base.cost.bound import Allowance, upper_bound
from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import Costing, cost_of
from monoize.base.cost.markup import markup_on, with_markup
from monoize.base.cost.reported import (
    from_anthropic_passes,
    from_deepseek,
    from_google,
    from_openai_chat,
    from_openai_embeddings,
    from_openai_responses,
)
from monoize.base.cost.usage import IncompatibleFlags, InvalidUsage, Usage
from monoize.base.money import Multiplier, charge_of
from monoize.contract.snapshot import MULTIPLIER_ONE
from monoize.gateway import pictures
from monoize.gateway.facts import Facts
from monoize.gateway.pictures import Pictures
from monoize.gateway.protocol.urp import Json, Protocol
from monoize.gateway.selection import Attempt

OUTPUT_UNSAID: Final = 32_000
"""What is held for the output of a model of which nobody knows how much it can write."""
OUTPUT_LEAST: Final = 1_000
"""What an answer may be cut to, when the money does not reach for more."""
CHARS_PER_TOKEN: Final = 4

_OF_PICTURES: Final = frozenset({"images", "image_edits", "replicate"})


class Bound(msgspec.Struct, frozen=True):
    """`most` is held; the request may go ahead with `least`, and is then cut to what was held."""

    most: int
    least: int


def bound_of(attempts: Sequence[Attempt], facts: Facts, *, is_clamped: bool) -> Bound | None:
    """Over all channels that might serve the request. None while a rate is unknown.

    `is_clamped`: an answer may be cut also where its caller asked for a length.
    """
    asked = facts.output_tokens
    most = least = _dearest(attempts, facts, asked)
    if facts.may_be_cut and (asked is None or is_clamped):
        least = _dearest(attempts, facts, OUTPUT_LEAST)
    return None if most is None or least is None else Bound(most, min(least, most))


def affordable_output(attempts: Sequence[Attempt], facts: Facts, nano: int) -> int:
    """How many tokens may be written at most for this much; searched, since prices have steps."""
    enough, too_much = 0, max(_output_of(attempt, facts.output_tokens) for attempt in attempts) + 1
    while too_much - enough > 1:
        middle = (enough + too_much) // 2
        dearest = _dearest(attempts, facts, middle)
        if dearest is not None and dearest <= nano:
            enough = middle
        else:
            too_much = middle
    return enough


def floor_of(attempt: Attempt, facts: Facts) -> tuple[Usage, Costing]:
    """What is certain once a request was sent: that its prompt was read."""
    usage = guessed_usage(attempt, facts, 0)
    return usage, cost_of(usage, attempt.sheet)


def usage_of(protocol: Protocol, report: Json | None, attempt: Attempt, facts: Facts) -> Usage | None:
    """None when there is no report, or one that cannot be true."""
    if not report:
        return None
    try:
        if protocol in _OF_PICTURES:
            return pictures.usage_of(report, attempt.sheet, facts.pictures or pictures.ONE)
        return _READERS[protocol](report)
    except (InvalidUsage, IncompatibleFlags):
        return None


def _openai_usage(report: Json) -> Usage:
    if "prompt_cache_miss_tokens" in report:
        return from_deepseek(report)
    if "completion_tokens" not in report:
        return from_openai_embeddings(report)
    return from_openai_chat(report)


_READERS: Final[Mapping[Protocol, Callable[[Json], Usage]]] = {
    "chat": _openai_usage,
    "responses": from_openai_responses,
    "compact": from_openai_responses,
    "messages": from_anthropic_passes,
    "gemini": from_google,
    "embeddings": from_openai_embeddings,
}


def guessed_usage(attempt: Attempt, facts: Facts, output_chars: int) -> Usage:
    """When nobody ever said: the prompt as it was counted, and what was seen of the answer."""
    if asked := _pictures_of(attempt, facts):
        return pictures.guessed(attempt.sheet, asked, facts.input_tokens)
    return Usage(
        input_tokens=facts.input_tokens,
        output_tokens=-(-output_chars // CHARS_PER_TOKEN),
        us_only=facts.us_only,
    )


def charge(attempt: Attempt, cost_nano: int) -> int:
    return with_markup(_multiplied(attempt, cost_nano), attempt.markup_bp)


def _multiplied(attempt: Attempt, cost_nano: int) -> int:
    if attempt.multiplier == MULTIPLIER_ONE:
        return cost_nano
    return charge_of(cost_nano, Multiplier(attempt.multiplier))


def breakdown_json(costing: Costing, at_ms: int, attempt: Attempt) -> msgspec.Raw:
    cost_nano, bp = costing.total_nano, attempt.markup_bp
    markup = markup_on(_multiplied(attempt, cost_nano), bp) if bp and cost_nano is not None else None
    return msgspec.Raw(Breakdown(costing, at_ms, markup=markup).encoded())


def _dearest(attempts: Sequence[Attempt], facts: Facts, output: int | None) -> int | None:
    dearest = 0
    of_tokens = not (facts.writes_cache or facts.web_searches or facts.us_only or facts.fast or facts.pictures)
    for attempt in attempts:
        each = attempt.per_token
        if of_tokens and each is not None and facts.input_tokens <= each.input_most:
            written = _output_of(attempt, output) * facts.choices
            cost_nano: int | None = facts.input_tokens * each.input_nano + written * each.output_nano
        elif asked := _pictures_of(attempt, facts):
            cost_nano = pictures.most(attempt.sheet, asked, facts.input_tokens)
        else:
            cost_nano = upper_bound(_allowance(facts, _output_of(attempt, output)), attempt.sheet)
        if cost_nano is None:
            return None
        dearest = max(dearest, charge(attempt, cost_nano))
    return dearest


def _pictures_of(attempt: Attempt, facts: Facts) -> Pictures | None:
    """What is drawn there: a channel of images draws for whoever talks to it, too."""
    draws = attempt.type == "openai_image" or (
        attempt.type == "replicate" and pictures.are_sold_by_the_piece(attempt.sheet)
    )
    return facts.pictures or (pictures.ONE if draws else None)


def _output_of(attempt: Attempt, asked: int | None) -> int:
    known = attempt.output_most or OUTPUT_UNSAID
    return known if asked is None else asked


def _allowance(facts: Facts, output: int) -> Allowance:
    return Allowance(
        input_tokens=facts.input_tokens,
        output_tokens=output * facts.choices,
        writes_cache_5m=facts.writes_cache,
        writes_cache_1h=facts.writes_cache,
        web_searches=facts.web_searches,
        us_only=facts.us_only,
        fast=facts.fast,
    )
