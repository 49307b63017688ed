"""A house whose administrators can ask upstreams, by a gateway that serves nobody else."""

import contextlib
from collections.abc import AsyncIterator

from monoize.control.bridge.snapshots import Snapshots
from monoize.gateway.health import Health
from monoize.gateway.http_channel import HttpChannels
from monoize.gateway.upstream.client import Client
from monoize.gateway.upstreams import Upstreams
from support.house import RunningHouse


@contextlib.asynccontextmanager
async def open_upstreams(house: RunningHouse) -> AsyncIterator[Health]:
    """How its channels are doing is for the test to say."""
    client, health = Client(), Health()
    snapshots = Snapshots(house.house.database, house.house.seal)
    house.house.audit_log.observe(snapshots.changed)
    house.app.state.upstreams = Upstreams(client, HttpChannels(client), health, lambda: snapshots.current)
    try:
        yield health
    finally:
        del house.app.state.upstreams
        await client.close()
