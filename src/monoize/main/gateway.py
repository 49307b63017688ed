"""The data plane of models, put together: beside the control plane or without it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

from monoize.base.errors import StartupProblem
from monoize.gateway.answer_cache import AnswerCache
from monoize.gateway.app import Gateway
from monoize.gateway.bystanders import Bystanders
from monoize.gateway.captures import WRITE_EVERY_S, Captures
from monoize.gateway.govern.denials import WRITE_EVERY_S as DENIALS_EVERY_S
from monoize.gateway.govern.denials import Denials
from monoize.gateway.govern.stage import Stage
from monoize.gateway.health import Health
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.keys import Keys
from monoize.gateway.limits import Limits
from monoize.gateway.otel.exporter import EXPORT_EVERY_S, Exporter
from monoize.gateway.probes import Probes
from monoize.gateway.relay import Relay
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstreams import Upstreams
from monoize.gateway.websocket.sockets import Sockets
from monoize.infra.background import Background
from monoize.infra.client_address import parse_networks
from monoize.infra.paces import RENEW_EVERY_S, MemoryPaces, Paces
from monoize.infra.quotas import Quotas
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
    background: Background


@contextlib.asynccontextmanager
async def open_gateway(settings: Settings, above: Above, money: Money, quotas: Quotas) -> AsyncIterator[DataPlane]:
    """`quotas` are the counters of agents, which the control plane counts with as well."""
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
    exporter = _exporter(settings)
    if exporter is not None:
        background.every(EXPORT_EVERY_S, "gateway.otel", exporter.run)
    denials = Denials(money.meter)
    background.every(DENIALS_EVERY_S, "gateway.denials", denials.run)
    stage = Stage(quotas, paces, above.budgets, denials)
    relay = Relay(money.meter, channels, health, Limits(paces), stage, cache)
    bystanders = Bystanders(cache, captures, health, above.snapshot, exporter)
    trusted = parse_networks(settings.trusted_proxies)
    gateway = Gateway(keys, relay, bystanders, above.snapshot, trusted=trusted)
    try:
        sockets = Sockets(gateway, keys, public_url=settings.public_url, trusted=trusted)
        yield DataPlane(gateway, sockets, Upstreams(client, channels, health, above.snapshot), keys, background)
    finally:
        await background.stop()
        await denials.close()
        if captures is not None:
            await captures.close()
        if exporter is not None:
            await exporter.close()
        await paces.close()
        await client.close()


def _paces(settings: Settings) -> Paces:
    if not settings.redis_url:
        return MemoryPaces()
    from monoize.infra.redis_paces import RedisPaces

    return RedisPaces(settings.redis_url)


def _exporter(settings: Settings) -> Exporter | None:
    if not settings.otel_endpoint:
        return None
    try:
        # Half a second of loading, and a library that is there only where it is wanted.
        from monoize.gateway.otel.collector import OtlpCollector
    except ModuleNotFoundError as problem:
        raise StartupProblem(
            f"otel_endpoint is set, and {problem.name} is not installed; install monoize with the extra `otel`"
        ) from problem
    return Exporter(OtlpCollector(settings.otel_endpoint, _headers(settings.otel_headers)))


def _headers(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split(",") if pair.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _captures(settings: Settings) -> Captures | None:
    if not settings.captures_enabled:
        return None
    return Captures(captures_folder(settings), retention_s=settings.capture_retention_days * SECONDS_PER_DAY)


def captures_folder(settings: Settings) -> Path:
    return settings.data_dir / "captures"
