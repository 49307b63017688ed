"""Every endpoint of the application, so that a test can state something about all of them."""

import dataclasses
import re
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from monoize.base.ids import new_id
from support.house import closed_application

MUTATING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
ENDLESS: Final = frozenset(
    {
        "GET /api/requests/stream",
        "GET /api/operations/{operation_id}/stream",
        "GET /api/deployments/{deployment_id}/events",
        "GET /api/builds/{build_id}/events",
        "GET /api/services/{service_id}/logs/stream",
        "GET /api/services/{service_id}/stats/stream",
    }
)
"""Their answers go on for as long as anybody listens."""

HOSTS_API: Final = "/api/fleet/host/"
"""Hosts have keys and answers of their own: tests/control/fleet states what holds for them."""

SIGNED: Final = "/api/webhooks/"
"""Their callers have no credential of ours and sign what they send: test_webhooks states what holds for them."""

TO_STRANGERS: Final = frozenset({"POST /api/providers/discover"})
"""They ask whatever address they are given, and say what went wrong there."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Endpoint:
    path: str
    method: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def mutates(self) -> bool:
        return self.method in MUTATING

    def somewhere(self) -> str:
        """The path with well-formed parameters that name nothing; a stream is asked to end."""
        path = re.sub(
            r"{(\w+?)(:\w+)?}", lambda found: new_id() if found[1].endswith("_id") else "nothing", self.path
        )
        return f"{path}?for_s=0" if str(self) in ENDLESS else path


def endpoints(app: FastAPI) -> list[Endpoint]:
    """The API and the health check; pages are not part of it, nor what hosts call. HEAD is GET without its body."""
    return sorted(
        Endpoint(route.path, method)
        for route in iter_route_contexts(app.routes)
        if route.path is not None and (route.path.startswith("/api") or route.path == "/healthz")
        if not route.path.startswith((HOSTS_API, SIGNED))
        for method in (route.methods or set()) - {"HEAD"}
    )


def pages() -> list[APIRoute]:
    """What the dashboard declares: pages, parts of them, and what they post to."""
    routes = (route for route in closed_application().routes if isinstance(route, APIRoute))
    return [route for route in routes if route.endpoint.__module__.startswith("monoize.dashboard.")]


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return closed_application().openapi()
