"""How an endpoint is given what the room keeps running."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.compute.services import Compute, compute_of


def _compute(request: Request) -> Compute:
    return compute_of(request)


ComputeHere = Annotated[Compute, Depends(_compute)]
