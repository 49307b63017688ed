"""Logged requests as values, and how the account of one is told. Pure.

Whoever may read everybody's ledger sees behind a request: whose service it took and what that cost us. Its owner
sees what they pay, line by line: a rate of ours beside their charge would tell them our margin.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec

from monoize.base.cost.breakdown import Breakdown
from monoize.base.cost.costing import Costing, Item, Line, Unit
from monoize.base.cost.markup import Markup
from monoize.base.cost.price import Kind
from monoize.base.cost.sheet import CostBook, CostWarning, Flag
from monoize.base.money import Multiplier, charge_of, decimal_text, usd_of_nano
from monoize.contract.gates import decision
from monoize.control.edge.wire import NanoUsd
from monoize.control.ledger.model.entries import Entry

Status = Literal["success", "error"]
Outcome = Literal["answered", "failed", "broke_off"]

MODEL_CHARS_MOST: Final = 191
MULTIPLIER_ONE: Final = Multiplier(10**9)

_PICO_DECIMALS: Final = 12
_MULTIPLIER_DECIMALS: Final = 9
_BASIS_POINT_DECIMALS: Final = 4
_NO_BREAKDOWN: Final = b"{}"


class _Shown(NamedTuple):
    """How people read a unit: its name, its decimals, and for how many of it a rate is printed."""

    unit: str
    decimals: int
    rates: int
    rate_per: str


_SHOWN: Final[Mapping[Unit, _Shown]] = {
    "token": _Shown("token", 0, 10**6, "million tokens"),
    "search": _Shown("search", 0, 1_000, "thousand searches"),
    "second": _Shown("second", 0, 1, "hour"),
    "nano_neuron": _Shown("neuron", 9, 1_000, "thousand neurons"),
    "unit": _Shown("unit", 0, 1, "unit"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class RecordedRequest:
    """What is known of a request afterwards. One that was denied has neither tokens nor a charge."""

    request_id: str
    user_id: str
    at: dt.datetime
    model: str
    input_tokens: int
    output_tokens: int | None
    charge_nano_usd: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class AgentErrors:
    """So many requests of agents of one record failed in the same way at the same model."""

    agent_record_id: str
    error_code: str | None
    model: str
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request to a model, as its owner sees it; what is null is not known."""

    id: str
    request_id: str | None
    user_id: str
    api_key_id: str | None
    model: str
    status: str
    is_stream: bool
    request_kind: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_creation_tokens: int | None
    reasoning_tokens: int | None
    charge_nano_usd: NanoUsd | None
    cache_hit: bool | None
    error_code: str | None
    error_http_status: int | None
    duration_ms: int | None
    ttfb_ms: int | None
    request_ip: str | None
    created_at: dt.datetime
    created_at_unix_ms: int


