"""The providers of a document: found beside those that there are, and written behind the lock of routing."""

import dataclasses
import hmac
from collections.abc import Sequence

from monoize.base.urls import origin
from monoize.control.catalog.actions import providers as provider_actions
from monoize.control.catalog.model import configured_providers
from monoize.control.catalog.model.configuration import Wanted
from monoize.control.catalog.model.configured_providers import Step
from monoize.control.catalog.model.providers import (
    KEPT,
    ChannelDraft,
    ChannelRecord,
    ProviderDraft,
    ProviderRecord,
    credential_place,
)
from monoize.control.catalog.store import providers
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken


async def steps(tx: Tx, seal: Seal, wanted: Wanted) -> list[Step]:
    if wanted.providers is None:
        return []
    standing = await providers.every(tx)
    by_name = {record.name: record for record in standing}
    drafts = [_with_known_keys(seal, by_name.get(draft.name), draft) for draft in wanted.providers]
    return configured_providers.steps(standing, drafts, prune=wanted.prune)


def _with_known_keys(seal: Seal, record: ProviderRecord | None, draft: ProviderDraft) -> ProviderDraft:
    """A key that is stored already is kept, and so is none where there is none."""
    known = {channel.name: channel for channel in record.channels} if record else {}
    channels = [
        dataclasses.replace(channel, credential=KEPT)
        if channel.name in known and _is_stored(seal, known[channel.name], channel)
        else channel
        for channel in draft.channels
    ]
    return dataclasses.replace(draft, channels=tuple(channels))


def _is_stored(seal: Seal, record: ChannelRecord, channel: ChannelDraft) -> bool:
    if not isinstance(channel.credential, str):
        return channel.credential is None and not record.sealed_credential
    if origin(record.base_url) != origin(channel.base_url):
        # It was named for where it goes from now on.
        return False
    try:
        stored = seal.open(record.sealed_credential, *credential_place(record.id))
    except SealBroken:
        return False
    return hmac.compare_digest(stored.encode(), channel.credential.encode())


async def write(tx: Tx, seal: Seal, steps: Sequence[Step]) -> None:
    """Those that go make way first."""
    for step in steps:
        if step.before and step.after is None:
            await providers.remove(tx, step.before.id)
    moved: dict[str, int] = {}
    staying = [(step.before, step.after) for step in steps if step.after]
    for place, (before, after) in enumerate(staying):
        known = {channel.id: channel for channel in before.channels} if before else {}
        draft = provider_actions.with_channel_ids(after, known)
        if before is None:
            await provider_actions.add(tx, seal, draft, priority=place)
            continue
        if configured_providers.is_changed(Step(before, after)):
            await provider_actions.write(tx, seal, before, draft)
        if before.priority != place:
            moved[before.id] = place
    await providers.rank(tx, moved)
