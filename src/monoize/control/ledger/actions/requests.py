"""What readers of the request log get: requests newest first, and one of them explained, from attempts to charge.

What is not the caller's is not there. A name is told to those who may read what it names; what lies behind a
request, to those who may read everybody's ledger.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from monoize.base.principal import Principal
from monoize.control.catalog.actions import providers
from monoize.control.catalog.actions.providers import ProviderView
from monoize.control.edge.wire import PAGE_MOST, Page, Window
from monoize.control.identity.actions import keys, users
from monoize.control.identity.errors import NoSuchKey, NoSuchUser
from monoize.control.ledger.errors import NoSuchRequest
from monoize.control.ledger.model.entries import Entry, kinds_of_charge
from monoize.control.ledger.model.requests import (
    Attempt,
    Explanation,
    LoggedRequest,
    RequestFilter,
    RequestRecord,
    Tried,
    Upstream,
    bill_of,
    decisions_of,
    has_answered,
    tried_of,
)
from monoize.control.ledger.store import entries, request_logs
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

Places = Mapping[str, Upstream]
"""By the id of a channel: the names of it and of its provider."""
NOWHERE: Final = Upstream(None, None, None, None, None)


async def list_requests(tx: Tx, window: Window, wanted: RequestFilter) -> Page[LoggedRequest]:
    found = await request_logs.page(tx, window, wanted)
    return window.page(found, lambda request: f"{request.created_at_unix_ms} {request.id}")


async def explain(tx: Tx, seal: Seal, caller: Principal, request_id: str) -> Explanation:
    sees_behind = caller.may("ledger.read")
    record = await _record(tx, caller, request_id)
    request, tried = record.request, tried_of(record)
    entry = await _entry(tx, request)
    places = await _places(tx, seal, caller, _channel_ids(record, tried or ())) if sees_behind else {}
    return Explanation(
        request=request,
        username=await _username(tx, caller, request.user_id),
        key_name=await _key_name(tx, caller, request.api_key_id),
        # A provider that refuses our credential may repeat it.
        error_message=record.error_message if sees_behind else None,
        attempts=None if tried is None else list(_attempts(record, tried, places, sees_behind=sees_behind)),
        answered_by=_answered_by(record, tried, places) if sees_behind else None,
        bill=bill_of(record, entry, sees_behind=sees_behind),
        entry=entry,
        agent_record_id=record.agent_record_id,
        decisions=decisions_of(record),
    )


async def _record(tx: Tx, caller: Principal, request_id: str) -> RequestRecord:
    user_id = None if caller.may("ledger.read") else caller.user_id
    if user_id is None and not caller.may("ledger.read"):
        raise NoSuchRequest
    record = await request_logs.newest(tx, request_id, user_id=user_id)
    if record is None:
        raise NoSuchRequest
    return record


async def _entry(tx: Tx, request: LoggedRequest) -> Entry | None:
    """The row that charges it: to its user, or to the sub-account of its key."""
    if request.request_id is None:
        return None
    for kind in kinds_of_charge("request_charge"):
        entry = await entries.named(tx, kind, request.request_id)
        if entry is not None and entry.user_id == request.user_id:
            return entry
    return None


async def _username(tx: Tx, caller: Principal, user_id: str) -> str | None:
    if user_id != caller.user_id and not caller.may("users.read"):
        return None
    try:
        return (await users.get_user(tx, user_id)).username
    except NoSuchUser:
        return None


async def _key_name(tx: Tx, caller: Principal, key_id: str | None) -> str | None:
    if key_id is None:
        return None
    try:
        return (await keys.get_key(tx, caller, key_id)).name
    except NoSuchKey:
        return None


def _channel_ids(record: RequestRecord, tried: Sequence[Tried]) -> Collection[str]:
    return {id for id in (record.channel_id, *(each.channel for each in tried)) if id is not None}


async def _places(tx: Tx, seal: Seal, caller: Principal, channel_ids: Collection[str]) -> Places:
    """Of those of these channels that are still there; asked for page by page until all are found."""
    places: dict[str, Upstream] = {}
    after: str | None = None
    while caller.may("providers.read") and len(places) < len(channel_ids):
        page = await providers.list_providers(tx, seal, Window(PAGE_MOST, after))
        places |= {id: place for view in page.items for id, place in _places_at(view) if id in channel_ids}
        if page.next_cursor is None:
            break
        last = page.items[-1].record
        after = f"{last.priority} {last.id}"
    return places


def _places_at(view: ProviderView) -> Iterator[tuple[str, Upstream]]:
    record = view.record
    for channel in record.channels:
        yield channel.id, Upstream(channel.id, channel.name, record.id, record.name, None)


def _attempts(
    record: RequestRecord, tried: Sequence[Tried], places: Places, *, sees_behind: bool
) -> Iterator[Attempt]:
    for number, each in enumerate(tried, 1):
        yield Attempt(
            number=number,
            outcome=each.outcome(record.request.status),
            status=each.status or None,
            code=each.code or None,
            upstream=_upstream(record, each.channel, each.model, places) if sees_behind else None,
        )


def _answered_by(record: RequestRecord, tried: Sequence[Tried] | None, places: Places) -> Upstream | None:
    if not has_answered(record, tried):
        return None
    return _upstream(record, record.channel_id, record.upstream_model, places)


def _upstream(record: RequestRecord, channel_id: str | None, model: str | None, places: Places) -> Upstream:
    place = places.get(channel_id or "", NOWHERE)
    # Of a channel that is gone only the row can tell whose it was.
    provider_id = record.provider_id if channel_id == record.channel_id else place.provider_id
    return Upstream(channel_id, place.channel, provider_id, place.provider, model)
