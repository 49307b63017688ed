"""The control API: every room's routes under /api, behind the same outer layers."""

from typing import Final

from fastapi import FastAPI

import monoize
from monoize.control.audit import api as audit_api
from monoize.control.bridge import api as bridge_api
from monoize.control.catalog import api as catalog_api
from monoize.control.compute import api as compute_api
from monoize.control.compute.api import gateway as agent_gateway
from monoize.control.edge import problem
from monoize.control.edge.request_context import RequestContext
from monoize.control.fleet import api as fleet_api
from monoize.control.fleet.api import host as host_api
from monoize.control.governance import api as governance_api
from monoize.control.identity import api as identity_api
from monoize.control.identity.actions.users import count_administrators
from monoize.control.ledger import api as ledger_api
from monoize.control.mcp import api as mcp_api
from monoize.control.projects import api as projects_api
from monoize.control.telemetry import api as telemetry_api
from monoize.infra.settings import Settings

DESCRIPTION: Final = (
    "One login, one ledger, one audit log over models, agents, machines, services and coding CLIs. "
    "Errors are problem+json with a stable `code`. A creating POST may carry an `Idempotency-Key`."
)


def make_app(settings: Settings) -> FastAPI:
    app = FastAPI(
        title="Monoize",
        version=monoize.__version__,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problem.DOCUMENTED,
    )
    problem.install(app)
    app.add_middleware(RequestContext, settings=settings)
    # First, since a thousand hosts call every minute and addresses are tried one after the other.
    host_api.router().take_in(app, include_in_schema=False)
    for room in (
        identity_api.router(),
        audit_api.router,
        catalog_api.router(count_administrators),
        ledger_api.router(),
        telemetry_api.router(),
        governance_api.router(),
        compute_api.router(),
        mcp_api.router(),
        bridge_api.router,
        projects_api.public_router(),
    ):
        room.take_in(app, "/api")
    bridge_api.plain_router.take_in(app)
    projects_api.router().take_in(app, "/api", dependencies=projects_api.WITHIN)
    fleet_api.router().take_in(app, "/api/fleet")
    # Hosts are answered in another form than everybody else: the OpenAPI document does not speak of them.
    host_api.router().take_in(app, "/api/fleet/host", include_in_schema=False)
    agent_gateway.install(app)
    mcp_api.install(app)
    app.add_api_route("/healthz", health, tags=["health"])
    return app


async def health() -> dict[str, str]:
    """Answers once the house is open: database reached, schema current, master key right."""
    return {"status": "ok", "version": monoize.__version__}
