"""Hosts and credentials from before there were pools belong to the first pool."""

from sqlalchemy import delete, insert, select

from monoize.base.clock import utc_now
from monoize.control.fleet.model.pools import DEFAULT_POOL_ID, POINTER
from monoize.control.fleet.tables import auth_payloads, fleet_pools, hosts
from monoize.control.identity.tables import versions
from monoize.infra.db import Database
from monoize.migrations.runner import migrate, schema_version


async def test_what_was_there_before_pools_is_in_the_first_pool(database: Database):
    async with database.write() as tx:
        await tx.execute(insert(hosts).values(fqdn="old", api_key="a" * 64))
        await tx.execute(insert(auth_payloads).values(last_refresh=utc_now(), sha256="b" * 64))
        await tx.execute(delete(fleet_pools))
        await tx.execute(delete(versions).where(versions.c.name == POINTER))
        await tx.execute(delete(schema_version).where(schema_version.c.version == 16))

    assert ["0016_fleet"] == await migrate(database)

    async with database.read() as tx:
        assert [(DEFAULT_POOL_ID, "default")] == (
            await tx.execute(select(fleet_pools.c.id, fleet_pools.c.name))
        ).all()
        for table in (hosts, auth_payloads):
            assert [DEFAULT_POOL_ID] == list((await tx.execute(select(table.c.pool_id))).scalars())
        assert "" == await tx.scalar(select(versions.c.version).where(versions.c.name == POINTER))


async def test_the_first_pool_is_made_once_and_its_own_name_is_left_alone(database: Database):
    async with database.write() as tx:
        await tx.execute(fleet_pools.update().values(name="mine", mode="hub"))
        await tx.execute(versions.update().where(versions.c.name == POINTER).values(version="7"))
        await tx.execute(delete(schema_version).where(schema_version.c.version == 16))

    await migrate(database)

    async with database.read() as tx:
        assert [("mine", "hub")] == (await tx.execute(select(fleet_pools.c.name, fleet_pools.c.mode))).all()
        assert "7" == await tx.scalar(select(versions.c.version).where(versions.c.name == POINTER))
