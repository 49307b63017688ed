"""What is done with the channels of an agent. Their credentials are sealed at once and shown to nobody.

Only the control plane opens them, to write them into the configuration of the agent's machine.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.compute.actions import agents as agent_verbs
from monoize.control.compute.model.channels import (
    AgentChannel,
    ChannelCredentials,
    ChannelKind,
    SealedChannel,
    place,
)
from monoize.control.compute.store import agents, channels
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal


@dataclasses.dataclass(frozen=True, slots=True)
class AgentChannels:
    items: Sequence[AgentChannel]


async def list_channels(tx: Tx, seal: Seal, caller: Principal, agent_id: str) -> AgentChannels:
    agent = await agent_verbs.find(tx, caller, agent_id)
    return AgentChannels([_channel(seal, row) for row in await channels.of_agent(tx, agent.id)])


async def set_channel(
    change: Change,
    seal: Seal,
    agent_id: str,
    kind: ChannelKind,
    credentials: Mapping[str, str],
    webhook_secret: str | None,
) -> AgentChannel:
    """Instead of what was there of this kind."""
    tx = change.tx
    agent = await agent_verbs.find(tx, change.call.principal, agent_id, to_change=True)
    await agents.get(tx, agent.id, lock=True)
    values = {
        "credentials": seal.seal(json.dumps(dict(credentials)), *place(agent.id, kind, "credentials")),
        "webhook_secret": webhook_secret and seal.seal(webhook_secret, *place(agent.id, kind, "webhook_secret")),
    }
    is_new = await channels.put(tx, new_id(), agent.id, kind, values)
    change.record("agent.channel_set", "agent", agent.id, kind=kind, keys=sorted(credentials), replaced=not is_new)
    return _channel(seal, await channels.get(tx, agent.id, kind))


async def remove_channel(change: Change, agent_id: str, kind: str) -> None:
    agent = await agent_verbs.find(change.tx, change.call.principal, agent_id, to_change=True)
    await channels.remove(change.tx, agent.id, kind)
    change.record("agent.channel_remove", "agent", agent.id, kind=kind)


async def credentials_of(tx: Tx, seal: Seal, agent_id: str) -> Sequence[ChannelCredentials]:
    """For the configuration of the machine. SealBroken if one of them was changed."""
    return [
        ChannelCredentials(
            row.kind,
            _opened(seal, row),
            row.webhook_secret and seal.open(row.webhook_secret, *place(agent_id, row.kind, "webhook_secret")),
        )
        for row in await channels.of_agent(tx, agent_id)
    ]


def _channel(seal: Seal, row: SealedChannel) -> AgentChannel:
    return AgentChannel(
        id=row.id,
        agent_id=row.agent_id,
        kind=row.kind,
        keys=sorted(_opened(seal, row)),
        has_webhook_secret=row.webhook_secret is not None,
        created_at=row.created_at,
        set_at=row.updated_at,
    )


def _opened(seal: Seal, row: SealedChannel) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads(seal.open(row.credentials, *place(row.agent_id, row.kind, "credentials")))
    return found
