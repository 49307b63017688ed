"""The routes of the room, a file for each noun."""

from fastapi import APIRouter

from monoize.control.edge.routers import joined
from monoize.control.governance.api import agent_records, approvals, limits, operations, webhook_keys


def router() -> APIRouter:
    parts = (agent_records, limits, operations, approvals, webhook_keys)
    return joined(*(part.router for part in parts))
