"""What governance keeps beside its tables, put together: counters of limits, a second factor, ways to people."""

import contextlib
from collections.abc import AsyncIterator

from monoize.control.edge.house import House
from monoize.control.governance.actions.notifications import Notifier
from monoize.control.governance.services import Governance
from monoize.control.identity.services import Identity
from monoize.gateway.upstream.client import Client
from monoize.infra.quotas import MemoryQuotas, Quotas
from monoize.infra.settings import Settings
from monoize.main.second_factor import PasswordAgain
from monoize.main.webhooks import PublicWebhooks


@contextlib.asynccontextmanager
async def open_governance(house: House, identity: Identity) -> AsyncIterator[Governance]:
    quotas, client = _quotas(house.settings), Client()
    notifier = Notifier(
        house.database,
        house.audit_log,
        house.seal,
        identity.mailer,
        PublicWebhooks(client),
        house.settings.public_url,
    )
    try:
        yield Governance(quotas, PasswordAgain(house, identity), notifier)
    finally:
        await client.close()
        await quotas.close()


def _quotas(settings: Settings) -> Quotas:
    if not settings.redis_url:
        return MemoryQuotas()
    # Loading the client takes a third of a second, which a start without Redis need not pay.
    from monoize.infra.redis_quotas import RedisQuotas

    return RedisQuotas(settings.redis_url)
