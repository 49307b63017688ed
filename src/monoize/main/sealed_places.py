"""Every place in the database where something sealed lies, over all rooms, for `main/master_key`."""

from typing import Final

from monoize.control.catalog.store import sealed as catalog
from monoize.control.compute.store import sealed as compute
from monoize.control.fleet.store import sealed as fleet
from monoize.control.governance.store import sealed as governance
from monoize.control.identity.store import sealed as identity
from monoize.control.mcp.store import sealed as mcp
from monoize.control.projects.store import sealed as projects
from monoize.infra import idempotency

EVERY: Final = (
    *identity.SEALED,
    *catalog.SEALED,
    *governance.SEALED,
    *fleet.SEALED,
    *compute.SEALED,
    *projects.SEALED,
    *mcp.SEALED,
    idempotency.SEALED,
)
