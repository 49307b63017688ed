"""How an endpoint is given what the room keeps running."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.edge.audience import Audience
from monoize.control.projects.actions.backups import Backups
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.actions.upkeep import Upkeep
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.services import projects_of


def _proxy(request: Request) -> Proxy:
    return projects_of(request).proxy


def _engine(request: Request) -> Engine:
    return projects_of(request).engine


def _audience(request: Request) -> Audience:
    return projects_of(request).audience


def _upkeep(request: Request) -> Upkeep:
    return projects_of(request).upkeep


def _backups(request: Request) -> Backups:
    return projects_of(request).backups


AudienceHere = Annotated[Audience, Depends(_audience)]
BackupsHere = Annotated[Backups, Depends(_backups)]
EngineHere = Annotated[Engine, Depends(_engine)]
UpkeepHere = Annotated[Upkeep, Depends(_upkeep)]
ProxyHere = Annotated[Proxy, Depends(_proxy)]
