"""What somebody has stopped by hand. Asked before anything else, and nobody is above it."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import msgspec

Scope = Literal["global", "tenant", "agent"]


class Stop(NamedTuple):
    scope: Scope
    reason: str


class Stops(msgspec.Struct, frozen=True):
    """Reasons: of a stop of everything, and of stops of tenants and of agents by their ids."""

    globally: str | None = None
    tenants: Mapping[str, str] = {}
    agents: Mapping[str, str] = {}

    @property
    def is_empty(self) -> bool:
        return self.globally is None and not self.tenants and not self.agents

    def of(self, tenant_id: str, config_id: str | None = None) -> Stop | None:
        """The widest that holds for an agent of a record, or for whoever has none."""
        if self.globally is not None:
            return Stop("global", self.globally)
        if tenant_id in self.tenants:
            return Stop("tenant", self.tenants[tenant_id])
        if config_id is not None and config_id in self.agents:
            return Stop("agent", self.agents[config_id])
        return None


NOTHING_STOPPED: Final = Stops()
