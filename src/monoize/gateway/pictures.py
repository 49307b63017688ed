"""What pictures cost: by the piece where the price book says so, or else by the tokens they are made of. Pure.

The price of a piece may depend on quality and size. Its variant in the book is then named after one of them or
both: `high`, `1536x1024` or `high 1536x1024`. What was left to the model could be any, and counts as the dearest.
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

import msgspec

from monoize.base.cost.bound import Allowance, upper_bound
from monoize.base.cost.reported import from_openai_responses
from monoize.base.cost.sheet import PriceSheet, UnitPrice
from monoize.base.cost.usage import Usage
from monoize.gateway.protocol.urp import Json

PICTURES_MOST: Final = 10
TOKENS_MOST: Final = 16_000
"""Of the largest in the best quality, rather more than less: what is held for one."""
TOKENS_GUESSED: Final = 4_160
"""Of a square one in high quality: what is charged for one when nobody says."""

_UNSAID: Final = ("", "auto")
_SIZE: Final = re.compile(r"[0-9]+x[0-9]+")


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, or what came. None: as the model likes."""

    count: int = 1
    quality: str | None = None
    size: str | None = None


ONE: Final = Pictures()


def are_sold_by_the_piece(sheet: PriceSheet) -> bool:
    return bool(_pieces(sheet))


def most(sheet: PriceSheet, asked: Pictures, input_tokens: int) -> int | None:
    """In nano-USD; None while nobody knows the price."""
    if are_sold_by_the_piece(sheet):
        variant = _variant(sheet, asked)
        return None if variant is None else upper_bound(Allowance(units=asked.count, variant=variant), sheet)
    return upper_bound(Allowance(input_tokens=input_tokens, output_tokens=asked.count * TOKENS_MOST), sheet)


def guessed(sheet: PriceSheet, asked: Pictures, input_tokens: int) -> Usage:
    """Once asked for they are drawn, and their provider bills them, whether anybody waits for them or not."""
    if are_sold_by_the_piece(sheet):
        return Usage(units=asked.count, variant=_variant(sheet, asked) or "")
    return Usage(input_tokens=input_tokens, output_tokens=asked.count * TOKENS_GUESSED)


def usage_of(report: Json, sheet: PriceSheet, asked: Pictures) -> Usage | None:
    """None when the answer does not say what its price depends on. InvalidUsage for what cannot be true."""
    if are_sold_by_the_piece(sheet):
        said = {name: report[name] for name in ("quality", "size") if report.get(name)}
        came = msgspec.structs.replace(asked, **said)
        return Usage(units=max(1, report["images"]), variant=_variant(sheet, came) or "")
    tokens: Any = report.get("usage")
    return from_openai_responses(tokens) if tokens else None


def _variant(sheet: PriceSheet, pictures: Pictures) -> str | None:
    """The dearest that such a picture can turn out to be. None if no price is about it."""
    pieces = _pieces(sheet)
    words = {word for variant in pieces for word in variant.split()}
    sizes = {word for word in words if _SIZE.fullmatch(word)}
    found = (
        _variant_of(pieces, {quality, size})
        for quality in _possible(pictures.quality, words - sizes)
        for size in _possible(pictures.size, sizes)
    )
    return max((one for one in found if one is not None), key=lambda one: pieces[one].unit_pico, default=None)


def _variant_of(pieces: Mapping[str, UnitPrice], words: AbstractSet[str]) -> str | None:
    """The one that says most about a picture of these words."""
    fitting = (variant for variant in pieces if set(variant.split()) <= words)
    return max(fitting, key=lambda one: (len(one.split()), pieces[one].unit_pico), default=None)


def _possible(asked: str | None, priced: AbstractSet[str]) -> AbstractSet[str]:
    """Where nothing was asked for, it may also be something that has no price of its own."""
    return priced | {""} if asked is None or asked in _UNSAID else {asked}


def _pieces(sheet: PriceSheet) -> Mapping[str, UnitPrice]:
    return {variant: unit for variant, unit in sheet.units.items() if unit.kind == "image"}
