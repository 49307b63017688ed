"""The routes of the room, a file for each noun."""

from monoize.control.edge.routers import Router
from monoize.control.telemetry.api import costs, observations, usage


def router() -> Router:
    return Router.joined(costs.router, usage.router, observations.router)
