"""The routes of the room: operators' under /api/fleet, and what hosts call, a file for each noun."""

from fastapi import APIRouter

from monoize.control.fleet.api import alerts, credentials, files, hosts, pools, published, quota, usage


def router() -> APIRouter:
    together = APIRouter(prefix="/fleet")
    for part in (hosts, pools, credentials, published, files, usage, quota, alerts):
        together.include_router(part.router)
    return together
