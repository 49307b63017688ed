"""The data plane of models, put together: beside the control plane or without it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

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
from monoize.infra.background import Background
from monoize.infra.client_address import parse_networks
from monoize.infra.paces import RENEW_EVERY_S, MemoryPaces, Paces
from monoize.infra.settings import Settings
from monoize.main.above import Above
from monoize.main.money import Money

PROBE_EVERY_S: Final = 1.0
SECONDS_PER_DAY: Final = 86_400


class DataPlane(NamedTuple):
    gateway: Gateway
    sockets: Sockets
    upstreams: Upstreams
    keys: Keys


@contextlib.asynccontextmanager
async def open_gateway(settings: Settings, above: Above, money: Money) -> AsyncIterator[DataPlane]:
    client = Client()
    keys, health = Keys(above.grants), Health()
    background = Background()
    cache, captures = AnswerCache(money.meter), _captures(settings)
    if captures is not None:
        background.every(WRITE_EVERY_S, "gateway.captures", captures.run)
    channels = HttpChannels(client)
    paces = _paces(settings)
    background.every(RENEW_EVERY_S, "paces.renew", paces.renew)
    probes = Probes(channels, health, money.spool, above.snapshot)
    background.every(PROBE_EVERY_S, "gateway.probes", probes.run)
    relay = Relay(money.meter, channels, health, Limits(paces), above.snapshot, cache)
    bystanders = Bystanders(cache, captures, health, above.snapshot)
    trusted = parse_networks(settings.trusted_proxies)
    gateway = Gateway(keys, relay, bystanders, above.snapshot, trusted=trusted)
    try:
        sockets = Sockets(gateway, keys, public_url=settings.public_url, trusted=trusted)
        yield DataPlane(gateway, sockets, Upstreams(client, channels, health, above.snapshot), keys)
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
