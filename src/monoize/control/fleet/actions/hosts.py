"""What operators do with hosts: let them in and out, move them, and forget them. A host is named by name or id."""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from monoize.control.edge.wire import Page, Window
from monoize.control.fleet.actions.gateway_keys import allow_gateway, give_gateway_key
from monoize.control.fleet.errors import NoSuchHost
from monoize.control.fleet.model.hosts import TEMPORARY_FOR, Host, HostStatus, HostUser, opened_until
from monoize.control.fleet.store import host_states, host_users, hosts, installs, payloads, pools
from monoize.control.identity.actions import users
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx

_COLUMN_OF = {"roaming": "allow_roaming_ips"}


@dataclasses.dataclass(frozen=True, slots=True)
class HostFilter:
    pool: str | None = None
    status: HostStatus | None = None
    name: str | None = None
    insecure: bool | None = None
    silent_since: dt.datetime | None = None
    window_open_at: dt.datetime | None = None
    behind: bool = False
    """Those that hold another credential than the canonical one of their pool."""


@dataclasses.dataclass(frozen=True, slots=True)
class HostUsers:
    users: Sequence[HostUser]


async def list_hosts(tx: Tx, window: Window, wanted: HostFilter) -> Page[Host]:
    pool_id = (await pools.find(tx, wanted.pool)).id if wanted.pool is not None else None
    found = await hosts.page(
        tx,
        window,
        pool_id=pool_id,
        status=wanted.status,
        name=wanted.name,
        insecure=wanted.insecure,
        silent_since=wanted.silent_since,
        window_open_at=wanted.window_open_at,
        behind=await payloads.canonical_ids(tx) if wanted.behind else None,
    )
    return window.page(found, lambda host: host.id)


async def find(tx: Tx, named: str, *, lock: bool = False) -> Host:
    """By id or by name."""
    if named.isdecimal():
        return await hosts.get(tx, int(named), lock=lock)
    host = await hosts.named(tx, named.lower(), lock=lock)
    if host is None:
        raise NoSuchHost
    return host


async def in_step(tx: Tx, listed: Sequence[Host]) -> Collection[int]:
    """The ids of those that have what is canonical in their pool, as a whole or as it was served to them."""
    served = await host_states.served_many(tx, [host.id for host in listed])
    canonical: dict[str, tuple[int, str] | None] = {}
    for pool_id in {host.pool_id for host in listed}:
        pointer = await payloads.pointer(tx, pool_id)
        found = (await payloads.get(tx, pool_id, int(pointer))).payload if pointer else None
        canonical[pool_id] = (found.id, found.digest) if found else None
    return {
        host.id
        for host in listed
        if (wanted := canonical[host.pool_id]) and host.auth_digest and _has(host, wanted, served.get(host.id))
    }


def _has(host: Host, wanted: tuple[int, str], served: tuple[int, str] | None) -> bool:
    return host.auth_digest == wanted[1] or served == (wanted[0], host.auth_digest)


async def list_users(tx: Tx, named: str) -> HostUsers:
    return HostUsers(await host_users.of_host(tx, (await find(tx, named)).id))


async def update_host(change: Change, named: str, values: Mapping[str, Any], now: dt.datetime) -> Host:
    host = await find(change.tx, named, lock=True)
    columns = await columns_of(change.tx, values, now)
    changed = await hosts.change(change.tx, host.id, columns)
    changed = await give_gateway_key(change.tx, changed, await pools.get(change.tx, changed.pool_id))
    if changed.pool_id != host.pool_id:
        await hosts.forget_sync(change.tx, host.id)
        changed = await hosts.get(change.tx, host.id)
    _record(change, "host.update", host, changed=sorted(values))
    return changed


async def columns_of(tx: Tx, values: Mapping[str, Any], now: dt.datetime) -> dict[str, Any]:
    """What an operator says of a host, as it is stored."""
    columns = {_COLUMN_OF.get(name, name): value for name, value in values.items()}
    if "pool" in columns:
        columns["pool_id"] = (await pools.find(tx, columns.pop("pool"))).id
    if "temporary" in columns:
        columns["expires_at"] = now + TEMPORARY_FOR if columns.pop("temporary") else None
    if columns.get("user_id"):
        await users.get_user(tx, columns["user_id"])
    if columns.get("secure"):
        columns["insecure_enabled_until"] = None
    return columns


async def suspend(change: Change, named: str) -> Host:
    return await _with_status(change, named, "suspended", "host.suspend")


async def resume(change: Change, named: str) -> Host:
    return await _with_status(change, named, "active", "host.resume")


async def unbind(change: Change, named: str) -> Host:
    """The next call binds the host to the address that it comes from."""
    host = await find(change.tx, named, lock=True)
    _record(change, "host.unbind", host, ip=host.ip)
    return await hosts.change(change.tx, host.id, {"ip": None})


async def clear(change: Change, named: str) -> Host:
    """Forget what the host holds of its pool's credential; that itself stays as it is."""
    host = await find(change.tx, named, lock=True)
    await hosts.forget_sync(change.tx, host.id)
    _record(change, "host.clear", host)
    return await hosts.get(change.tx, host.id)


async def open_window(change: Change, named: str, minutes: int | None, now: dt.datetime) -> Host:
    host = await find(change.tx, named, lock=True)
    for_minutes = host.insecure_window_minutes if minutes is None else minutes
    until = opened_until(host, for_minutes, now)
    _record(change, "host.window_open", host, until=until.isoformat())
    values = {"insecure_enabled_until": until, "insecure_window_minutes": for_minutes}
    return await hosts.change(change.tx, host.id, values)


async def close_window(change: Change, named: str) -> Host:
    host = await find(change.tx, named, lock=True)
    _record(change, "host.window_close", host)
    return await hosts.change(change.tx, host.id, {"insecure_enabled_until": None})


async def delete_host(change: Change, named: str) -> None:
    host = await find(change.tx, named, lock=True)
    await forget(change.tx, host)
    # Without host_id: the row that it would point to is gone.
    change.record("host.delete", "host", host.id, fqdn=host.fqdn)


async def forget(tx: Tx, host: Host) -> None:
    """Remove a host with everything that was its own."""
    await give_gateway_key(tx, host, None)
    await hosts.remove(tx, host.id)


async def _with_status(change: Change, named: str, status: HostStatus, action: str) -> Host:
    host = await find(change.tx, named, lock=True)
    changed = await put_status(change.tx, host, status)
    _record(change, action, host)
    return changed


async def put_status(tx: Tx, host: Host, status: HostStatus) -> Host:
    """With all that follows from it, for whoever records why."""
    if status == "suspended":
        await installs.remove_of(tx, host.id)
    await allow_gateway(tx, host, allowed=status == "active")
    return await hosts.change(tx, host.id, {"status": status})


def _record(change: Change, action: str, host: Host, **details: Any) -> None:
    change.record(action, "host", host.id, host_id=host.id, fqdn=host.fqdn, **details)


async def names_of_hosts(tx: Tx, ids: Collection[str]) -> Mapping[str, str]:
    """What people call those that are still there."""
    found = await hosts.names_of(tx, [int(id) for id in ids])
    return {str(id): fqdn for id, fqdn in found.items()}
