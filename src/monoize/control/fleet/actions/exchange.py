"""A refresh token that we gave to a host, against the tokens of its pool as they are now."""

import dataclasses
import datetime as dt
from typing import Any

from monoize.control.fleet.actions import alerts, host_tokens, payloads
from monoize.control.fleet.actions.calls import count
from monoize.control.fleet.actions.hosts import put_status
from monoize.control.fleet.errors import AccessTokenStale, AddressNotBound, HostTokenInvalid
from monoize.control.fleet.model import documents
from monoize.control.fleet.model.alerts import Trouble
from monoize.control.fleet.model.hosts import Host, address_verdict, check_may_call, check_window
from monoize.control.fleet.model.payloads import Held
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.renewal import is_stale
from monoize.control.fleet.model.tools import CODEX
from monoize.control.fleet.store import hosts, pools
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Who asks, and what there is to give."""

    host: Host
    pool: Pool
    held: Held


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Renewed:
    access_token: str
    id_token: str | None
    refresh_token: str


async def look_up(tx: Tx, seal: Seal, token: str, ip: str | None, now: dt.datetime) -> Wanted:
    """Reads only. The token names its host; that may call as it may with its key, and from its own address."""
    host = await hosts.get(tx, await host_tokens.host_of(tx, token))
    check_may_call(host, now)
    check_window(host, now)
    if address_verdict(host, ip) == "denied":
        raise AddressNotBound
    pool = await pools.get(tx, host.pool_id)
    held = await payloads.canonical(tx, seal, pool) if pool.mode == "hub" else None
    if held is None or (host.allowed_targets is not None and CODEX.login_target not in host.allowed_targets):
        raise HostTokenInvalid
    if is_stale(documents.access_token(held.credential.document, CODEX) or "", now):
        raise AccessTokenStale
    return Wanted(host, pool, held)


async def renew(change: Change, seal: Seal, wanted: Wanted, token: str, now: dt.datetime) -> Renewed | None:
    """None when the login was copied: then the host is out until somebody has looked into it."""
    tx, host, pool = change.tx, wanted.host, wanted.pool
    # First, since it locks the host: of two that use one token at once, the second sees what the first did.
    await count(tx, host, now)
    shown = await host_tokens.use(tx, seal, token, now)
    facts: dict[str, Any] = {"fqdn": host.fqdn, "pool": pool.name, "generation": shown.generation}
    if shown.copied:
        await host_tokens.start_over(tx, seal, host.id)
        await put_status(tx, host, "suspended")
        details = {"called_from": change.call.ip, "generation": shown.generation}
        trouble = Trouble(
            kind="clone_detected", subject=host.fqdn, host_id=host.id, pool_id=pool.id, details=details
        )
        await alerts.raise_alert(tx, trouble, now)
        change.record("host.clone_detected", "host", host.id, host_id=host.id, **facts)
        return None
    change.record("credential.renew", "host", host.id, host_id=host.id, **facts)
    return Renewed(
        access_token=_text(wanted.held, "access_token") or "",
        id_token=_text(wanted.held, "id_token"),
        refresh_token=await host_tokens.current(tx, seal, host.id),
    )


def shown(renewed: Renewed) -> dict[str, str]:
    """As the provider words it."""
    return {name: token for name, token in dataclasses.asdict(renewed).items() if token is not None}


def _text(held: Held, name: str) -> str | None:
    value = documents.at(held.credential.document, ("tokens", name))
    return value if isinstance(value, str) else None
