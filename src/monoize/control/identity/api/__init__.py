"""The routes of the room, a file for each noun, and what they need besides the house."""

from monoize.control.edge.routers import Router
from monoize.control.identity.api import foreign_sign_in, keys, me, sign_in, tenants, tokens, users


def router() -> Router:
    parts = (sign_in, foreign_sign_in, me, users, tenants, keys, tokens)
    return Router.joined(*(part.router for part in parts))
