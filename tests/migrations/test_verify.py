"""What differs between code and database is found, in the words an operator reads."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Connection, inspect, text
from support.engines import ENGINES, empty_database

from monoize.control.governance.tables import agent_ai_sam_revisions
from monoize.control.ledger.tables import billing_ledger
from monoize.infra import dsn
from monoize.infra.audit_log import logs
from monoize.infra.columns import schema
from monoize.infra.db import Database, open_database
from monoize.infra.triggers import trigger_names, triggers_of
from monoize.migrations import verify
from monoize.migrations.runner import known_migrations, migrate


@pytest.fixture(scope="module", params=ENGINES)
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The DSN of a migrated database that nobody else uses, so that it may be damaged more and more."""
    with empty_database(request.param, tmp_path_factory.mktemp("damaged")) as address:
        asyncio.run(_migrated(address))
        yield address


async def _migrated(address: str) -> None:
    database = await open_database(dsn.parse(address), pool_size=1)
    await migrate(database)
    await database.close()


@pytest.fixture
async def damaged(address: str) -> AsyncIterator[Database]:
    database = await open_database(dsn.parse(address), pool_size=2)
    yield database
    await database.close()


async def differences(database: Database) -> list[str]:
    async with database.connect() as connection:
        return await connection.run_sync(lambda sync: list(verify.differences(sync)))


async def damage(database: Database, *statements: str) -> None:
    async with database.write() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def test_whatever_is_missing_or_too_much_is_found(damaged: Database):
    engine = damaged.dsn.engine
    of = " ON users" if engine == "postgresql" else ""
    at = " ON auth_payloads" if engine == "mysql" else ""
    missing = {
        "DROP TABLE overage_budgets": "table overage_budgets is missing",
        "CREATE TABLE notes (n INTEGER)": "table notes is not ours",
        "ALTER TABLE users DROP COLUMN image": "column users.image is missing",
        "ALTER TABLE users ADD COLUMN nickname VARCHAR(9)": "column users.nickname is not ours",
        f"DROP TRIGGER tr_users_touch{of}": "trigger tr_users_touch is missing",
        f"DROP INDEX ix_auth_payloads_created_at{at}": "index ix_auth_payloads_created_at is missing",
        "UPDATE schema_version SET checksum = 'other' WHERE version = 2": (
            "migration 0002_fleet was applied in another version than this program has"
        ),
        "DELETE FROM schema_version WHERE version = 9": "migration 0009_projects is not applied",
    }
    await damage(damaged, *missing)

    assert sorted(missing.values()) == sorted(await differences(damaged))


async def test_a_trigger_that_was_switched_off_is_found(damaged: Database):
    if damaged.dsn.engine != "postgresql":
        return
    before = set(await differences(damaged))
    await damage(damaged, "ALTER TABLE billing_ledger DISABLE TRIGGER tr_billing_ledger_no_delete")

    assert {"trigger tr_billing_ledger_no_delete is missing"} == set(await differences(damaged)) - before


