"""What a host's call means before it is served: from where it may come, and that it is counted."""

import datetime as dt

import structlog

from monoize.control.fleet.actions import alerts
from monoize.control.fleet.errors import AddressNotBound
from monoize.control.fleet.model.alerts import Trouble
from monoize.control.fleet.model.hosts import AddressVerdict, Host, HostUser, address_verdict, seen_until
from monoize.control.fleet.store import host_users, hosts
from monoize.infra.audit_log import Change
from monoize.infra.db import Database, Tx

log = structlog.get_logger(__name__)

HOST_USERS_MOST = 200
_CHANGING: dict[AddressVerdict, str] = {"bind": "host.bind_ip", "move": "host.roam_ip"}


def changes_address(host: Host, ip: str | None, *, forced: bool) -> bool:
    """Whether the call binds the host anew; a refusal if it may not come from there."""
    verdict = address_verdict(host, ip, forced=forced)
    if verdict == "denied":
        raise AddressNotBound
    return verdict in _CHANGING


async def bind_address(change: Change, host_id: int, ip: str, now: dt.datetime, *, forced: bool) -> Host:
    """Decided once more with the host locked: of two first calls from two addresses one is refused."""
    host = await hosts.get(change.tx, host_id, lock=True)
    verdict = address_verdict(host, ip, forced=forced)
    if verdict == "denied":
        raise AddressNotBound
    if verdict == "move":
        await alerts.raise_alert(change.tx, _new_address(host, ip, let_in=True), now)
    action = _CHANGING.get(verdict, "host.bind_ip")
    change.record(action, "host", host.id, host_id=host.id, fqdn=host.fqdn, before=host.ip)
    return await hosts.change(change.tx, host.id, {"ip": ip})


async def tell_of_denied(database: Database, host: Host, ip: str | None, now: dt.datetime) -> None:
    """Somebody shows a valid key from where it may not be used: an operator ought to know."""
    log.warning("host_address_denied", fqdn=host.fqdn, ip=ip)
    async with database.write() as tx:
        await alerts.raise_alert(tx, _new_address(host, ip, let_in=False), now)


def _new_address(host: Host, ip: str | None, *, let_in: bool) -> Trouble:
    details = {"bound_to": host.ip, "called_from": ip, "let_in": let_in}
    return Trouble(kind="new_ip", subject=host.fqdn, host_id=host.id, pool_id=host.pool_id, details=details)


async def count(
    tx: Tx, host: Host, now: dt.datetime, *, client_version: str | None = None, wrapper_version: str | None = None
) -> None:
    """One call more, in the one transaction that it writes; versions stay as they were when none is told."""
    told = {"client_version": client_version, "wrapper_version": wrapper_version}
    values = {name: version for name, version in told.items() if version is not None}
    await hosts.seen(tx, host.id, now, {**values, **seen_until(host, now)})


async def knows_user(tx: Tx, host: Host, username: str, hostname: str | None, now: dt.datetime) -> bool:
    """Whether this person was seen on the host before; they are seen now."""
    return await host_users.seen(tx, host.id, username, hostname, now)


async def note_user(change: Change, host: Host, username: str, hostname: str | None, now: dt.datetime) -> None:
    """Somebody new uses the tool on this host; beyond a bound they are not kept, for no host has so many people."""
    await hosts.get(change.tx, host.id, lock=True)
    known = await host_users.seen(change.tx, host.id, username, hostname, now)
    is_kept = not known and await host_users.count(change.tx, host.id) < HOST_USERS_MOST
    if is_kept:
        await host_users.add(change.tx, host.id, username, hostname, now)
    change.record(
        "host.note_user", "host", host.id, host_id=host.id, fqdn=host.fqdn, username=username, kept=is_kept
    )


async def users_of(tx: Tx, host: Host) -> list[HostUser]:
    return list(await host_users.of_host(tx, host.id))
