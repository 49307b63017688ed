"""The routes of the room, a file for each noun."""

from fastapi import APIRouter

from monoize.control.ledger.api import corrections, requests, statements, sub_accounts


def router() -> APIRouter:
    book = APIRouter(prefix="/ledger", tags=["ledger"])
    for part in (statements, corrections, sub_accounts):
        book.include_router(part.router)
    together = APIRouter()
    for router in (book, requests.router):
        together.include_router(router)
    return together
