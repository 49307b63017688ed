"""SQL that tells to which project something belongs, by its id."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Table, select

from monoize.control.projects.tables import builds, deployments, removals, routes, services
from monoize.infra.db import Tx

OF_A_SERVICE: Final[Mapping[str, Table]] = {
    "route_id": routes,
    "deployment_id": deployments,
    "build_id": builds,
}
"""Tables whose rows belong to a service, by what their id is called in addresses."""


async def project_of(tx: Tx, called: str, id: int) -> int | None:
    """The project of the thing whose id is `called` so; None when there is no such thing, or it is of none."""
    if called == "project_id":
        return id
    if called == "removal_id":
        # Its service may be gone.
        return int(await tx.scalar(select(removals.c.project_id).where(removals.c.id == id)) or 0) or None
    query = select(services.c.project_id)
    if called == "service_id":
        query = query.where(services.c.id == id)
    else:
        table = OF_A_SERVICE[called]
        query = query.join(table, table.c.service_id == services.c.id).where(table.c.id == id)
    found: int | None = await tx.scalar(query)
    return found


def is_known(called: str) -> bool:
    return called in ("project_id", "service_id", "removal_id") or called in OF_A_SERVICE
