"""The routes of the room, a file for each noun."""

from monoize.control.compute.api import agents, gateway, machines, operations, plans, presets, usage
from monoize.control.edge.routers import Router


def router() -> Router:
    return Router.joined(
        agents.router,
        gateway.router,
        machines.of_agents,
        machines.router,
        operations.router,
        plans.router,
        plans.of_users,
        presets.router,
        usage.router,
    )
