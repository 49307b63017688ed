"""The routes of the room: operators' under /api/fleet, and what hosts call, a file for each noun."""

from fastapi import APIRouter

from monoize.control.edge.routers import joined
from monoize.control.fleet.api import alerts, credentials, files, hosts, pools, published, quota, usage


def router() -> APIRouter:
    parts = (hosts, pools, credentials, published, files, usage, quota, alerts)
    return joined(*(part.router for part in parts))
