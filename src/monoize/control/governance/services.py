"""What governance keeps running between requests: the counters of limits, and the ways out to people."""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from starlette.requests import HTTPConnection

from monoize.base.principal import Call
from monoize.control.edge.outside import Outside
from monoize.control.governance.actions.counting import Gates
from monoize.control.governance.actions.escalations import FailureSource
from monoize.control.governance.actions.health import Examiner
from monoize.control.governance.actions.notifications import Notifier
from monoize.control.governance.actions.syncing import Syncer
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
    examiner: Examiner
    failure_sources: Sequence[FailureSource]
    outside: Outside
    syncer: Syncer
    gates: Gates


def governance_of(connection: HTTPConnection) -> Governance:
    governance: Governance = connection.app.state.governance
    return governance
