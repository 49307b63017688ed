"""How an endpoint is given the house.

Apart from the house itself: FastAPI takes a fifth of what a start loads, and only faces need it.
"""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.edge.house import House, house_of


def _house(request: Request) -> House:
    return house_of(request)


HouseHere = Annotated[House, Depends(_house)]
