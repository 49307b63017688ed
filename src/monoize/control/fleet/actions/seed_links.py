"""Links by which somebody at a trusted computer hands its login over to a pool, once, with one command."""

import dataclasses
import datetime as dt
from typing import Any, Final

from monoize.base.clock import utc_now
from monoize.base.ids import new_secret
from monoize.control.fleet.actions import history
from monoize.control.fleet.actions.history import Stored
from monoize.control.fleet.errors import NotUsedHere, SeedLinkSpent, SeedLinkUnknown
from monoize.control.fleet.model.installs import shell_command
from monoize.control.fleet.model.pools import Pool
from monoize.control.fleet.model.seed_script import seed_script
from monoize.control.fleet.model.tools import TOOLS
from monoize.control.fleet.store import pools, seed_links
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx
from monoize.infra.sealed import Seal

TTL: Final = dt.timedelta(minutes=15)
PATH: Final = "/seed/auth/"
_PREFIX: Final = "mzseed_"
"""Makes it longer than what the request log shows of an address."""


@dataclasses.dataclass(frozen=True, slots=True)
class SeedLink:
    """`command` is what somebody runs where the login is, once, before `expires_at`."""

    url: str
    command: str
    expires_at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class SeedScript:
    text: str
    expires_at: dt.datetime


async def offer(change: Change, named: str, base_url: str) -> SeedLink:
    pool = await pools.find(change.tx, named)
    if pool.mode == "gateway":
        raise NotUsedHere
    secret, expires_at = new_secret(_PREFIX), utc_now() + TTL
    await seed_links.add(change.tx, secret=secret, pool_id=pool.id, base_url=base_url, expires_at=expires_at)
    change.record("credential.offer_seed", "pool", pool.id, name=pool.name, expires_at=expires_at.isoformat())
    url = f"{base_url}{PATH}{secret}"
    return SeedLink(url, shell_command(url), expires_at)


async def script(tx: Tx, secret: str) -> SeedScript:
    """Fetching it does not use the link up."""
    base_url, pool, expires_at = await _good(tx, secret)
    return SeedScript(seed_script(f"{base_url}{PATH}{secret}", TOOLS[pool.tool]), expires_at)


async def seed(change: Change, seal: Seal, secret: str, document: Any) -> Stored:
    """Use the link up; a document that is refused leaves it as it was."""
    _, pool, _ = await _good(change.tx, secret)
    if not await seed_links.spend(change.tx, secret, utc_now()):
        raise SeedLinkSpent
    return await history.upload(change, seal, pool.id, document, force=False, origin="seed")


async def _good(tx: Tx, secret: str) -> tuple[str, Pool, dt.datetime]:
    link = await seed_links.find(tx, secret)
    if link is None:
        raise SeedLinkUnknown
    if link.used_at is not None or link.expires_at <= utc_now():
        raise SeedLinkSpent
    return link.base_url, await pools.get(tx, link.pool_id), link.expires_at
