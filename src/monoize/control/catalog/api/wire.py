"""The values that enter and leave through the room's routes: money as USD in decimal text, times as ISO 8601."""

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from monoize.base.cost.price import GEO_MULTIPLIER_BP_MOST, NO_MULTIPLIER_BP, RATE_MOST, Book, Kind, Price
from monoize.base.ids import new_id
from monoize.control.catalog.errors import InvalidPrice
from monoize.control.catalog.model import rates
from monoize.control.catalog.model.formats import MODEL_KEY_SHAPE, PROVIDER_SHAPE
from monoize.control.catalog.model.rates import BP_DECIMALS, BY_SHOWN_NAME, rates_of
from monoize.control.catalog.model.records import (
    Origin,
    PendingPrice,
    PriceKey,
    PriceRecord,
    Proposal,
    RateChange,
    Source,
)
from monoize.control.edge.wire import STORABLE, Instant, Wire

THRESHOLD_MOST: Final = 2**31 - 1


def _read(decimals: int) -> BeforeValidator:
    def read(value: Any) -> int:
        if isinstance(value, str):
            return rates.read(value, decimals)
        raise ValueError("must be decimal text, such as 3 or 0.25")

    return BeforeValidator(read)


_DECIMAL_TEXT: Final = WithJsonSchema(
    {"type": "string", "pattern": rates.TEXT_SHAPE, "maxLength": rates.TEXT_CHARS_MOST}
)
_RATE: Final = Field(le=RATE_MOST)

UsdPerMtok = Annotated[int, _RATE, _read(BY_SHOWN_NAME["input_usd_per_mtok"].decimals), _DECIMAL_TEXT]
UsdPerThousand = Annotated[int, _RATE, _read(BY_SHOWN_NAME["web_search_usd_per_1k"].decimals), _DECIMAL_TEXT]
UsdPerUnit = Annotated[int, _RATE, _read(BY_SHOWN_NAME["unit_usd"].decimals), _DECIMAL_TEXT]
NeuronsPerMtok = Annotated[int, _RATE, _read(BY_SHOWN_NAME["input_neurons_per_mtok"].decimals), _DECIMAL_TEXT]
Multiplier = Annotated[int, Field(ge=1, le=GEO_MULTIPLIER_BP_MOST), _read(BP_DECIMALS), _DECIMAL_TEXT]

Provider = Annotated[str, Field(max_length=64, pattern=PROVIDER_SHAPE)]
ModelName = Annotated[str, Field(pattern=MODEL_KEY_SHAPE)]
Variant = Annotated[str, Field(max_length=64, pattern=r"^[!-~]{1,64}$")]
Url = Annotated[str, Field(max_length=2048, pattern=r"^https?://[!-~]+$")]
Note = Annotated[str, Field(min_length=1, max_length=500), STORABLE]


def _rfc3339(value: Any) -> dt.datetime:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return dt.datetime.fromisoformat(value)
    raise ValueError("must be a time as text, such as 2027-01-31T12:00:00Z")


def _after_1970(value: dt.datetime) -> dt.datetime:
    if value.timestamp() < 0:
        raise ValueError("must not lie before 1970")
    return value


Moment = Annotated[Instant, AfterValidator(_after_1970), BeforeValidator(_rfc3339)]


class Rates(Wire):
    """What is left away is unknown, which is not the same as free of charge."""

    input_usd_per_mtok: UsdPerMtok | None = None
    output_usd_per_mtok: UsdPerMtok | None = None
    cache_write_5m_usd_per_mtok: UsdPerMtok | None = None
    cache_write_1h_usd_per_mtok: UsdPerMtok | None = None
    cache_read_usd_per_mtok: UsdPerMtok | None = None
    web_search_usd_per_1k: UsdPerThousand | None = None
    neuron_usd_per_1k: UsdPerThousand | None = None
    unit_usd: UsdPerUnit | None = None
    input_neurons_per_mtok: NeuronsPerMtok | None = None
    output_neurons_per_mtok: NeuronsPerMtok | None = None
    threshold_tokens: Annotated[int, Field(ge=0, le=THRESHOLD_MOST)] | None = None
    geo_multiplier: Multiplier | None = None
    source_url: Url
    checked_at: Moment | None = None
    note: Note | None = None

    def price(self, key: PriceKey, *, effective_from_s: int = 0, effective_to_s: int | None = None) -> Price:
        """As a value of the price book, with a new id."""
        known = {rate.column: getattr(self, name) for name, rate in BY_SHOWN_NAME.items()}
        try:
            return Price(
                id=new_id(),
                **key._asdict(),
                **known,
                threshold_tokens=self.threshold_tokens,
                geo_multiplier_bp=self.geo_multiplier or NO_MULTIPLIER_BP,
                effective_from=effective_from_s,
                effective_to=effective_to_s,
            )
        except ValueError as problem:
            raise InvalidPrice(f"This cannot be a price: {problem}.") from None

    def source(self, now: dt.datetime) -> Source:
        return Source(origin="manual", url=self.source_url, checked_at=self.checked_at or now, note=self.note)


