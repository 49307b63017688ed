"""The routes of the room, a file for each noun."""

from fastapi import APIRouter

from monoize.control.ledger.api import captures, corrections, live, requests, statements, sub_accounts


def router() -> APIRouter:
    book = APIRouter(prefix="/ledger", tags=["ledger"])
    for part in (statements, corrections, sub_accounts):
        book.include_router(part.router)
    together = APIRouter()
    # The stream before the requests, whose ids could be called like it.
    for router in (book, live.router, requests.router, captures.router):
        together.include_router(router)
    return together
