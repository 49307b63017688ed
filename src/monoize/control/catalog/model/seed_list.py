"""The price list that ships with the product, read from `seed_prices.toml`. A mistake in it raises ValueError."""

import dataclasses
import datetime as dt
import functools
import tomllib
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from monoize.base.cost.price import NO_MULTIPLIER_BP, Price
from monoize.base.ids import new_id
from monoize.control.catalog.model import rates
from monoize.control.catalog.model.records import Proposal, Source

FILE: Final = "seed_prices.toml"
_PACKAGE: Final = "monoize.control.catalog"


@functools.cache
def _content() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(_PACKAGE).joinpath(FILE).read_text("utf-8"))


@dataclasses.dataclass(frozen=True, slots=True)
class ShippedSource:
    """A page of a provider that prices of the list were gathered from, and when."""

    provider: str
    url: str
    checked: dt.date
    prices: int


def shipped_sources() -> list[ShippedSource]:
    content = _content()
    counted = Counter(row["source"] for row in content["prices"])
    return [
        ShippedSource(source["provider"], source["url"], source["checked"], counted[name])
        for name, source in content["sources"].items()
    ]


def seed_list() -> list[Proposal]:
    """In order of time, with new ids."""
    content = _content()
    found = [_proposal(row, content["sources"][row["source"]]) for row in content["prices"]]
    return sorted(found, key=lambda proposal: (proposal.key, proposal.price.effective_from))


def _proposal(row: Mapping[str, Any], source: Mapping[str, Any]) -> Proposal:
    known: dict[str, Any] = {
        rate.column: rates.read(row[name], rate.decimals)
        for name, rate in rates.BY_SHOWN_NAME.items()
        if name in row
    }
    geo = rates.read(row["geo_multiplier"], rates.BP_DECIMALS) if "geo_multiplier" in row else NO_MULTIPLIER_BP
    price = Price(
        id=new_id(),
        provider=source["provider"],
        model_key=row["model_key"],
        kind=row.get("kind", "standard"),
        variant=row.get("variant", ""),
        pricing_source=row.get("book", "list"),
        **known,
        threshold_tokens=row.get("threshold_tokens"),
        geo_multiplier_bp=geo,
        effective_from=_midnight_s(row["from"]) if "from" in row else 0,
        effective_to=_midnight_s(row["until"]) if "until" in row else None,
    )
    checked_at = dt.datetime.combine(source["checked"], dt.time(), dt.UTC)
    return Proposal(
        price=price,
        source=Source(
            origin="seed", url=row.get("url", source["url"]), checked_at=checked_at, note=row.get("note")
        ),
    )


def _midnight_s(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
