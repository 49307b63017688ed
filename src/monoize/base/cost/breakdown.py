"""A costing as the JSON that is stored beside the usage, and back again.

What is read back is recomputed; a document that does not agree with itself in every place raises ValueError.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeVar, get_args

import msgspec

from monoize.base.cost.costing import (
    MEASURES,
    Costing,
    Item,
    Line,
    Pools,
    Unit,
    line_of,
    taken_by,
    total_of,
)
from monoize.base.cost.markup import Markup
from monoize.base.cost.price import Kind
from monoize.base.cost.sheet import CostBook, CostWarning, Flag

VERSION: Final = 1

FLAGS: Final[tuple[Flag, ...]] = get_args(Flag)
KINDS: Final[tuple[Kind | None, ...]] = (*get_args(Kind), None)
BOOKS: Final[tuple[CostBook, ...]] = get_args(CostBook)
WARNINGS: Final[tuple[CostWarning, ...]] = get_args(CostWarning)

Value = TypeVar("Value")


class Breakdown(msgspec.Struct, frozen=True):
    """A costing, when its request happened, what had been estimated for it, and what is added to its charge."""

    costing: Costing
    event_time_ms: int
    estimate_nano: int | None = None
    markup: Markup | None = None

    def encoded(self) -> bytes:
        costing = self.costing
        return _encoder.encode(
            _Document(
                price_id=costing.price_id,
                book=costing.book,
                event_time=self.event_time_ms,
                kind=costing.kind,
                flags=_flags(costing) if costing.flags or costing.warnings else _NO_FLAGS,
                warnings=costing.warnings,
                lines=[_written(line) for line in costing.lines],
                free=costing.free,
                total_nano=costing.total_nano,
                estimate_nano=self.estimate_nano,
                markup=self.markup or msgspec.UNSET,
            )
        )

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(self.encoded())
        return document

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> "Breakdown":
        try:
            breakdown = cls._recomputed(document)
            agrees = breakdown.as_json() == document
        except (KeyError, TypeError, AttributeError) as problem:
            raise ValueError("this is not a cost breakdown") from problem
        if not agrees:
            raise ValueError("this cost breakdown does not agree with itself")
        return breakdown

    @classmethod
    def _recomputed(cls, document: Mapping[str, Any]) -> "Breakdown":
        """From the quantities and rates of a document; its amounts are compared with the outcome afterwards."""
        free_of = {
            "neurons": _whole(document["free"]["nano_neurons"]),
            "code_execution": _whole(document["free"]["code_seconds"]),
        }
        lines = tuple(_line_of_json(line, free_of.get(line["item"], 0)) for line in document["lines"])
        if len({line.item for line in lines}) != len(lines):
            raise ValueError("a cost breakdown has at most one line for each item")
        price_id, estimate_nano = document["price_id"], document["estimate_nano"]
        if not isinstance(price_id, str | None):
            raise TypeError("the price of a cost breakdown is named by text")
        costing = Costing(
            lines=lines,
            total_nano=total_of(lines),
            book=_one_of(BOOKS, document["book"]),
            kind=_one_of(KINDS, document["kind"]),
            price_id=price_id,
            flags=frozenset(flag for flag in FLAGS if document["flags"][flag] is True),
            warnings=tuple(_one_of(WARNINGS, warning) for warning in document["warnings"]),
            free=taken_by(lines),
        )
        return cls(
            costing,
            _whole(document["event_time"]),
            None if estimate_nano is None else _whole(estimate_nano),
            _markup_of_json(document["markup"]) if "markup" in document else None,
        )


class _Flags(msgspec.Struct, frozen=True):
    batch: bool = False
    us_only: bool = False
    fast: bool = False
    long_context: bool = False
    ttl_split: Literal["reported", "assumed"] = "reported"


class _Line(msgspec.Struct, frozen=True):
    item: Item
    qty: int
    unit: Unit
    rate_pico: int | None
    mult_bp: tuple[int, ...]
    nano: int | None
    # For how many the rate is, where it is not for one.
    per: int | msgspec.UnsetType = msgspec.UNSET


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    """How it is written, in the order in which people read it."""

    v: int = VERSION
    currency: str = "USD"
    price_id: str | None
    book: CostBook
    event_time: int
    kind: Kind | None
    flags: _Flags
    warnings: tuple[CostWarning, ...]
    lines: list[_Line]
    free: Pools
    total_nano: int | None
    estimate_nano: int | None
    # Of the charge, which is no part of the cost.
    markup: Markup | msgspec.UnsetType = msgspec.UNSET


_NO_FLAGS: Final = _Flags()
_encoder: Final = msgspec.json.Encoder()


def _flags(costing: Costing) -> _Flags:
    return _Flags(
        batch="batch" in costing.flags,
        us_only="us_only" in costing.flags,
        fast="fast" in costing.flags,
        long_context="long_context" in costing.flags,
        ttl_split="assumed" if "ttl_split_assumed" in costing.warnings else "reported",
    )


def _written(line: Line) -> _Line:
    unit, per = MEASURES[line.item]
    for_how_many = msgspec.UNSET if per == 1 else per
    return _Line(line.item, line.quantity, unit, line.rate_pico, line.multipliers_bp, line.nano, for_how_many)


def _line_of_json(document: Mapping[str, Any], free: int) -> Line:
    quantity, rate_pico = _whole(document["qty"]), document["rate_pico"]
    if free > quantity:
        raise ValueError("no more of a line is free than there is of it")
    return line_of(
        document["item"],
        quantity,
        None if rate_pico is None else _whole(rate_pico),
        tuple(map(_whole, document["mult_bp"])),
        free,
    )


def _markup_of_json(document: Mapping[str, Any]) -> Markup:
    return Markup(_whole(document["bp"]), _whole(document["of_nano"]), _whole(document["nano"]))


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count in a cost breakdown is a whole number")
    return value


def _one_of(known: tuple[Value, ...], value: object) -> Value:
    # `index` raises ValueError for a word that is not known.
    return known[known.index(value)]