@dataclasses.dataclass(frozen=True, slots=True)
class RequestRecord:
    """A row of the log with what lies behind it, as it is written."""

    request: LoggedRequest
    provider_id: str | None
    channel_id: str | None
    upstream_model: str | None
    multiplier: str | None
    error_message: str | None
    tried_json: str
    breakdown_json: str | None
    agent_record_id: str | None
    decisions_json: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests are asked for; a field that is None does not matter."""

    user_id: str | None = None
    api_key_id: str | None = None
    model: str | None = None
    status: Status | None = None
    request_id: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Upstream:
    """A channel with its provider; a name is null where what it named is gone, or not for the caller to see."""

    channel_id: str | None
    channel: str | None
    provider_id: str | None
    provider: str | None
    model: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """One channel that was asked, and what came of it; `upstream` is null for those who may not see behind."""

    number: int
    outcome: Outcome
    status: int | None
    code: str | None
    upstream: Upstream | None


@dataclasses.dataclass(frozen=True, slots=True)
class PriceLine:
    """(quantity - free) × rate × multipliers, rounded once; an amount that is null is not known."""

    item: Item | Literal["markup"]
    quantity: str
    free: str
    unit: str
    rate_usd: str | None
    rate_per: str
    multipliers: Sequence[str]
    amount_nano_usd: NanoUsd | None
    amount_usd: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Behind:
    """What a request cost us: cost × multiplier and markup are the charge. A cost that is null is not known."""

    cost_nano_usd: NanoUsd | None
    cost_usd: str | None
    multiplier: str | None
    markup_nano_usd: NanoUsd | None
    book: CostBook | None
    price_id: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Bill:
    """How the charge came about. `lines` add up to the cost, or to the charge, as `lines_of` says."""

    lines_of: Literal["cost", "charge"]
    lines: Sequence[PriceLine] | None
    kind: Kind | None
    flags: Sequence[Flag]
    warnings: Sequence[CostWarning]
    charge_nano_usd: NanoUsd | None
    charge_usd: str | None
    is_estimated: bool | None
    behind: Behind | None


@dataclasses.dataclass(frozen=True, slots=True)
class ShownDecision:
    """What a gate said, in the order in which they were asked; `numbers` and `allowed` are what it compared."""

    gate: str
    rule_id: str
    verdict: str
    code: str | None
    numbers: Mapping[str, int]
    allowed: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Explanation:
    """One request explained. `attempts` are in order, and null where they cannot be read.

    `decisions` are of the gates that it passed or did not, where an agent's record governs its key.
    """

    request: LoggedRequest
    username: str | None
    key_name: str | None
    error_message: str | None
    attempts: Sequence[Attempt] | None
    answered_by: Upstream | None
    bill: Bill
    entry: Entry | None
    agent_record_id: str | None
    decisions: Sequence[ShownDecision]


class Tried(msgspec.Struct, frozen=True):
    """An attempt as the gateway writes it; one that did not fail has neither status nor code."""

    channel: str | None = None
    model: str | None = None
    status: int | msgspec.UnsetType | None = msgspec.UNSET
    code: str | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def has_failed(self) -> bool:
        return self.status is not msgspec.UNSET or self.code is not msgspec.UNSET

    def outcome(self, status: str) -> Outcome:
        """`status` is that of the request."""
        if self.has_failed:
            return "failed"
        return "answered" if status == "success" else "broke_off"


_tried: Final = msgspec.json.Decoder(tuple[Tried, ...])


def tried_of(record: RequestRecord) -> Sequence[Tried] | None:
    """None when it cannot be read: that is no reason to be silent about the rest."""
    try:
        return _tried.decode(record.tried_json)
    except ValueError:
        return None


def has_answered(record: RequestRecord, tried: Sequence[Tried] | None) -> bool:
    """Whether the channel of the row gave an answer, or a part of one."""
    return not tried[-1].has_failed if tried else record.request.status == "success"


def bill_of(record: RequestRecord, entry: Entry | None, *, sees_behind: bool) -> Bill:
    breakdown, charge = _breakdown(record), record.request.charge_nano_usd
    costing, markup = (breakdown.costing, breakdown.markup) if breakdown else (None, None)
    return Bill(
        lines_of="cost" if sees_behind else "charge",
        lines=_lines(costing, charge, record.multiplier, markup, sees_behind=sees_behind),
        kind=costing.kind if costing else None,
        flags=sorted(costing.flags) if costing else (),
        warnings=costing.warnings if costing else (),
        charge_nano_usd=charge,
        charge_usd=_usd(charge),
        is_estimated=_is_estimated(charge, entry),
        behind=_behind(record, costing, markup) if sees_behind else None,
    )


def _behind(record: RequestRecord, costing: Costing | None, markup: Markup | None) -> Behind:
    cost = costing.total_nano if costing else None
    return Behind(
        cost_nano_usd=cost,
        cost_usd=_usd(cost),
        multiplier=record.multiplier,
        markup_nano_usd=markup.nano if markup else None,
        book=costing.book if costing else None,
        price_id=costing.price_id if costing else None,
    )


def _breakdown(record: RequestRecord) -> Breakdown | None:
    """None when there is none, or one that does not agree with itself."""
    content = (record.breakdown_json or "").encode()
    if content in (b"", _NO_BREAKDOWN):
        return None
    try:
        document: Any = msgspec.json.decode(content)
        return Breakdown.of_json(document)
    except (ValueError, RecursionError):
        return None


def decisions_of(record: RequestRecord) -> Sequence[ShownDecision]:
    return [
        ShownDecision(each.gate, each.rule_id, each.verdict, each.code, each.numbers, each.allowed)
        for each in decision.read(record.decisions_json)
    ]


def _is_estimated(charge: int | None, entry: Entry | None) -> bool | None:
    """What its entry says; nothing is nothing, however it was counted."""
    if entry is not None:
        return bool(entry.meta.get("estimated", False))
    return False if charge == 0 else None


def _lines(
    costing: Costing | None,
    charge: int | None,
    multiplier: str | None,
    markup: Markup | None,
    *,
    sees_behind: bool,
) -> Sequence[PriceLine] | None:
    if costing is None:
        return None
    if sees_behind:
        return [_line(line, MULTIPLIER_ONE, line.nano) for line in costing.lines]
    factor = _factor(multiplier)
    of_costs = None if charge is None else charge - (markup.nano if markup else 0)
    if factor is None or costing.total_nano is None or charge_of(costing.total_nano, factor) != of_costs:
        # Charged was something else, such as all that was held: no rate tells how it came about.
        return [_line(line, None, None) for line in costing.lines]
    amounts = _charged(costing.lines, factor)
    lines = [_line(line, factor, nano) for line, nano in zip(costing.lines, amounts, strict=True)]
    return [*lines, _markup_line(markup)] if markup else lines


def _factor(multiplier: str | None) -> Multiplier | None:
    try:
        return MULTIPLIER_ONE if multiplier is None else Multiplier.of_text(multiplier)
    except ValueError:
        return None


def _charged(lines: Sequence[Line], factor: Multiplier) -> Iterator[int]:
    """What each line adds to the charge, which is cut once, at its end: so they add up to it exactly."""
    cost = charged = 0
    for line in lines:
        assert line.nano is not None
        cost += line.nano
        so_far = charge_of(cost, factor)
        yield so_far - charged
        charged = so_far


def _line(line: Line, factor: Multiplier | None, nano: int | None) -> PriceLine:
    shown = _SHOWN[line.unit]
    return PriceLine(
        item=line.item,
        quantity=decimal_text(line.quantity, shown.decimals),
        free=decimal_text(line.free, shown.decimals),
        unit=shown.unit,
        rate_usd=_rate_usd(line.rate_pico, factor, shown),
        rate_per=shown.rate_per,
        multipliers=[decimal_text(basis_points, _BASIS_POINT_DECIMALS) for basis_points in line.multipliers_bp],
        amount_nano_usd=nano,
        amount_usd=_usd(nano),
    )


def _markup_line(markup: Markup) -> PriceLine:
    """So many basis points, of what the lines before it come to."""
    return PriceLine(
        item="markup",
        quantity=str(markup.bp),
        free="0",
        unit="basis point",
        rate_usd=None,
        rate_per="basis point",
        multipliers=[],
        amount_nano_usd=markup.nano,
        amount_usd=_usd(markup.nano),
    )


def _rate_usd(rate_pico: int | None, factor: Multiplier | None, shown: _Shown) -> str | None:
    if rate_pico is None or factor is None:
        return None
    return decimal_text(rate_pico * shown.rates * factor.billionths, _PICO_DECIMALS + _MULTIPLIER_DECIMALS)


def _usd(nano: int | None) -> str | None:
    return None if nano is None else usd_of_nano(nano)
