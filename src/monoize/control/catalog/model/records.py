"""A price in the book with where it comes from, and one that somebody proposes."""

import dataclasses
import datetime as dt
import json
from typing import Final, Literal, NamedTuple

from monoize.base.cost.price import Book, Kind, Price

MODEL_KEY_CHARS_MOST: Final = 128

Origin = Literal["seed", "models_dev", "litellm", "manual"]


class ModelKey(NamedTuple):
    provider: str
    model_key: str


class PriceKey(NamedTuple):
    """Of all prices with one key at most one holds at any moment."""

    provider: str
    model_key: str
    kind: Kind
    variant: str
    pricing_source: Book

    @classmethod
    def of(cls, price: Price) -> "PriceKey":
        return cls(price.provider, price.model_key, price.kind, price.variant, price.pricing_source)

    @property
    def model(self) -> ModelKey:
        return ModelKey(self.provider, self.model_key)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who says so, and when somebody looked."""

    origin: Origin
    url: str
    checked_at: dt.datetime
    note: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PriceRecord:
    """One row of the book."""

    price: Price
    source: Source
    supersedes_id: str | None
    created_at: dt.datetime

    @property
    def key(self) -> PriceKey:
        return PriceKey.of(self.price)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A price that is to come into the book. With `from_now` it begins at the moment when it is written."""

    price: Price
    source: Source
    from_now: bool = False
    corrects_id: str | None = None

    @property
    def key(self) -> PriceKey:
        return PriceKey.of(self.price)

    def as_json(self) -> str:
        content = {
            "price": dataclasses.asdict(self.price),
            "source": {**dataclasses.asdict(self.source), "checked_at": self.source.checked_at.isoformat()},
            "from_now": self.from_now,
            "corrects_id": self.corrects_id,
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def of_json(cls, text: str) -> "Proposal":
        content = json.loads(text)
        checked_at = dt.datetime.fromisoformat(content["source"]["checked_at"])
        return cls(
            price=Price(**content["price"]),
            source=Source(**{**content["source"], "checked_at": checked_at}),
            from_now=content["from_now"],
            corrects_id=content["corrects_id"],
        )


@dataclasses.dataclass(frozen=True, slots=True)
class RateChange:
    """One rate as people read it; None is unknown."""

    rate: str
    before: str | None
    after: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PendingPrice:
    id: str
    proposal: Proposal
    changes: tuple[RateChange, ...]
    proposed_by: str
    proposer_id: str
    created_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PriceFilter:
    """Which prices a list shows; None is any."""

    provider: str | None = None
    model_key: str | None = None
    kind: Kind | None = None
    variant: str | None = None
    book: Book | None = None
    holding_at_s: int | None = None
