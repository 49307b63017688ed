"""Deliveries of GitHub: believed when they are signed with the project's secret, taken once, turned into builds.

The secret is made here, shown once to whoever asked for it, and kept sealed, since a signature is checked with it.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Final, Literal

from monoize.base.ids import new_secret
from monoize.base.principal import SYSTEM, Call
from monoize.control.edge.house import House
from monoize.control.edge.wire import Page, Window
from monoize.control.projects.actions import builds
from monoize.control.projects.actions.lockdown import refuse_in_lockdown
from monoize.control.projects.actions.opening import opened
from monoize.control.projects.errors import (
    DeliveryIsNoPush,
    NoSuchWebhook,
    NothingFollows,
    WebhookRefused,
    WebhookUnreadable,
)
from monoize.control.projects.model import webhooks as rules
from monoize.control.projects.model.repositories import Source
from monoize.control.projects.model.webhooks import Delivery, Ignored
from monoize.control.projects.store import projects, sources
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

GITHUB: Final = dataclasses.replace(SYSTEM, id="github", name="github")


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """What is answered to a delivery."""

    delivery_id: str
    outcome: Literal["accepted", "ignored", "duplicate"]
    reason: str | None
    builds: Sequence[int]


@dataclasses.dataclass(frozen=True, slots=True)
class NewWebhook:
    """What is entered at GitHub: the address, and the secret, which is not shown again."""

    url: str
    secret: str = dataclasses.field(repr=False)
    content_type: str = "application/json"
    events: Sequence[str] = ("push",)


class _CameInMeanwhile(Exception):
    pass


async def rotate(change: Change, seal: Seal, project_id: int, base_url: str) -> NewWebhook:
    """A new secret; deliveries signed with the one before are refused from now on."""
    await projects.get(change.tx, project_id, lock=True)
    secret = new_secret()
    await sources.put_webhook(change.tx, project_id, seal.seal(secret, *_place(project_id)))
    change.record("webhook.rotate", "project", project_id)
    return NewWebhook(f"{base_url}/api/webhooks/github/{project_id}", secret)


async def remove(change: Change, project_id: int) -> None:
    if not await sources.remove_webhook(change.tx, project_id):
        raise NoSuchWebhook
    change.record("webhook.delete", "project", project_id)


async def list_deliveries(tx: Tx, project_id: int, window: Window) -> Page[Delivery]:
    await projects.get(tx, project_id)
    found = await sources.deliveries(tx, project_id, window)
    return window.page(found, lambda delivery: delivery.id)


async def replay(change: Change, project_id: int, id: int) -> Delivery:
    """Let follow from a push what would follow from it now, as when its service was not yet built from there."""
    await projects.get(change.tx, project_id, lock=True)
    delivery = await sources.delivery(change.tx, project_id, id)
    if delivery.repository is None or delivery.branch is None or delivery.commit_id is None:
        raise DeliveryIsNoPush
    push = rules.Push(delivery.repository, delivery.branch, delivery.commit_id)
    wanted = rules.follows(push, await sources.of_project(change.tx, project_id))
    if isinstance(wanted, Ignored):
        raise NothingFollows(reason=wanted.reason)
    asked = await _builds(change, push, wanted, by=change.call.principal.label)
    await sources.built_from(change.tx, id, [*delivery.build_ids, *asked])
    change.record("webhook.replay", "project", project_id, delivery_id=delivery.delivery_id, builds=asked)
    return await sources.delivery(change.tx, project_id, id)


async def deliver(
    house: House,
    project_id: int,
    *,
    event: str,
    delivery_id: str,
    signature: str | None,
    body: bytes,
    request_id: str,
    ip: str | None,
) -> Taken:
    """Nothing of a delivery is believed before its signature was. A project without a secret takes none."""
    async with house.database.read() as tx:
        sealed = await sources.webhook_secret_sealed(tx, project_id)
        if sealed is None or not rules.is_genuine(_opened(house.seal, sealed, project_id), body, signature):
            raise WebhookRefused
        await refuse_in_lockdown(tx)
        earlier = await sources.delivered(tx, project_id, delivery_id)
    if earlier is not None:
        return Taken(delivery_id, "duplicate", earlier.reason, earlier.build_ids)
    found = _read(event, body)
    try:
        async with house.audit_log.change(Call(GITHUB, request_id, ip)) as change:
            return await _take(change, project_id, event, delivery_id, found)
    except _CameInMeanwhile:
        return Taken(delivery_id, "duplicate", None, ())


async def _take(
    change: Change, project_id: int, event: str, delivery_id: str, found: rules.Push | Ignored
) -> Taken:
    """The delivery and the builds that follow from it are written down together, or not at all."""
    wanted: Sequence[Source] | Ignored
    if isinstance(found, rules.Push):
        wanted = rules.follows(found, await sources.of_project(change.tx, project_id))
    else:
        wanted = found
    ignored = wanted if isinstance(wanted, Ignored) else None
    values: dict[str, Any] = {
        "event": event,
        "repository": found.repository,
        "branch": found.branch if isinstance(found, rules.Push) else None,
        "commit_id": found.commit if isinstance(found, rules.Push) else None,
        "outcome": "ignored" if ignored else "accepted",
        "reason": ignored.reason if ignored else None,
    }
    id = await sources.add_delivery(change.tx, project_id, delivery_id, values)
    if id is None:
        raise _CameInMeanwhile
    asked: Sequence[int] = ()
    if isinstance(found, rules.Push) and not isinstance(wanted, Ignored):
        asked = await _builds(change, found, wanted, by=GITHUB.label)
        await sources.built_from(change.tx, id, asked)
    change.record("webhook.receive", "project", project_id, delivery_id=delivery_id, event=event, builds=asked)
    return Taken(delivery_id, values["outcome"], values["reason"], asked)


async def _builds(change: Change, push: rules.Push, wanted: Sequence[Source], *, by: str) -> Sequence[int]:
    reason = f"push of {push.commit[:12]} to {push.branch}"
    asked = [
        await builds.enqueue(change.tx, source.service_id, ref=push.commit, deploys=True, by=by, reason=reason)
        for source in wanted
    ]
    return [build.id for build in asked]


def _read(event: str, body: bytes) -> rules.Push | Ignored:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise WebhookUnreadable("The body is no JSON.") from problem
    try:
        return rules.read(event, document)
    except rules.NotReadable as problem:
        raise WebhookUnreadable(f"{problem}.") from problem


def _opened(seal: Seal, sealed: str, project_id: int) -> str:
    return opened(seal, sealed, _place(project_id), "webhook")


def _place(project_id: int) -> tuple[str, ...]:
    return "project_webhooks", "secret_sealed", str(project_id)