NOT_UNIQUE = "hosts (fqdn) is not unique"
NO_CHECK = "check ck_hosts_status is missing"
NO_KEY = "the primary key of versions is not (name)"
NO_REFERENCE = "foreign key fk_logs_host_id is missing or acts otherwise"
CHANGES = {
    "postgresql": {
        "ALTER TABLE hosts ALTER COLUMN api_calls TYPE INTEGER": ["column hosts.api_calls is INTEGER, not BIGINT"],
        "ALTER TABLE hosts ALTER COLUMN fqdn DROP NOT NULL": ["column hosts.fqdn is nullable"],
        "ALTER TABLE hosts ALTER COLUMN ip SET NOT NULL": ["column hosts.ip is not nullable"],
        "ALTER TABLE hosts ALTER COLUMN status DROP DEFAULT": ["column hosts.status has no default"],
        "ALTER TABLE hosts ALTER COLUMN ip SET DEFAULT 'x'": ["column hosts.ip has a default"],
        "ALTER TABLE hosts DROP CONSTRAINT ux_hosts_fqdn": [NOT_UNIQUE],
        "ALTER TABLE hosts DROP CONSTRAINT ck_hosts_status": [NO_CHECK],
        "ALTER TABLE logs DROP CONSTRAINT fk_logs_host_id": [NO_REFERENCE],
        "ALTER TABLE versions DROP CONSTRAINT versions_pkey": [NO_KEY],
    },
    "mysql": {
        "ALTER TABLE hosts MODIFY api_calls INTEGER NOT NULL DEFAULT 0": [
            "column hosts.api_calls is INTEGER, not BIGINT"
        ],
        "ALTER TABLE hosts MODIFY fqdn VARCHAR(255)": ["column hosts.fqdn is nullable"],
        "ALTER TABLE hosts MODIFY ip VARCHAR(64) NOT NULL": ["column hosts.ip is not nullable"],
        "ALTER TABLE hosts ALTER COLUMN status DROP DEFAULT": ["column hosts.status has no default"],
        "ALTER TABLE hosts ALTER COLUMN client_version SET DEFAULT 'x'": [
            "column hosts.client_version has a default"
        ],
        "ALTER TABLE hosts MODIFY wrapper_version VARCHAR(65)": [
            "column hosts.wrapper_version is VARCHAR(65), not VARCHAR(64)"
        ],
        "ALTER TABLE hosts DROP INDEX ux_hosts_fqdn": [NOT_UNIQUE],
        "ALTER TABLE hosts DROP CONSTRAINT ck_hosts_status": [NO_CHECK],
        "ALTER TABLE logs DROP FOREIGN KEY fk_logs_host_id": [NO_REFERENCE],
        "ALTER TABLE versions DROP PRIMARY KEY": [NO_KEY],
    },
    # SQLite changes neither column nor constraint: a table is made anew, as a careless hand would make it.
    "sqlite": {
        "DROP TABLE versions; "
        "CREATE TABLE versions (name INTEGER, version TEXT DEFAULT 'x', updated_at DATETIME NOT NULL)": [
            NO_KEY,
            "column versions.name is INTEGER, not TEXT",
            "column versions.name is nullable",
            "column versions.version is nullable",
            "column versions.version has a default",
            "column versions.updated_at has no default",
            "trigger tr_versions_touch is missing",
        ],
        "DROP TABLE plan_vps_configs; CREATE TABLE plan_vps_configs ("
        "plan_id VARCHAR(36) NOT NULL REFERENCES plans (id), vps_config_id VARCHAR(36) NOT NULL,"
        "PRIMARY KEY (plan_id, vps_config_id))": [
            "index ix_plan_vps_configs_vps_config_id is missing",
            "foreign key fk_plan_vps_configs_plan_id is missing or acts otherwise",
            "foreign key fk_plan_vps_configs_vps_config_id is missing or acts otherwise",
        ],
        "DROP TABLE audit_head; "
        "CREATE TABLE audit_head (id INTEGER PRIMARY KEY NOT NULL, seq BIGINT NOT NULL, row_hash TEXT NOT NULL, "
        "key_id TEXT)": ["check ck_audit_head_single_row is missing"],
    },
}


async def test_whatever_was_changed_is_found(damaged: Database):
    before = set(await differences(damaged))
    changes = CHANGES[damaged.dsn.engine]
    await damage(damaged, *(part for statement in changes for part in statement.split("; ")))

    assert {line for found in changes.values() for line in found} == set(await differences(damaged)) - before


async def test_looking_changes_nothing(damaged: Database):
    def shape(connection: Connection) -> object:
        names = inspect(connection).get_table_names()
        return {name: inspect(connection).get_columns(name) for name in names}

    async with damaged.connect() as connection:
        before = str(await connection.run_sync(shape))
    await differences(damaged)
    async with damaged.connect() as connection:
        assert before == str(await connection.run_sync(shape))


async def test_an_empty_database_lacks_everything(empty: str):
    database = await open_database(dsn.parse(empty), pool_size=1)
    found = await differences(database)
    await database.close()

    tables = [f"table {name} is missing" for name in sorted(schema.tables)]
    migrations = [f"migration {migration.name} is not applied" for migration in known_migrations()]
    assert tables + migrations == found


def test_only_the_ledger_the_audit_log_and_versions_of_agent_records_are_append_only():
    found = {table for table in schema.tables.values() if table.info.get("append_only")}

    assert {billing_ledger, logs, agent_ai_sam_revisions} == found


async def test_the_triggers_of_the_database_are_the_declared_ones(database: Database):
    async with database.connect() as connection:
        dialect = connection.dialect
        live = await connection.run_sync(trigger_names)

    assert {trigger.name for table in schema.tables.values() for trigger in triggers_of(table, dialect)} == live


async def test_every_updated_at_is_moved_by_a_trigger(database: Database):
    async with database.connect() as connection:
        dialect = connection.dialect
    for table in schema.tables.values():
        touched = f"tr_{table.name}_touch" in {trigger.name for trigger in triggers_of(table, dialect)}
        assert touched == ("updated_at" in table.columns), table.name
