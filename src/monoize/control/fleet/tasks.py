"""Background work of the room."""

import datetime as dt
from typing import Final

from monoize.base.clock import utc_now
from monoize.control.edge.house import House
from monoize.control.fleet.actions import enrolment, pruning, troubles, usage
from monoize.control.fleet.actions.quota import QuotaWatch
from monoize.control.fleet.actions.renewal import Refresher
from monoize.control.fleet.actions.sightings import Sightings
from monoize.control.fleet.actions.validation import Validator
from monoize.control.fleet.drivers.account_usage import AccountUsage
from monoize.control.fleet.drivers.token_server import TokenServer
from monoize.control.fleet.store import seed_links
from monoize.infra.background import Background

SIGHTINGS_EVERY_S: Final = 1
PRUNE_EVERY_S: Final = 60
REFRESH_EVERY_S: Final = 5
VALIDATE_EVERY_S: Final = 30
QUOTA_EVERY_S: Final = 60
TROUBLES_EVERY_S: Final = 60
FORGET_EVERY_S: Final = 3_600
SPENT_LINKS_KEPT: Final = dt.timedelta(days=1)


def schedule(
    background: Background,
    house: House,
    validator: Validator,
    account_usage: AccountUsage,
    sightings: Sightings,
) -> None:
    background.every(SIGHTINGS_EVERY_S, "fleet.sightings", sightings.write_down, when=lambda: sightings.any_waiting)

    async def prune() -> None:
        now = utc_now()
        await pruning.prune(house.database, house.audit_log, now)
        async with house.database.write() as tx:
            await enrolment.forget_links(tx, now, spent_before=now - SPENT_LINKS_KEPT)
            await seed_links.purge(tx, now - SPENT_LINKS_KEPT)

    background.every(PRUNE_EVERY_S, "fleet.prune", prune)

    async def look_for_trouble() -> None:
        await troubles.look(house.database, utc_now())

    async def forget_reports() -> None:
        await usage.forget_ingests(house.database, utc_now(), kept_days=house.settings.telemetry_retention_days)

    refresher = Refresher(house, TokenServer(house.settings.fleet_token_url))
    background.every(REFRESH_EVERY_S, "fleet.refresh", refresher.run)
    background.every(VALIDATE_EVERY_S, "fleet.validate", validator.run)
    quota = QuotaWatch(house, account_usage)
    background.every(QUOTA_EVERY_S, "fleet.quota", quota.run)
    background.every(FORGET_EVERY_S, "fleet.forget_snapshots", quota.forget)
    background.every(FORGET_EVERY_S, "fleet.forget_reports", forget_reports)
    background.every(TROUBLES_EVERY_S, "fleet.troubles", look_for_trouble)
