"""The gateway's side of a host: in a pool that uses the gateway, the host's key opens it, at its owner's cost."""

from monoize.control.fleet.errors import OwnerNeeded
from monoize.control.fleet.model.hosts import Host
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.store import hosts
from monoize.control.identity.actions import lent_keys
from monoize.control.identity.actions.lent_keys import LentKey
from monoize.infra.db import Tx

_NAME_CHARS = 64


async def give_gateway_key(tx: Tx, host: Host, pool: Pool | None) -> Host:
    """See to it that the host has a key of the gateway exactly if its pool says so; None: it has to go."""
    if pool is None or pool.mode != "gateway":
        if host.gateway_key_id is None:
            return host
        await lent_keys.take_back(tx, host.gateway_key_id)
        return await hosts.change(tx, host.id, {"gateway_key_id": None})
    if host.user_id is None:
        raise OwnerNeeded
    wanted = LentKey(
        user_id=host.user_id,
        name=host.fqdn[:_NAME_CHARS],
        prefix=f"host-{host.id}",
        digest=await hosts.digest_of(tx, host.id),
        enabled=host.status == "active",
    )
    key_id = await lent_keys.lend(tx, host.gateway_key_id, wanted)
    return await hosts.change(tx, host.id, {"gateway_key_id": key_id})


async def allow_gateway(tx: Tx, host: Host, *, allowed: bool) -> None:
    if host.gateway_key_id is not None:
        await lent_keys.allow(tx, host.gateway_key_id, allowed=allowed)
