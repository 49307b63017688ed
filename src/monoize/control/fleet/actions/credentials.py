"""What a host does with its pool's credential: ask whether its own is current, and hand a newer one in.

Every host has a view of the canonical document: the tokens of its own targets and, where the hub refreshes, a
refresh token of its own. All digests that a host hears and says are digests of its view.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Final

from monoize.control.fleet.actions import calls, host_tokens, payloads
from monoize.control.fleet.errors import HubOwned, TargetNotAllowed
from monoize.control.fleet.model import documents, json_text, views
from monoize.control.fleet.model.documents import Credential, Document
from monoize.control.fleet.model.hosts import Host, seen_until
from monoize.control.fleet.model.judgement import (
    RetrieveStatus,
    StoreStatus,
    Version,
    judge_retrieve,
    judge_store,
)
from monoize.control.fleet.model.payloads import Held
from monoize.control.fleet.model.pools import Pool, PoolMode
from monoize.control.fleet.model.tools import TOOLS
from monoize.control.fleet.store import host_states, hosts
from monoize.control.fleet.store import payloads as payload_store
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

HUB_OWNED: Final[frozenset[PoolMode]] = frozenset({"hub", "api_key"})
"""Whatever a host has, the hub's is right."""
_NOT_FROM_HOSTS: Final[frozenset[PoolMode]] = frozenset({"api_key", "gateway"})


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """The canonical document as one host gets it."""

    payload_id: int
    version: Version
    document: Document = dataclasses.field(repr=False)
    host_token: str | None = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """What a host is told. The document is there when the host has to take it over."""

    status: RetrieveStatus | StoreStatus
    view: View | None
    gives_document: bool = False

    @property
    def document(self) -> Document | None:
        return self.view.document if self.view and self.gives_document else None


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """What a host says of itself with a call."""

    now: dt.datetime
    client_version: str | None = None
    wrapper_version: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Offer:
    """A document that a host hands in; `base_digest` is what it made it from, `vouched` that it was validated."""

    credential: Credential
    base_digest: str | None = None
    vouched: bool = False


async def retrieve(tx: Tx, seal: Seal, pool: Pool, host: Host, held: Version) -> Judged:
    """Reads only: what the host has to be told. `take_note` writes down that it was."""
    if pool.mode == "gateway":
        return Judged("valid", None)
    view = await _view(tx, seal, pool, host, await payloads.canonical(tx, seal, pool))
    status = judge_retrieve(
        view.version if view else None,
        held,
        superseded=await _is_superseded(tx, pool, host, view, held.digest),
        hub_owned=pool.mode in HUB_OWNED,
    )
    return Judged(status, view, gives_document=status == "outdated")


def is_routine(host: Host, judged: Judged, held: Version, told: Told) -> bool:
    """Whether the host has what it should, as before, so that nothing is to be written but that it called."""
    return (
        judged.status == "valid"
        and held.digest == host.auth_digest
        and told.client_version in (None, host.client_version)
        and told.wrapper_version in (None, host.wrapper_version)
        and not seen_until(host, told.now)
    )


async def take_note(tx: Tx, host: Host, judged: Judged, held: Version, told: Told) -> None:
    """Count the call and remember what the host has now; a host that had it before costs one small write."""
    # First, since it locks the host: whatever else is written of it waits here for its turn.
    await calls.count(tx, host, told.now, client_version=told.client_version, wrapper_version=told.wrapper_version)
    has = judged.view.version if judged.view and judged.document is not None else held
    if held.digest != host.auth_digest:
        await host_states.shown(tx, host.id, held.digest, told.now)
    if judged.status == "valid" and has.digest == host.auth_digest:
        return
    await hosts.change(tx, host.id, {"auth_digest": has.digest, "last_refresh": has.moment})
    if judged.view and has.digest == judged.view.version.digest:
        await _serve(tx, host, judged.view, told.now)


def record_read(change: Change, pool: Pool, host: Host, judged: Judged) -> None:
    """A credential left the hub in plain text."""
    assert judged.view is not None
    change.record(
        "credential.read",
        "host",
        host.id,
        host_id=host.id,
        fqdn=host.fqdn,
        pool=pool.name,
        payload_id=judged.view.payload_id,
        digest=judged.view.version.digest,
    )


def check_may_store(pool: Pool) -> None:
    if pool.mode in _NOT_FROM_HOSTS:
        raise HubOwned


