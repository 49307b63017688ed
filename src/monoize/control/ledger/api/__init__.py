"""The routes of the room, a file for each noun."""

from monoize.control.edge.routers import Router
from monoize.control.ledger.api import captures, corrections, live, requests, statements, sub_accounts


def router() -> Router:
    # The stream before the requests, whose ids could be called like it.
    parts = (statements, corrections, sub_accounts, live, requests, captures)
    return Router.joined(*(part.router for part in parts))
