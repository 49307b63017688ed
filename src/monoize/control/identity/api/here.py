"""How an endpoint is given what the room keeps running."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.identity.services import Identity, identity_of


def _identity(request: Request) -> Identity:
    return identity_of(request)


IdentityHere = Annotated[Identity, Depends(_identity)]
