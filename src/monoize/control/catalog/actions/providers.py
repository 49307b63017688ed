"""What administrators do with upstreams: describe providers with their channels and models, and order them.

A credential goes in and never comes out: it is sealed for its channel, and shown is only how it ends.
"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.catalog.actions import sheets
from monoize.control.catalog.errors import (
    NoSuchChannel,
    OrderIncomplete,
    ProviderExists,
    TooManyProviders,
)
from monoize.control.catalog.model.providers import (
    KEPT,
    PROVIDERS_MOST,
    ChannelDraft,
    ChannelRecord,
    ChannelSettings,
    ProviderDraft,
    ProviderRecord,
    ProviderSettings,
    Rank,
    check,
    check_credential_stays,
    credential_place,
    hint_of,
    price_names,
)
from monoize.control.catalog.store import channels, providers
from monoize.control.edge.wire import Page, Window
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderView:
    """A provider with how its channels' credentials end, and which of its models have no price now."""

    record: ProviderRecord
    hints: Mapping[str, str | None]
    unpriced_models: Sequence[str]


async def list_providers(tx: Tx, seal: Seal, window: Window, name: str | None = None) -> Page[ProviderView]:
    priority, _, id = (window.after or "").partition(" ")
    after = Rank(int(priority), id) if window.after else None
    records = await providers.page(tx, most=window.limit + 1, after=after, name=name)
    page = window.page(records, lambda record: f"{record.priority} {record.id}")
    return Page(await _views(tx, seal, page.items), page.next_cursor)


async def get_provider(tx: Tx, seal: Seal, provider_id: str) -> ProviderView:
    (view,) = await _views(tx, seal, [await providers.get(tx, provider_id)])
    return view


async def create_provider(change: Change, seal: Seal, draft: ProviderDraft) -> ProviderView:
    """It is tried after all others, until somebody orders them otherwise."""
    check(draft)
    await providers.lock(change.tx)
    ranks = await providers.ranks(change.tx)
    if len(ranks) >= PROVIDERS_MOST:
        raise TooManyProviders
    await _check_name_is_free(change.tx, draft)
    draft = with_channel_ids(draft, {})
    provider_id = await add(change.tx, seal, draft, priority=ranks[-1].priority + 1 if ranks else 0)
    change.record("provider.create", "provider", provider_id, name=draft.name, **_differences({}, draft))
    return await get_provider(change.tx, seal, provider_id)


async def update_provider(change: Change, seal: Seal, provider_id: str, values: Mapping[str, Any]) -> ProviderView:
    """`values` are fields of a `ProviderDraft`; channels and models that are among them take the place of all."""
    await providers.lock(change.tx)
    before = await providers.get(change.tx, provider_id)
    known = {channel.id: channel for channel in before.channels}
    after = with_channel_ids(dataclasses.replace(before.draft(), **values), known)
    await write(change.tx, seal, before, after)
    facts = {"changed": _changed(ProviderSettings, before, after), **_differences(known, after)}
    change.record("provider.update", "provider", provider_id, name=after.name, **facts)
    return await get_provider(change.tx, seal, provider_id)


async def delete_provider(change: Change, provider_id: str) -> None:
    await providers.lock(change.tx)
    before = await providers.get(change.tx, provider_id)
    await providers.remove(change.tx, provider_id)
    change.record("provider.delete", "provider", provider_id, name=before.name)


async def order(tx: Tx) -> Sequence[str]:
    """The ids of all of them, the one that is tried first at the top."""
    return [rank.id for rank in await providers.ranks(tx)]


async def reorder(change: Change, provider_ids: Sequence[str]) -> None:
    """The first is tried first."""
    await providers.lock(change.tx)
    ranks = await providers.ranks(change.tx)
    if sorted(provider_ids) != sorted(rank.id for rank in ranks):
        raise OrderIncomplete
    before = {rank.id: rank.priority for rank in ranks}
    moved = {id: place for place, id in enumerate(provider_ids) if before[id] != place}
    await providers.rank(change.tx, moved)
    change.record("provider.reorder", "routing", "order", order=list(provider_ids))


async def add_channel(change: Change, seal: Seal, provider_id: str, channel: ChannelDraft) -> ProviderView:
    await providers.lock(change.tx)
    before = await providers.get(change.tx, provider_id)
    new = dataclasses.replace(channel, id=new_id())
    draft = before.draft()
    await write(change.tx, seal, before, dataclasses.replace(draft, channels=(*draft.channels, new)))
    change.record("channel.create", "channel", new.id, **_named(provider_id, new))
    return await get_provider(change.tx, seal, provider_id)


