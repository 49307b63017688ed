"""The routes of the room, a file for each noun."""

from fastapi import APIRouter

from monoize.control.compute.api import agents, gateway, machines, operations, plans, presets, usage


def router() -> APIRouter:
    together = APIRouter()
    for part in (
        agents.router,
        gateway.router,
        machines.of_agents,
        machines.router,
        operations.router,
        plans.router,
        plans.of_users,
        presets.router,
        usage.router,
    ):
        together.include_router(part)
    return together
