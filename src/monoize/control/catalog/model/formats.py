"""Price lists that others publish, read exactly: the JSON of models.dev and the cost map of LiteLLM.

A document that is not in its format (other kinds of values, negative or endless numbers) is refused whole; a row
whose numbers are no believable price is refused alone, with the reason. Models without a price are passed over.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from monoize.base.cost.price import Kind
from monoize.control.catalog.errors import BadPriceList
from monoize.control.catalog.model import rates
from monoize.control.catalog.model.records import MODEL_KEY_CHARS_MOST, ModelKey

Format = Literal["models_dev", "litellm"]

ROWS_MOST: Final = 5_000
PROVIDER_SHAPE: Final = r"^[a-z0-9_]{1,64}$"
MODEL_KEY_SHAPE: Final = rf"^[!-~]{{1,{MODEL_KEY_CHARS_MOST}}}$"
THRESHOLD_TOKENS: Final = 200_000
_PROVIDER: Final = re.compile(PROVIDER_SHAPE)
_MODEL_KEY: Final = re.compile(MODEL_KEY_SHAPE)
_OUR_NAMES: Final = {"gemini": "google", "cloudflare": "workers_ai", "cloudflare_workers_ai": "workers_ai"}

_PER_MTOK_DECIMALS: Final = 6
_MODELS_DEV_COLUMNS: Final = {
    "input": "input_pico",
    "output": "output_pico",
    "cache_write": "cache_write_5m_pico",
    "cache_read": "cache_read_pico",
}
_PER_TOKEN_DECIMALS: Final = 12
_LITELLM_COLUMNS: Final = {
    "input_cost_per_token": "input_pico",
    "output_cost_per_token": "output_pico",
    "cache_creation_input_token_cost": "cache_write_5m_pico",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h_pico",
    "cache_read_input_token_cost": "cache_read_pico",
}
_LITELLM_LONG_COLUMNS: Final = {
    "input_cost_per_token_above_200k_tokens": "input_pico",
    "output_cost_per_token_above_200k_tokens": "output_pico",
    "cache_creation_input_token_cost_above_200k_tokens": "cache_write_5m_pico",
    "cache_read_input_token_cost_above_200k_tokens": "cache_read_pico",
}
_LITELLM_MODES: Final = ("chat", "completion", "responses", "embedding")
_LITELLM_EXAMPLE: Final = "sample_spec"


@dataclasses.dataclass(frozen=True, slots=True)
class ListedPrice:
    """What a list says of one model; rates by column, and only those that it names."""

    model: ModelKey
    kind: Kind
    rates: Mapping[str, int]
    threshold_tokens: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class RefusedRow:
    provider: str
    model_key: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class PriceList:
    listed: tuple[ListedPrice, ...]
    refused: tuple[RefusedRow, ...]
    unpriced: int


Row = ListedPrice | RefusedRow | None


def read(format: Format, document: str, providers: frozenset[str] | None) -> PriceList:
    """The prices of these providers (None: of all), each model once."""
    reader = _READERS[format]
    listed: dict[tuple[ModelKey, Kind], ListedPrice] = {}
    refused: list[RefusedRow] = []
    unpriced = 0
    for model, about in reader.models(_parsed(document)):
        if providers is not None and model.provider not in providers:
            continue
        for row in reader.rows(model, about):
            match row:
                case None:
                    unpriced += 1
                case RefusedRow():
                    refused.append(row)
                case ListedPrice():
                    listed[row.model, row.kind] = row
        if len(listed) + len(refused) > ROWS_MOST:
            raise BadPriceList(
                f"A price list brings at most {ROWS_MOST} prices at once.", hint="Name the providers you want."
            )
    return PriceList(tuple(listed.values()), tuple(refused), unpriced)


def _parsed(document: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(document, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError, ArithmeticError):
        raise BadPriceList("A price list is one JSON document with finite numbers.") from None
    return _object(parsed)


def _no_constant(_: str) -> None:
    raise ValueError("NaN and infinities are no numbers of JSON")


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadPriceList
    return value


class _Reader(NamedTuple):
    models: Callable[[Mapping[str, Any]], Iterator[tuple[ModelKey, Mapping[str, Any]]]]
    rows: Callable[[ModelKey, Mapping[str, Any]], Iterator[Row]]


def _models_dev(document: Mapping[str, Any]) -> Iterator[tuple[ModelKey, Mapping[str, Any]]]:
    for provider, about in document.items():
        for model_key, model in _object(_object(about).get("models", {})).items():
            yield _model(provider, model_key), _object(model)


def _of_models_dev(key: ModelKey, model: Mapping[str, Any]) -> Iterator[Row]:
    cost = _object(model.get("cost") or {})
    yield _row(key, None, _numbers(cost, _MODELS_DEV_COLUMNS), _PER_MTOK_DECIMALS)
    if cost.get("context_over_200k") is not None:
        long = _numbers(_object(cost["context_over_200k"]), _MODELS_DEV_COLUMNS)
        yield _row(key, "long_context", long, _PER_MTOK_DECIMALS)


def _litellm(document: Mapping[str, Any]) -> Iterator[tuple[ModelKey, Mapping[str, Any]]]:
    for name, about in document.items():
        if name == _LITELLM_EXAMPLE:
            continue
        model = _object(about)
        provider = model.get("litellm_provider")
        if not isinstance(provider, str):
            raise BadPriceList
        yield _model(provider, name.removeprefix(f"{provider}/")), model


def _of_litellm(key: ModelKey, model: Mapping[str, Any]) -> Iterator[Row]:
    mode = model.get("mode")
    if mode not in _LITELLM_MODES:
        yield None
        return
    kind: Kind | None = "embedding" if mode == "embedding" else None
    yield _row(key, kind, _numbers(model, _LITELLM_COLUMNS), _PER_TOKEN_DECIMALS)
    long = _numbers(model, _LITELLM_LONG_COLUMNS)
    if long:
        yield _row(key, "long_context", long, _PER_TOKEN_DECIMALS)


_READERS: Final[Mapping[Format, _Reader]] = {
    "models_dev": _Reader(_models_dev, _of_models_dev),
    "litellm": _Reader(_litellm, _of_litellm),
}


def _model(provider: str, model_key: str) -> ModelKey:
    plain = re.sub(r"[^a-z0-9]", "_", provider.lower())
    ours = _OUR_NAMES.get(plain, plain)
    if not _PROVIDER.fullmatch(ours) or not _MODEL_KEY.fullmatch(model_key):
        raise BadPriceList("Names of providers and models are short and of printable ASCII.")
    return ModelKey(ours, model_key)


def _numbers(costs: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Decimal]:
    found = {}
    for name, column in columns.items():
        value = costs.get(name)
        if value is None:
            continue
        # bool is an int to Python, and true is no price.
        if type(value) not in (int, Decimal) or value < 0:
            raise BadPriceList("A price is a number from 0 on.")
        found[column] = Decimal(value)
    return found


def _row(model: ModelKey, kind: Kind | None, numbers: Mapping[str, Decimal], decimals: int) -> Row:
    if "input_pico" not in numbers or "output_pico" not in numbers:
        return None
    try:
        exact = {column: rates.scaled(number, decimals) for column, number in numbers.items()}
    except ValueError as problem:
        return RefusedRow(*model, f"a rate {problem}")
    wrong = rates.problem_with({**dict.fromkeys(rates.BY_COLUMN), **exact})
    if wrong:
        return RefusedRow(*model, f"{wrong} is out of range")
    if not exact["input_pico"]:
        return RefusedRow(*model, "it is free of charge, which no list decides")
    # Who sells no output sells embeddings.
    kind = kind or ("standard" if exact["output_pico"] else "embedding")
    return ListedPrice(model, kind, exact, THRESHOLD_TOKENS if kind == "long_context" else None)