class PriceSet(Rates):
    """Without `effective_from` the price holds at once; without `effective_to` until the next one begins."""

    provider: Provider
    model_key: ModelName
    kind: Kind = "standard"
    variant: Variant | None = None
    book: Book = "list"
    effective_from: Moment | None = None
    effective_to: Moment | None = None

    def proposal(self, now: dt.datetime) -> Proposal:
        key = PriceKey(self.provider, self.model_key, self.kind, self.variant or "", self.book)
        begin = self.effective_from or now
        price = self.price(
            key,
            effective_from_s=int(begin.timestamp()),
            effective_to_s=int(self.effective_to.timestamp()) if self.effective_to else None,
        )
        return Proposal(price=price, source=self.source(now), from_now=self.effective_from is None)


class Correction(Rates):
    """The rates as they should have been, all of them, for the whole time of the wrong price."""

    def proposal(self, wrong: PriceRecord, now: dt.datetime) -> Proposal:
        price = self.price(
            wrong.key,
            effective_from_s=wrong.price.effective_from,
            effective_to_s=wrong.price.effective_to,
        )
        return Proposal(price=price, source=self.source(now), corrects_id=wrong.price.id)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PriceShown:
    id: str
    provider: str
    model_key: str
    kind: Kind
    variant: str
    book: Book
    currency: str
    input_usd_per_mtok: str | None
    output_usd_per_mtok: str | None
    cache_write_5m_usd_per_mtok: str | None
    cache_write_1h_usd_per_mtok: str | None
    cache_read_usd_per_mtok: str | None
    web_search_usd_per_1k: str | None
    neuron_usd_per_1k: str | None
    unit_usd: str | None
    input_neurons_per_mtok: str | None
    output_neurons_per_mtok: str | None
    threshold_tokens: int | None
    geo_multiplier: str
    effective_from: dt.datetime
    effective_to: dt.datetime | None
    revision: int
    supersedes_id: str | None
    origin: Origin
    source_url: str
    checked_at: dt.datetime
    note: str | None
    created_at: dt.datetime


def price_shown(record: PriceRecord) -> PriceShown:
    price, source = record.price, record.source
    return PriceShown(
        id=price.id,
        provider=price.provider,
        model_key=price.model_key,
        kind=price.kind,
        variant=price.variant,
        book=price.pricing_source,
        currency=price.currency,
        **rates.shown(rates_of(price)),
        threshold_tokens=price.threshold_tokens,
        geo_multiplier=rates.shown_multiplier(price.geo_multiplier_bp),
        effective_from=_moment(price.effective_from),
        effective_to=None if price.effective_to is None else _moment(price.effective_to),
        revision=price.revision,
        supersedes_id=record.supersedes_id,
        origin=source.origin,
        source_url=source.url,
        checked_at=source.checked_at,
        note=source.note,
        created_at=record.created_at,
    )


def _moment(unix_s: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_s, dt.UTC)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PendingShown:
    """`effective_from` is null for a price that begins when it is confirmed."""

    id: str
    provider: str
    model_key: str
    kind: Kind
    variant: str
    book: Book
    changes: Sequence[RateChange]
    effective_from: dt.datetime | None
    corrects_id: str | None
    origin: Origin
    source_url: str
    note: str | None
    proposed_by: str
    created_at: dt.datetime


def pending_shown(pending: PendingPrice) -> PendingShown:
    proposal = pending.proposal
    price = proposal.price
    return PendingShown(
        id=pending.id,
        provider=price.provider,
        model_key=price.model_key,
        kind=price.kind,
        variant=price.variant,
        book=price.pricing_source,
        changes=pending.changes,
        effective_from=None if proposal.from_now else _moment(price.effective_from),
        corrects_id=proposal.corrects_id,
        origin=proposal.source.origin,
        source_url=proposal.source.url,
        note=proposal.source.note,
        proposed_by=pending.proposed_by,
        created_at=pending.created_at,
    )
