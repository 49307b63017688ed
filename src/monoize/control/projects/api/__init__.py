"""The routes of the room, a file for each noun; all of them keep to a caller's projects, and to a lockdown."""

from fastapi import APIRouter, Depends

from monoize.control.projects.api import (
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


def router() -> APIRouter:
    together = APIRouter(dependencies=[Depends(within_scope)])
    for part in (
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
    ):
        together.include_router(part.router)
    return together


def public_router() -> APIRouter:
    """What is called without a credential of ours: each of these believes nobody by itself."""
    together = APIRouter()
    together.include_router(webhooks.public_router)
    together.include_router(sockets.router)
    return together
