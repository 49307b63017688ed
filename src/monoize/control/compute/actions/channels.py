"""What is done with the channels of an agent. Their credentials are sealed at once and shown to nobody.

Whatever changes them writes down in the same transaction that the agent's machine is to be told; `deliveries`
opens them and tells it.
"""

import contextlib
import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.compute.actions import agents as agent_verbs
from monoize.control.compute.model.channels import (
    AgentChannel,
    ChannelCredentials,
    ChannelKind,
    ChannelRemoval,
    SealedChannel,
    place,
)
from monoize.control.compute.model.deliveries import Delivery, hindrance, told
from monoize.control.compute.store import agents, channels, deliveries, machines
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal, SealBroken


@dataclasses.dataclass(frozen=True, slots=True)
class AgentChannels:
    """`removing`: those that the agent's machine has yet to forget."""

    items: Sequence[AgentChannel]
    removing: Sequence[ChannelRemoval] = ()


async def list_channels(tx: Tx, seal: Seal, caller: Principal, agent_id: str) -> AgentChannels:
    agent = await agent_verbs.find(tx, caller, agent_id)
    return await _listed(tx, seal, agent.id)


async def set_channel(
    change: Change,
    seal: Seal,
    agent_id: str,
    kind: ChannelKind,
    credentials: Mapping[str, str],
    webhook_secret: str | None,
    *,
    now: dt.datetime,
) -> AgentChannel:
    """Instead of what was there of this kind."""
    tx = change.tx
    agent = await agent_verbs.find(tx, change.call.principal, agent_id, to_change=True)
    await agents.get(tx, agent.id, lock=True)
    former_keys = await _keys_told(tx, seal, agent.id, kind)
    values = {
        "credentials": seal.seal(json.dumps(dict(credentials)), *place(agent.id, kind, "credentials")),
        "webhook_secret": webhook_secret and seal.seal(webhook_secret, *place(agent.id, kind, "webhook_secret")),
    }
    is_new = await channels.put(tx, new_id(), agent.id, kind, values)
    await deliveries.mark(tx, agent.id, kind, former_keys, now)
    change.record("agent.channel_set", "agent", agent.id, kind=kind, keys=sorted(credentials), replaced=not is_new)
    return next(each for each in (await _listed(tx, seal, agent.id)).items if each.kind == kind)


async def remove_channel(change: Change, seal: Seal, agent_id: str, kind: str, *, now: dt.datetime) -> None:
    tx = change.tx
    agent = await agent_verbs.find(tx, change.call.principal, agent_id, to_change=True, lock=True)
    former_keys = await _keys_told(tx, seal, agent.id, kind)
    await channels.remove(tx, agent.id, kind)
    await deliveries.mark(tx, agent.id, kind, former_keys, now)
    change.record("agent.channel_remove", "agent", agent.id, kind=kind)


async def credentials_of(tx: Tx, seal: Seal, agent_id: str) -> Sequence[ChannelCredentials]:
    """For the configuration of the machine. SealBroken if one of them was changed."""
    return [_credentials(seal, row) for row in await channels.of_agent(tx, agent_id)]


async def _keys_told(tx: Tx, seal: Seal, agent_id: str, kind: str) -> Iterable[str]:
    """What the machine may know of this channel."""
    for row in await channels.of_agent(tx, agent_id):
        # One that does not open was told to nobody, and must not stand in the way of another.
        with contextlib.suppress(SealBroken):
            if row.kind == kind:
                return told(_credentials(seal, row)).keys()
    return ()


async def _listed(tx: Tx, seal: Seal, agent_id: str) -> AgentChannels:
    agent = await agents.get(tx, agent_id)
    machine = await machines.find(tx, agent.vps_id) if agent.vps_id else None
    hindered = hindrance(agent, machine)
    known = {each.kind: each for each in await deliveries.of_agent(tx, agent_id)}
    items = [
        _channel(seal, row, known.pop(row.kind, None), hindered) for row in await channels.of_agent(tx, agent_id)
    ]
    # Where there is no machine, nothing is left to forget.
    removing = [ChannelRemoval(each.kind, hindered or each.problem) for each in known.values() if machine]
    return AgentChannels(items, removing)


def _channel(seal: Seal, row: SealedChannel, delivery: Delivery | None, hindered: str | None) -> AgentChannel:
    is_done = delivery is not None and delivery.is_done
    return AgentChannel(
        id=row.id,
        agent_id=row.agent_id,
        kind=row.kind,
        keys=sorted(_opened(seal, row)),
        has_webhook_secret=row.webhook_secret is not None,
        created_at=row.created_at,
        set_at=row.updated_at,
        delivered=is_done,
        delivered_at=delivery.delivered_at if delivery else None,
        problem=None if is_done else hindered or (delivery.problem if delivery else None),
    )


def _credentials(seal: Seal, row: SealedChannel) -> ChannelCredentials:
    secret = row.webhook_secret
    return ChannelCredentials(
        row.kind,
        _opened(seal, row),
        secret and seal.open(secret, *place(row.agent_id, row.kind, "webhook_secret")),
    )


def _opened(seal: Seal, row: SealedChannel) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads(seal.open(row.credentials, *place(row.agent_id, row.kind, "credentials")))
    return found
