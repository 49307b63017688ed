"""`/v1/models`: what a key may ask for, as OpenAI, Anthropic and Google list it; and what each of it costs."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from monoize.base.cost.sheet import PriceSheet
from monoize.base.money import Multiplier, charge_of
from monoize.contract.grant import Grant
from monoize.contract.snapshot import Snapshot
from monoize.gateway.errors import ModelNotFound
from monoize.gateway.protocol.urp import Json
from monoize.gateway.selection import first_priced, offered_models

Shape = Literal["openai", "anthropic", "google"]
_SOME_DAY = "2025-01-01T00:00:00Z"
_PRICED_TOKENS: Final = 1_000_000


class PricedModel(NamedTuple):
    """A model by its name, and what its first channel charges for a million tokens; None: nobody knows."""

    name: str
    input_nano: int | None
    output_nano: int | None


def priced(snapshot: Snapshot, grant: Grant) -> list[PricedModel]:
    found = []
    for name in offered_models(snapshot, grant):
        attempt = first_priced(snapshot, grant, name)
        prices = _charged(attempt.sheet, attempt.multiplier) if attempt else (None, None)
        found.append(PricedModel(name, *prices))
    return found


def _charged(sheet: PriceSheet, multiplier: int) -> tuple[int | None, int | None]:
    if sheet.book == "subscription":
        return 0, 0
    rates = sheet.rates_when(fast=False, long=False, batch=False, us_only=False)

    def charged(rate_pico: int | None) -> int | None:
        if rate_pico is None:
            return None
        cost_nano = rate_pico * rates.multiplier * _PRICED_TOKENS // rates.divisor
        return charge_of(cost_nano, Multiplier(multiplier))

    return charged(rates.input_pico), charged(rates.output_pico)


def listed(snapshot: Snapshot, grant: Grant, shape: Shape) -> Json:
    names = offered_models(snapshot, grant)
    match shape:
        case "openai":
            return {"object": "list", "data": [_model(name, shape) for name in names]}
        case "anthropic":
            data = [_model(name, shape) for name in names]
            return {"data": data, "has_more": False, "first_id": _end(names, 0), "last_id": _end(names, -1)}
        case "google":
            return {"models": [_model(name, shape) for name in names]}


def one(snapshot: Snapshot, grant: Grant, shape: Shape, name: str) -> Json:
    if name not in offered_models(snapshot, grant):
        raise ModelNotFound
    return _model(name, shape)


def _model(name: str, shape: Shape) -> Json:
    match shape:
        case "openai":
            return {"id": name, "object": "model", "created": 0, "owned_by": "monoize"}
        case "anthropic":
            return {"type": "model", "id": name, "display_name": name, "created_at": _SOME_DAY}
        case "google":
            methods = ["generateContent", "streamGenerateContent"]
            return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


def _end(names: Sequence[str], place: int) -> str | None:
    return names[place] if names else None
