"""The routes of the room, a file for each noun."""

from fastapi import APIRouter

from monoize.control.ledger.api import corrections, statements, sub_accounts


def router() -> APIRouter:
    together = APIRouter(prefix="/ledger", tags=["ledger"])
    for part in (statements, corrections, sub_accounts):
        together.include_router(part.router)
    return together
