"""How an endpoint is given what the room keeps running."""

from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from monoize.control.governance.services import Governance, governance_of


def _governance(request: Request) -> Governance:
    return governance_of(request)


GovernanceHere = Annotated[Governance, Depends(_governance)]
