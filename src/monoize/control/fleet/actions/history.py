"""What operators do with a pool's credential: look, compare, replace, roll back, and forget.

Nothing but `reveal` shows a secret, and that is audited as a read.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from monoize.base.clock import utc_now
from monoize.control.edge.wire import Page, Window
from monoize.control.fleet.actions import payloads
from monoize.control.fleet.errors import (
    CanonicalInvalid,
    CredentialRefused,
    NoSuchPayload,
    NotUsedHere,
    PayloadInUse,
    StoredNothing,
)
from monoize.control.fleet.model import comparison, dates, documents, views
from monoize.control.fleet.model.comparison import Difference
from monoize.control.fleet.model.documents import BadDocument, Credential
from monoize.control.fleet.model.judgement import Version, judge_store
from monoize.control.fleet.model.payloads import Held, Origin, Payload, Standing
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.tools import CODEX, TOOLS
from monoize.control.fleet.store import payloads as payload_store
from monoize.control.fleet.store import pools as pool_store
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

_MARKS: Final = "credential mark"
_ID_CHARS_MOST: Final = 18


@dataclasses.dataclass(frozen=True, slots=True)
class PayloadView:
    """`values` are all values of the document by their JSON pointers, secrets as marks."""

    payload: Payload
    is_canonical: bool
    values: Mapping[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Revealed:
    """`document` is the file itself, as text."""

    payload: Payload
    document: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    before: Payload
    after: Payload
    differences: Sequence[Difference]


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """`updated`: the document is canonical now; `unchanged`: it was already."""

    status: str
    payload: Payload


def payload_id_of(text: str) -> int:
    if not text.isdecimal() or len(text) > _ID_CHARS_MOST:
        raise NoSuchPayload
    return int(text)


async def pool_named(tx: Tx, named: str) -> Pool:
    return await pool_store.find(tx, named)


async def standing(tx: Tx, seal: Seal, named: str) -> Standing:
    pool = await pool_named(tx, named)
    held, problem = None, None
    try:
        held = await payloads.canonical(tx, seal, pool)
    except CanonicalInvalid as refused:
        problem = refused.code
    hosts, current = await payload_store.count_holders(tx, pool.id, held.payload if held else None)
    return Standing(
        pool_id=pool.id,
        canonical=held.payload if held else None,
        targets=[entry.target for entry in held.credential.entries] if held else [],
        problem=problem,
        hosts=hosts,
        hosts_current=current,
    )


async def list_payloads(tx: Tx, named: str, window: Window) -> Page[Payload]:
    pool = await pool_named(tx, named)
    return window.page(await payload_store.page(tx, pool.id, window), lambda payload: payload.id)


async def show(tx: Tx, seal: Seal, named: str, payload_id: int) -> PayloadView:
    pool = await pool_named(tx, named)
    held = await _opened(tx, seal, pool, payload_id)
    values = comparison.masked(held.credential.document, _marks(seal))
    return PayloadView(held.payload, await _is_canonical(tx, pool, payload_id), values)


async def compare(tx: Tx, seal: Seal, named: str, before_id: int, after_id: int) -> Comparison:
    pool = await pool_named(tx, named)
    before = await _opened(tx, seal, pool, before_id)
    after = await _opened(tx, seal, pool, after_id)
    found = comparison.differences(before.credential.document, after.credential.document, _marks(seal))
    return Comparison(before.payload, after.payload, found)


async def reveal(change: Change, seal: Seal, named: str, payload_id: int) -> Revealed:
    """The document in plain text, for somebody who has to carry it elsewhere."""
    pool = await pool_named(change.tx, named)
    held = await _opened(change.tx, seal, pool, payload_id)
    _record(change, "credential.reveal", pool, held.payload)
    return Revealed(held.payload, held.credential.text)


async def upload(
    change: Change, seal: Seal, named: str, document: Any, *, force: bool, origin: Origin = "operator"
) -> Stored:
    """As if a host handed it in, without validation; `force` lets it be older than what is canonical, too."""
    pool = await pool_named(change.tx, named)
    credential = read_document(pool, document)
    held = await (payloads.replaceable if force else _canonical_locked)(change.tx, seal, pool)
    status = judge_store(
        held.version if held else None, Version(credential.digest, credential.moment), vouched=True
    )
    if force and status == "outdated":
        status = "updated"
    if status == "outdated":
        raise StoredNothing
    if status == "updated":
        payload = await payloads.keep(change.tx, seal, pool, credential, origin=origin)
    else:
        assert held is not None
        payload = held.payload
    _record(change, f"credential.{_VERB[origin]}", pool, payload, status=status, forced=force)
    return Stored(status, payload)


_VERB: Final[Mapping[Origin, str]] = {"operator": "upload", "seed": "seed"}


async def rollback(change: Change, seal: Seal, named: str, payload_id: int) -> Payload:
    """Let an earlier document count again, as a new entry of the history. Hosts take it over at their next sync."""
    pool = await pool_named(change.tx, named)
    await payloads.replaceable(change.tx, seal, pool)
    earlier = await _opened(change.tx, seal, pool, payload_id)
    payload = await payloads.keep(change.tx, seal, pool, earlier.credential, origin="rollback")
    _record(change, "credential.rollback", pool, payload, to_payload_id=payload_id)
    return payload


async def forget(change: Change, named: str, payload_id: int) -> None:
    """Delete an earlier document for good."""
    pool = await pool_named(change.tx, named)
    pointer = await payload_store.pointer(change.tx, pool.id, lock=True)
    payload = (await payload_store.get(change.tx, pool.id, payload_id)).payload
    if pointer == str(payload_id):
        raise PayloadInUse
    await payload_store.remove(change.tx, pool.id, payload_id)
    _record(change, "credential.forget", pool, payload)


def read_document(pool: Pool, document: Any) -> Credential:
    """What somebody who is no host hands in. CredentialRefused says where it is wrong."""
    if pool.mode == "gateway":
        raise NotUsedHere
    tool = TOOLS[pool.tool]
    try:
        credential = documents.read(_dated(pool, document), tool)
        documents.check_date(credential, tool, utc_now())
        if views.holds_host_token(credential.document):
            raise BadDocument("/tokens/refresh_token", "is one that a hub gave to a host; take the original")
    except BadDocument as problem:
        errors = [{"pointer": f"/body/auth{problem.pointer}", "message": problem.message}]
        raise CredentialRefused(errors=errors) from None
    return credential


def _dated(pool: Pool, document: Any) -> Any:
    """An API key alone has no date: it counts from now."""
    is_key = isinstance(document, Mapping) and document.get("OPENAI_API_KEY") and not document.get("tokens")
    if pool.tool == CODEX.name and is_key and document.get("last_refresh") is None:
        return {**document, "last_refresh": dates.written(utc_now())}
    return document


async def _canonical_locked(tx: Tx, seal: Seal, pool: Pool) -> Held | None:
    return await payloads.canonical(tx, seal, pool, lock=True)


async def _opened(tx: Tx, seal: Seal, pool: Pool, payload_id: int) -> Held:
    return payloads.opened(seal, await payload_store.get(tx, pool.id, payload_id), pool)


async def _is_canonical(tx: Tx, pool: Pool, payload_id: int) -> bool:
    return await payload_store.pointer(tx, pool.id) == str(payload_id)


def _marks(seal: Seal) -> comparison.Mac:
    return lambda secret: seal.mac(_MARKS, secret.encode())


def _record(change: Change, action: str, pool: Pool, payload: Payload, **facts: Any) -> None:
    change.record(action, "pool", pool.id, name=pool.name, payload_id=payload.id, digest=payload.digest, **facts)
