"""The routes of the room, a file for each noun."""

from fastapi import APIRouter

from monoize.control.compute.api import agents, gateway, machines, operations, plans, presets, usage
from monoize.control.edge.routers import joined


def router() -> APIRouter:
    return joined(
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
