"""Puts the routes of several files together.

Routers that include routers have each route built again at each level: more than a second of a start. So the routes
themselves are put together, and only the application includes.
"""

from fastapi import APIRouter


def joined(*routers: APIRouter) -> APIRouter:
    return APIRouter(routes=[route for router in routers for route in router.routes])
