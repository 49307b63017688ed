"""How an endpoint is given what the room keeps running."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.fleet.services import Fleet, fleet_of


def _fleet(request: Request) -> Fleet:
    return fleet_of(request)


FleetHere = Annotated[Fleet, Depends(_fleet)]
