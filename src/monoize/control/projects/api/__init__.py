"""The routes of the room, a file for each noun; all of them keep to a caller's projects, and to a lockdown."""

from typing import Final

from fastapi import Depends

from monoize.control.edge.routers import Router
from monoize.control.projects.api import (
    backups,
    builds,
    certificates,
    deployments,
    domains,
    environments,
    lockdown,
    nginx,
    orphans,
    projects,
    registries,
    routes,
    running,
    secrets,
    services,
    sockets,
    webhooks,
)
from monoize.control.projects.api.scope import within_scope

WITHIN: Final = (Depends(within_scope),)
"""What holds for all of `router`, whoever includes it."""


def router() -> Router:
    parts = (
        environments,
        lockdown,
        routes,
        nginx,
        domains,
        certificates,
        secrets,
        deployments,
        builds,
        webhooks,
        projects,
        services,
        running,
        registries,
        orphans,
        backups,
    )
    return Router.joined(*(part.router for part in parts))


def public_router() -> Router:
    """What is called without a credential of ours: each of these believes nobody by itself."""
    return Router.joined(webhooks.public_router, sockets.router)
