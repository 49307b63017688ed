"""Where the room keeps sealed values."""

from typing import Final

from monoize.control.compute.model import channels
from monoize.control.compute.model.agents import token_place
from monoize.control.compute.tables import agent_channels, agents
from monoize.infra.resealing import sealed_in

SEALED: Final = (
    sealed_in(agents, "gateway_token_sealed", lambda row: token_place(row.id)),
    sealed_in(agent_channels, "credentials", lambda row: channels.place(row.agent_id, row.kind, "credentials")),
    sealed_in(
        agent_channels, "webhook_secret", lambda row: channels.place(row.agent_id, row.kind, "webhook_secret")
    ),
)
