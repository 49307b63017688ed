"""What hosts call. The same routes lie at the root, where couriers know them, and under /api/fleet/host."""

from fastapi import APIRouter

from monoize.control.fleet.api.host import auth, files, install, seeds, tokens, usage, users, versions, wrapper


def router() -> APIRouter:
    together = APIRouter()
    for part in (auth, tokens, users, usage, files, versions, install, wrapper):
        together.include_router(part.router)
    for router in (seeds.scripts, seeds.documents):
        together.include_router(router)
    return together