async def would_replace(tx: Tx, seal: Seal, pool: Pool, host: Host, offer: Offer) -> Credential | None:
    """The document that the offer would make canonical if it is found to work, for whoever validates it before."""
    view = await _view(tx, seal, pool, host, held := await payloads.canonical(tx, seal, pool))
    vouched = dataclasses.replace(offer, vouched=True)
    if await _judge_store(tx, pool, host, view, vouched) != "updated":
        return None
    return _combined(pool, host, held, offer.credential)


def as_offered(pool: Pool, host: Host, whole: Credential) -> Credential:
    """A document that would replace all, as this host could hand it in."""
    tool = TOOLS[pool.tool]
    own = views.restricted(whole.document, tool, host.allowed_targets)
    return whole if own is None else documents.read(own, tool)


async def store(change: Change, seal: Seal, pool: Pool, host: Host, offer: Offer, told: Told) -> Judged:
    """Decided behind the lock on the pool's pointer: of many that hand something in at once, one wins."""
    tx, offered = change.tx, offer.credential
    check_may_store(pool)
    held = await payloads.canonical(tx, seal, pool, lock=True)
    if pool.mode == "hub" and held is None:
        raise HubOwned
    view = await _view(tx, seal, pool, host, held)
    status = await _judge_store(tx, pool, host, view, offer)
    if status == "updated":
        combined = _combined(pool, host, held, offered)
        payload = await payloads.keep(tx, seal, pool, combined, origin="host", source_host_id=host.id)
        view = await _view(tx, seal, pool, host, Held(payload, combined))
    judged = Judged(status, view, gives_document=status in ("updated", "outdated"))
    await take_note(tx, host, judged, Version(offered.digest, offered.moment), told)
    change.record(
        "credential.store",
        "host",
        host.id,
        host_id=host.id,
        fqdn=host.fqdn,
        pool=pool.name,
        status=status,
        digest=offered.digest,
        last_refresh=offered.moment.isoformat(),
        payload_id=view.payload_id if view else None,
    )
    return judged


async def _view(tx: Tx, seal: Seal, pool: Pool, host: Host, held: Held | None) -> View | None:
    """None when there is nothing for this host."""
    if held is None:
        return None
    tool = TOOLS[pool.tool]
    document = views.restricted(held.credential.document, tool, host.allowed_targets)
    if document is None:
        return None
    token = None
    if pool.mode == "hub" and views.refresh_token(document) is not None:
        token = await host_tokens.current(tx, seal, host.id)
        document = views.with_refresh_token(document, token)
    unchanged = document is held.credential.document
    digest = held.credential.digest if unchanged else json_text.digest(document)
    return View(held.payload.id, Version(digest, held.credential.moment), document, token)


async def _is_superseded(tx: Tx, pool: Pool, host: Host, view: View | None, digest: str) -> bool:
    """Whether this document was canonical once, as a whole or as this host was served it."""
    if view is None or digest == view.version.digest:
        return False
    served = await host_states.served(tx, host.id)
    if served is not None and served.seen_digest == digest and served.payload_id != view.payload_id:
        return True
    return await payload_store.has_known(tx, pool.id, digest)


async def _judge_store(tx: Tx, pool: Pool, host: Host, view: View | None, offer: Offer) -> StoreStatus:
    offered = offer.credential
    if pool.mode == "hub":
        return "unchanged" if view and view.version.digest == offered.digest else "conflict"
    _check_targets(pool, host, offered.document)
    # Left over from when the hub refreshed for this pool: nobody could ever refresh with it again.
    superseded = views.holds_host_token(offered.document) or await _is_superseded(
        tx, pool, host, view, offered.digest
    )
    return judge_store(
        view.version if view else None,
        Version(offered.digest, offered.moment),
        base_digest=offer.base_digest,
        superseded=superseded,
        vouched=offer.vouched,
    )


def _check_targets(pool: Pool, host: Host, document: Document) -> None:
    foreign = views.foreign_targets(document, TOOLS[pool.tool], host.allowed_targets)
    if foreign:
        raise TargetNotAllowed(targets=foreign[:20])


def _combined(pool: Pool, host: Host, held: Held | None, offered: Credential) -> Credential:
    if held is None or host.allowed_targets is None:
        return offered
    tool = TOOLS[pool.tool]
    whole: Mapping[str, object] = views.merged(
        held.credential.document, offered.document, tool, host.allowed_targets
    )
    return documents.read(whole, tool)


async def _serve(tx: Tx, host: Host, view: View, now: dt.datetime) -> None:
    await host_states.serve(tx, host.id, payload_id=view.payload_id, digest=view.version.digest, at=now)
    if view.host_token is not None:
        await host_tokens.give(tx, host.id, view.host_token)
