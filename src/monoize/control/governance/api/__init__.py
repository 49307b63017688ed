"""The routes of the room, a file for each noun."""

from monoize.control.edge.routers import Router
from monoize.control.governance.api import (
    agent_health,
    agent_records,
    approvals,
    buckets,
    escalations,
    governed_keys,
    limits,
    notes,
    operations,
    shadow,
    stops,
    webhook_keys,
)


def router() -> Router:
    parts = (
        agent_records,
        agent_health,
        governed_keys,
        limits,
        operations,
        approvals,
        escalations,
        shadow,
        stops,
        webhook_keys,
        notes,
        buckets,
    )
    return Router.joined(*(part.router for part in parts), buckets.of_objects)