async def update_channel(
    change: Change, seal: Seal, provider_id: str, channel_id: str, values: Mapping[str, Any]
) -> ProviderView:
    """`values` are fields of a `ChannelDraft`; models that are among them take the place of all."""
    await providers.lock(change.tx)
    before = await providers.get(change.tx, provider_id)
    channel = before.channel(channel_id)
    after = dataclasses.replace(channel.draft(), **values)
    others = tuple(each for each in before.draft().channels if each.id != channel_id)
    await write(change.tx, seal, before, dataclasses.replace(before.draft(), channels=(*others, after)))
    changed = _changed(ChannelSettings, channel, after)
    change.record("channel.update", "channel", channel_id, **_named(provider_id, after), changed=changed)
    return await get_provider(change.tx, seal, provider_id)


async def delete_channel(change: Change, provider_id: str, channel_id: str) -> None:
    await providers.lock(change.tx)
    channel = (await providers.get(change.tx, provider_id)).channel(channel_id)
    await channels.remove(change.tx, [channel_id])
    change.record("channel.delete", "channel", channel_id, provider_id=provider_id, name=channel.name)


async def add(tx: Tx, seal: Seal, draft: ProviderDraft, *, priority: int) -> str:
    """Behind the lock. Its channels all have ids; its own is new."""
    provider_id = new_id()
    await providers.add(tx, provider_id, priority, draft)
    for channel in draft.channels:
        await _add_channel(tx, seal, provider_id, channel)
    return provider_id


async def write(tx: Tx, seal: Seal, before: ProviderRecord, after: ProviderDraft) -> None:
    """Behind the lock. The channels of `after` all have ids."""
    check(after)
    if after.name != before.name:
        await _check_name_is_free(tx, after)
    await providers.change(tx, before, after)
    known = {channel.id: channel for channel in before.channels}
    await channels.remove(tx, known.keys() - {channel.id for channel in after.channels})
    for channel in after.channels:
        standing = known.get(channel.id or "")
        if standing is None:
            await _add_channel(tx, seal, before.id, channel)
        else:
            check_credential_stays(standing, channel)
            await channels.change(tx, standing, channel, _sealed(seal, channel, standing.sealed_credential))


async def _add_channel(tx: Tx, seal: Seal, provider_id: str, channel: ChannelDraft) -> None:
    assert channel.id
    await channels.add(tx, channel.id, provider_id, channel, _sealed(seal, channel, ""))


def _sealed(seal: Seal, channel: ChannelDraft, stored: str) -> str:
    assert channel.id
    if channel.credential is KEPT:
        return stored
    return seal.seal(channel.credential, *credential_place(channel.id)) if channel.credential else ""


async def _check_name_is_free(tx: Tx, settings: ProviderSettings) -> None:
    if await providers.is_taken(tx, settings.name):
        raise ProviderExists


def with_channel_ids(draft: ProviderDraft, known: Mapping[str, ChannelRecord]) -> ProviderDraft:
    """Those without one are new; those with one are among the known."""
    if any(channel.id and channel.id not in known for channel in draft.channels):
        raise NoSuchChannel
    named = tuple(dataclasses.replace(channel, id=channel.id or new_id()) for channel in draft.channels)
    return dataclasses.replace(draft, channels=named)


def _changed(settings: type[ProviderSettings | ChannelSettings], before: object, after: object) -> list[str]:
    names = [field.name for field in dataclasses.fields(settings)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def _differences(known: Mapping[str, ChannelRecord], after: ProviderDraft) -> dict[str, Any]:
    """How the audit log tells what became of the channels: above all where which credential goes from now on."""
    kept = {channel.id for channel in after.channels}
    return {
        "channels_removed": sorted(known.keys() - kept),
        "channels_added": [channel.id for channel in after.channels if channel.id not in known],
        "keys_set": [channel.id for channel in after.channels if channel.credential is not KEPT],
        "addresses": {
            channel.id: channel.base_url
            for channel in after.channels
            if (standing := known.get(channel.id or "")) is None or standing.base_url != channel.base_url
        },
    }


def _named(provider_id: str, channel: ChannelDraft) -> dict[str, Any]:
    return {
        "provider_id": provider_id,
        "name": channel.name,
        "address": channel.base_url,
        "key_set": channel.credential is not KEPT,
    }


async def _views(tx: Tx, seal: Seal, records: Sequence[ProviderRecord]) -> Sequence[ProviderView]:
    """One query for the prices of all of them."""
    names = {record.id: list(price_names(record)) for record in records}
    wanted = {key for of_record in names.values() for _, keys in of_record for key in keys}
    known = await sheets.sheets(tx, wanted, at_s=int(utc_now().timestamp()))
    priced_now = {model for model, sheet in known.items() if sheet.book != "unpriced"}
    return [
        ProviderView(
            record=record,
            hints={channel.id: _hint(seal, channel) for channel in record.channels},
            unpriced_models=sorted({name for name, keys in names[record.id] if priced_now.isdisjoint(keys)}),
        )
        for record in records
    ]


def _hint(seal: Seal, channel: ChannelRecord) -> str | None:
    with contextlib.suppress(SealBroken):
        return hint_of(seal.open(channel.sealed_credential, *credential_place(channel.id)))
    return None
