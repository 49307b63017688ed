"""What telemetry asks of others: which agent it is that shows a token, and what may be kept of an agent."""

import dataclasses
from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection

from monoize.base.principal import Principal
from monoize.contract.policies.effective import EffectivePolicy
from monoize.infra.db import Tx


@dataclasses.dataclass(frozen=True, slots=True)
class Telemetry:
    agent_of: Callable[[Tx, Principal], Awaitable[str | None]]
    # Of whoever shows a key, or of the agent or record that a program names; None where nothing is said of them.
    policy_of: Callable[[Tx, Principal, str | None], Awaitable[EffectivePolicy | None]]


def telemetry_of(connection: HTTPConnection) -> Telemetry:
    telemetry: Telemetry = connection.app.state.telemetry
    return telemetry
