"""Who may look at the fleet and change it, and the parts that every page of the room leads to."""

from typing import Annotated, Final

from starlette.requests import Request

from monoize.control.edge.house import House
from monoize.control.fleet.model.installs import installer_base
from monoize.control.identity.services import public_address
from monoize.dashboard.session import Person, permitted

Reader = Annotated[Person, permitted("fleet.read")]
Writer = Annotated[Person, permitted("fleet.write")]

HOSTS: Final = "/hosts"
POOLS: Final = "/pools"
USAGE: Final = "/fleet/usage"
ALERTS: Final = "/alerts"
VERSIONS: Final = "/fleet/versions"
FILES: Final = "/fleet/files"


def base_url(request: Request, house: House) -> str:
    """Before any key is made: without an address nobody could use it."""
    return installer_base(public_address(request, house))
