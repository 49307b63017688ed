"""How a host comes in: it gets a key, and a link that installs the courier with it once.

A new key ends what the one before it had opened, the refresh tokens of the host too.

The key is shown to the operator, who may carry it over by hand, and is sealed for the installer until that was
fetched.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from monoize.base.ids import fingerprint, new_secret
from monoize.control.fleet.actions import host_tokens
from monoize.control.fleet.actions import hosts as operators
from monoize.control.fleet.actions.gateway_keys import give_gateway_key
from monoize.control.fleet.errors import HostExists, InstallTokenSpent, InstallTokenUnknown
from monoize.control.fleet.model.hosts import ENROLMENT_WINDOW, Host
from monoize.control.fleet.model.installs import INSTALL_PATH, INSTALL_TTL, key_place, shell_command
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, Pool
from monoize.control.fleet.store import hosts, installs, pools
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

_LINK_PREFIX: Final = "mzi_"
"""Makes it longer than what the request log shows of an address."""


@dataclasses.dataclass(frozen=True, slots=True)
class Installer:
    """`command` is what somebody runs on the host, once, before `expires_at`."""

    url: str
    command: str
    expires_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Enrolled:
    """`secret` is the host's key; it is never shown again."""

    secret: str
    host: Host
    installer: Installer


@dataclasses.dataclass(frozen=True, slots=True)
class Redeemed:
    """What an installer carries to its host."""

    host: Host
    pool: Pool
    key: str = dataclasses.field(repr=False)
    base_url: str


async def enrol(
    change: Change, seal: Seal, fqdn: str, values: Mapping[str, Any], base_url: str, now: dt.datetime
) -> Enrolled:
    """A new host, or a known one once more: then it keeps what is not named, and may come from a new address."""
    key = new_secret()
    columns = {**await operators.columns_of(change.tx, values, now), "ip": None}
    known = await hosts.named(change.tx, fqdn, lock=True)
    if known is not None:
        host = await hosts.change(change.tx, known.id, {**columns, "api_key": fingerprint(key)})
        await host_tokens.start_over(change.tx, seal, host.id)
        if host.pool_id != known.pool_id:
            await hosts.forget_sync(change.tx, host.id)
    else:
        columns.setdefault("pool_id", DEFAULT_POOL_ID)
        added = await hosts.add(change.tx, fqdn=fqdn, digest=fingerprint(key), values=columns)
        if added is None:
            raise HostExists
        host = added
    if not host.secure:
        host = await hosts.change(change.tx, host.id, {"insecure_enabled_until": now + ENROLMENT_WINDOW})
    pool = await pools.get(change.tx, host.pool_id)
    host = await give_gateway_key(change.tx, host, pool)
    change.record(
        "host.enrol", "host", host.id, host_id=host.id, fqdn=fqdn, pool=pool.name, again=known is not None
    )
    return Enrolled(key, host, await _issue(change.tx, seal, host, key, base_url, now))


async def rotate(change: Change, seal: Seal, named: str, base_url: str, now: dt.datetime) -> Enrolled:
    """A new key for a known host; the one before it is refused from now on."""
    key = new_secret()
    host = await operators.find(change.tx, named, lock=True)
    host = await hosts.change(change.tx, host.id, {"api_key": fingerprint(key)})
    await host_tokens.start_over(change.tx, seal, host.id)
    host = await give_gateway_key(change.tx, host, await pools.get(change.tx, host.pool_id))
    change.record("host.rotate", "host", host.id, host_id=host.id, fqdn=host.fqdn)
    return Enrolled(key, host, await _issue(change.tx, seal, host, key, base_url, now))


async def _issue(tx: Tx, seal: Seal, host: Host, key: str, base_url: str, now: dt.datetime) -> Installer:
    token = new_secret(_LINK_PREFIX)
    digest, expires_at = fingerprint(token), now + INSTALL_TTL
    await installs.replace(
        tx,
        digest=digest,
        host_id=host.id,
        fqdn=host.fqdn,
        key_digest=fingerprint(key),
        sealed_key=seal.seal(key, *key_place(digest)),
        base_url=base_url,
        expires_at=expires_at,
    )
    url = f"{base_url}{INSTALL_PATH}{token}"
    return Installer(url, shell_command(url), expires_at)


async def redeem(change: Change, seal: Seal, token: str, now: dt.datetime) -> Redeemed:
    """Use an install link. Its script is rendered before the change ends: then a failure spends nothing."""
    digest = fingerprint(token)
    found = await installs.with_digest(change.tx, digest)
    if found is None:
        raise InstallTokenUnknown
    if found.sealed_key is None or found.expires_at <= now or not await installs.consume(change.tx, found.id, now):
        raise InstallTokenSpent
    host = await hosts.get(change.tx, found.host_id)
    change.record("host.install", "host", host.id, host_id=host.id, fqdn=host.fqdn)
    return Redeemed(
        host=host,
        pool=await pools.get(change.tx, host.pool_id),
        key=seal.open(found.sealed_key, *key_place(digest)),
        base_url=found.base_url,
    )


async def forget_links(tx: Tx, now: dt.datetime, *, spent_before: dt.datetime) -> None:
    """A key that nobody fetched in time is kept no longer, and a spent link only while people still ask why."""
    await installs.erase_expired(tx, now)
    await installs.purge(tx, spent_before)
