"""The routes of the room: operators' under /api/fleet, and what hosts call, a file for each noun."""

from monoize.control.edge.routers import Router
from monoize.control.fleet.api import alerts, credentials, files, hosts, pools, published, quota, usage


def router() -> Router:
    parts = (hosts, pools, credentials, published, files, usage, quota, alerts)
    return Router.joined(*(part.router for part in parts))
