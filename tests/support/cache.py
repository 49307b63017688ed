"""The use of the cache by a request that a price sheet is for."""

from monoize.base.cost import measures
from monoize.base.cost.measures import CacheUse
from monoize.base.cost.sheet import PriceSheet
from monoize.base.cost.usage import Usage


def cache_use(usage: Usage, sheet: PriceSheet) -> CacheUse:
    return measures.cache_use(usage, sheet.rates_for(usage), sheet.book)
