"""Those who work on deployments and builds in this process: so many at once, and no more."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

from monoize.base.clock import utc_now
from monoize.control.edge.house import House
from monoize.control.projects.actions.building import Builder
from monoize.control.projects.actions.deploy_steps import Means
from monoize.control.projects.actions.deploying import Deployer
from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.drivers.engine import Engine
from monoize.control.projects.store import operation_lines, sources
from monoize.infra.db import Database

DEPLOYERS: Final = 4
BUILDERS: Final = 2
DELIVERIES_KEPT: Final = dt.timedelta(days=30)
LINES_KEPT: Final = dt.timedelta(days=30)


@dataclasses.dataclass(frozen=True, slots=True)
class Workers:
    deployers: Sequence[Deployer]
    builders: Sequence[Builder]


def make_workers(house: House, engine: Engine, proxy: Proxy) -> Workers:
    means = Means(house, engine, proxy, house.settings.releases_kept)
    workers = Workers(
        [Deployer(means) for _ in range(DEPLOYERS)], [Builder(house, engine) for _ in range(BUILDERS)]
    )
    for bell in (*(one.bell for one in workers.deployers), *(one.bell for one in workers.builders)):
        house.audit_log.observe(bell.changed)
    return workers


async def forget(database: Database) -> None:
    """What deployments and builds said, and deliveries of webhooks, once nobody will ask for them."""
    now = utc_now()
    async with database.write() as tx:
        await operation_lines.forget(tx, now - LINES_KEPT)
        await sources.forget_deliveries(tx, now - DELIVERIES_KEPT)
