"""SQL of what holds for all hosts at once: switches and versions, each a row of `versions`."""

import datetime as dt
from typing import Final

from monoize.control.fleet.model.versions import Published, newest
from monoize.control.fleet.store import hosts
from monoize.control.identity.store import versions
from monoize.infra.db import Database, Tx

API_DISABLED: Final = "api_disabled"
CLIENT_AVAILABLE: Final = "client_available"
CLIENT_LOCK: Final = "client_version_lock"
INSTALLATION: Final = "installation_id"
_NAMES: Final = (API_DISABLED, CLIENT_AVAILABLE, CLIENT_LOCK, INSTALLATION)
_ON: Final = "1"


async def read(tx: Tx) -> Published:
    found = await versions.rows(tx, _NAMES)

    def value(name: str) -> str | None:
        return found[name].version if name in found else None

    def since(name: str) -> dt.datetime | None:
        return found[name].updated_at if name in found else None

    return Published(
        api_disabled=value(API_DISABLED) == _ON,
        installation_id=value(INSTALLATION) or "",
        client_available=value(CLIENT_AVAILABLE),
        client_available_at=since(CLIENT_AVAILABLE),
        client_lock=value(CLIENT_LOCK),
        client_lock_at=since(CLIENT_LOCK),
        reported_client_version=newest(await hosts.reported_versions(tx)),
    )


async def switch_api(tx: Tx, *, disabled: bool) -> None:
    if disabled:
        await versions.put(tx, API_DISABLED, _ON)
    else:
        await versions.remove(tx, API_DISABLED)


async def publish(tx: Tx, name: str, version: str | None) -> None:
    if version is None:
        await versions.remove(tx, name)
    else:
        await versions.put(tx, name, version)


async def leave_installation_id(database: Database, id: str) -> str:
    """The id that this installation has from now on: the one given, unless it has one."""
    return await versions.leave(database, INSTALLATION, id)
