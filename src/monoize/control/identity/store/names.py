"""SQL of names: what rows that know only an id are shown with."""

from collections.abc import Collection, Mapping

from sqlalchemy import Column, select

from monoize.control.identity.tables import api_keys, tenants, users
from monoize.infra.bulk import is_one_of
from monoize.infra.db import Tx


async def of_users(tx: Tx, ids: Collection[str]) -> Mapping[str, str]:
    return await _names(tx, users.c.id, users.c.username, ids)


async def of_keys(tx: Tx, ids: Collection[str]) -> Mapping[str, str]:
    return await _names(tx, api_keys.c.id, api_keys.c.name, ids)


async def of_tenants(tx: Tx, ids: Collection[str]) -> Mapping[str, str]:
    return await _names(tx, tenants.c.id, tenants.c.name, ids)


async def _names(tx: Tx, id: Column[str], name: Column[str], ids: Collection[str]) -> Mapping[str, str]:
    if not ids:
        return {}
    found = await tx.execute(select(id.label("id"), name.label("name")).where(is_one_of(tx, id, ids)))
    return {row.id: row.name for row in found}
