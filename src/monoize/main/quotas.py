"""The counters of agents in this process: the gateway and the control plane count with the same."""

import contextlib
from collections.abc import AsyncIterator

from monoize.infra.quotas import MemoryQuotas, Quotas
from monoize.infra.settings import Settings


@contextlib.asynccontextmanager
async def open_quotas(settings: Settings) -> AsyncIterator[Quotas]:
    quotas = _quotas(settings)
    try:
        yield quotas
    finally:
        await quotas.close()


def _quotas(settings: Settings) -> Quotas:
    if not settings.redis_url:
        return MemoryQuotas()
    # Loading the client takes a third of a second, which a start without Redis need not pay.
    from monoize.infra.redis_quotas import RedisQuotas

    return RedisQuotas(settings.redis_url)
