"""A costing as the JSON that is stored beside the usage, and back again.

What is read back is recomputed; a document that does not agree with itself in every place raises ValueError.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_args

from monoize.base.cost.costing import MEASURES, Costing, Line, line_of, taken_by, total_of
from monoize.base.cost.price import Kind
from monoize.base.cost.sheet import CostBook, CostWarning, Flag

VERSION: Final = 1

FLAGS: Final[tuple[Flag, ...]] = get_args(Flag)
KINDS: Final[tuple[Kind | None, ...]] = (*get_args(Kind), None)
BOOKS: Final[tuple[CostBook, ...]] = get_args(CostBook)
WARNINGS: Final[tuple[CostWarning, ...]] = get_args(CostWarning)

Value = TypeVar("Value")


@dataclasses.dataclass(frozen=True, slots=True)
class Breakdown:
    """A costing, when its request happened, and what had been estimated for it before."""

    costing: Costing
    event_time_ms: int
    estimate_nano: int | None = None

    def as_json(self) -> dict[str, Any]:
        costing = self.costing
        return {
            "v": VERSION,
            "currency": "USD",
            "price_id": costing.price_id,
            "book": costing.book,
            "event_time": self.event_time_ms,
            "kind": costing.kind,
            "flags": {
                **{flag: flag in costing.flags for flag in FLAGS},
                "ttl_split": "assumed" if "ttl_split_assumed" in costing.warnings else "reported",
            },
            "warnings": list(costing.warnings),
            "lines": [_line_as_json(line) for line in costing.lines],
            "free": {
                "nano_neurons": costing.free.nano_neurons,
                "code_seconds": costing.free.code_seconds,
            },
            "total_nano": costing.total_nano,
            "estimate_nano": self.estimate_nano,
        }

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
            costing, _whole(document["event_time"]), None if estimate_nano is None else _whole(estimate_nano)
        )


def _line_as_json(line: Line) -> dict[str, Any]:
    unit, per = MEASURES[line.item]
    rate_is_for = {} if per == 1 else {"per": per}
    return {
        "item": line.item,
        "qty": line.quantity,
        "unit": unit,
        **rate_is_for,
        "rate_pico": line.rate_pico,
        "mult_bp": list(line.multipliers_bp),
        "nano": line.nano,
    }


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


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count in a cost breakdown is a whole number")
    return value


def _one_of(known: tuple[Value, ...], value: object) -> Value:
    # `index` raises ValueError for a word that is not known.
    return known[known.index(value)]
