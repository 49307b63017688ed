"""The routes of the room, a file for each noun, and what they need besides the house."""

from fastapi import APIRouter

from monoize.control.identity.api import foreign_sign_in, keys, me, sign_in, tenants, tokens, users


def router() -> APIRouter:
    together = APIRouter()
    for part in (sign_in, foreign_sign_in, me, users, tenants, keys, tokens):
        together.include_router(part.router)
    return together
