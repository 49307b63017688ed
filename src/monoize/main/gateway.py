"""The data plane of models in this process: put together over the wall, beside the control plane or without it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from monoize.control.bridge.grants import KeyGrants
from monoize.control.bridge.snapshots import Snapshots
from monoize.control.edge.house import House
from monoize.control.identity.authenticator import IdentityAuthenticator
from monoize.gateway.answer_cache import AnswerCache
from monoize.gateway.app import Gateway
from monoize.gateway.bystanders import Bystanders
from monoize.gateway.captures import WRITE_EVERY_S, Captures
from monoize.gateway.health import Health
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.keys import Keys
from monoize.gateway.limits import Limits
from monoize.gateway.probes import Probes
from monoize.gateway.relay import Relay
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstreams import Upstreams
from monoize.gateway.websocket.sockets import Sockets
from monoize.infra.audit_log import Entry
from monoize.infra.background import Background
from monoize.infra.client_address import parse_networks
from monoize.infra.paces import RENEW_EVERY_S, MemoryPaces, Paces
from monoize.infra.settings import Settings
from monoize.main.money import Money

SNAPSHOT_EVERY_S: Final = 0.5
PROBE_EVERY_S: Final = 1.0
SECONDS_PER_DAY: Final = 86_400
_GRANTS_REST_ON: Final = frozenset({"user", "tenant", "key"})


@contextlib.asynccontextmanager
async def open_gateway(
    house: House, authenticator: IdentityAuthenticator, money: Money
) -> AsyncIterator[tuple[Gateway, Sockets, Upstreams]]:
    client = Client()
    snapshots = Snapshots(house.database, house.seal)
    await snapshots.run()
    keys = Keys(KeyGrants(house.database, authenticator.key_used))
    health = Health()

    async def changed(entry: Entry) -> None:
        if entry.target_type in _GRANTS_REST_ON:
            keys.forget()
        await snapshots.changed(entry)

    house.audit_log.observe(changed)
    background = Background()
    background.every(SNAPSHOT_EVERY_S, "bridge.snapshot", snapshots.run)
    cache, captures = AnswerCache(money.meter), _captures(house.settings)
    if captures is not None:
        background.every(WRITE_EVERY_S, "gateway.captures", captures.run)
    channels = HttpChannels(client)
    paces = _paces(house.settings)
    background.every(RENEW_EVERY_S, "paces.renew", paces.renew)
    probes = Probes(channels, health, money.spool, lambda: snapshots.current)
    background.every(PROBE_EVERY_S, "gateway.probes", probes.run)
    relay = Relay(money.meter, channels, health, Limits(paces), lambda: snapshots.current, cache)
    bystanders = Bystanders(cache, captures, health, lambda: snapshots.current)
    trusted = parse_networks(house.settings.trusted_proxies)
    gateway = Gateway(keys, relay, bystanders, lambda: snapshots.current, trusted=trusted)
    try:
        sockets = Sockets(gateway, keys, public_url=house.settings.public_url, trusted=trusted)
        yield gateway, sockets, Upstreams(client, channels, health, lambda: snapshots.current)
    finally:
        await background.stop()
        if captures is not None:
            await captures.close()
        await paces.close()
        await client.close()


def _paces(settings: Settings) -> Paces:
    if not settings.redis_url:
        return MemoryPaces()
    from monoize.infra.redis_paces import RedisPaces

    return RedisPaces(settings.redis_url)


def _captures(settings: Settings) -> Captures | None:
    if not settings.captures_enabled:
        return None
    return Captures(captures_folder(settings), retention_s=settings.capture_retention_days * SECONDS_PER_DAY)


def captures_folder(settings: Settings) -> Path:
    return settings.data_dir / "captures"
