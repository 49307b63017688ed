"""The routes of the room, a file for each noun."""

from fastapi import APIRouter

from monoize.control.governance.api import agent_records, approvals, limits, operations, webhook_keys


def router() -> APIRouter:
    together = APIRouter()
    for part in (agent_records, limits, operations, approvals, webhook_keys):
        together.include_router(part.router)
    return together
