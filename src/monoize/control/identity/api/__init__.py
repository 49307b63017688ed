"""The routes of the room, a file for each noun, and what they need besides the house."""

from fastapi import APIRouter

from monoize.control.edge.routers import joined
from monoize.control.identity.api import foreign_sign_in, keys, me, sign_in, tenants, tokens, users


def router() -> APIRouter:
    parts = (sign_in, foreign_sign_in, me, users, tenants, keys, tokens)
    return joined(*(part.router for part in parts))
