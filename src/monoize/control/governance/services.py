"""What governance keeps running between requests: the counters of limits, and the ways out to people."""

import dataclasses
from typing import Protocol

from starlette.requests import HTTPConnection

from monoize.base.principal import Call
from monoize.control.governance.actions.notifications import Notifier
from monoize.infra.quotas import Quotas


class SecondFactor(Protocol):
    async def confirms(self, call: Call, sent: str) -> bool:
        """Whether what was sent proves once more that this caller is who they say."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Governance:
    quotas: Quotas
    second_factor: SecondFactor
    notifier: Notifier


def governance_of(connection: HTTPConnection) -> Governance:
    governance: Governance = connection.app.state.governance
    return governance
