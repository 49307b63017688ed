"""The data plane of models in this process: put together over the wall, beside the control plane or without it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from monoize.control.bridge.grants import KeyGrants
from monoize.control.bridge.snapshots import Snapshots
from monoize.control.edge.house import House
from monoize.control.identity.authenticator import IdentityAuthenticator
from monoize.gateway.app import Gateway
from monoize.gateway.health import Health
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.keys import Keys
from monoize.gateway.limits import Limits
from monoize.gateway.relay import Relay
from monoize.gateway.upstream.client import Client
from monoize.infra.audit_log import Entry
from monoize.infra.background import Background
from monoize.infra.client_address import parse_networks
from monoize.main.money import Money

SNAPSHOT_EVERY_S: Final = 0.5
_GRANTS_REST_ON: Final = frozenset({"user", "tenant", "key"})


@contextlib.asynccontextmanager
async def open_gateway(house: House, authenticator: IdentityAuthenticator, money: Money) -> AsyncIterator[Gateway]:
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
    relay = Relay(money.meter, HttpChannels(client), health, Limits(), lambda: snapshots.current)
    try:
        yield Gateway(
            keys, relay, lambda: snapshots.current, trusted=parse_networks(house.settings.trusted_proxies)
        )
    finally:
        await background.stop()
        await client.close()
