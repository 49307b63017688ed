"""How an endpoint is given what the room keeps running."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.projects.actions.followers import Followers
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.actions.upkeep import Upkeep
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.services import projects_of


def _proxy(request: Request) -> Proxy:
    return projects_of(request).proxy


def _engine(request: Request) -> Engine:
    return projects_of(request).engine


def _followers(request: Request) -> Followers:
    return projects_of(request).followers


def _upkeep(request: Request) -> Upkeep:
    return projects_of(request).upkeep


EngineHere = Annotated[Engine, Depends(_engine)]
FollowersHere = Annotated[Followers, Depends(_followers)]
UpkeepHere = Annotated[Upkeep, Depends(_upkeep)]
ProxyHere = Annotated[Proxy, Depends(_proxy)]
