"""Exchanging the master key: every secret opens with the new one, and no death in between loses any."""

import asyncio
import base64
import dataclasses
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text
from support import at_once
from support.engines import Scratch
from support.house import open_house, test_settings

from monoize.base.errors import StartupProblem
from monoize.control.identity.actions.first_account import system_call
from monoize.control.identity.tables import accounts
from monoize.infra.audit_log import MasterKeyRotated
from monoize.infra.settings import Settings
from monoize.main import master_key
from monoize.main.house import open_house as only_house
from monoize.main.sealed_places import EVERY

CHANNEL = {
    "name": "one",
    "type": "chat_completion",
    "base_url": "https://a.example.com",
    "api_key": "sk-upstream-key",
}


def by_file(address: str, folder: Path) -> Settings:
    return dataclasses.replace(test_settings(address, folder), master_key="")


async def with_secrets(settings: Settings) -> None:
    """A database in which several rooms have sealed something, and which has digests that stay."""
    async with open_house(settings) as running:
        root = await running.make_root()
        provider = {"name": "somebody", "type": "responses", "channels": [CHANNEL], "models": [{"name": "m"}]}
        made = await root.post("/api/providers", json=provider, headers={"idempotency-key": "once"})
        assert made.status_code == 201, made.text
        environment = await root.post("/api/environments", json={"name": "shared", "kind": "production"})
        assert environment.status_code == 201, environment.text
        values = {"DATABASE_PASSWORD": {"value": "between us"}}
        put = await root.put(f"/api/environments/{environment.json()['id']}/variables", json={"values": values})
        assert put.status_code == 200, put.text
        async with running.house.audit_log.change(system_call()) as change:
            theirs = {"id": root.user["id"], "user_id": root.user["id"], "type": "oauth", "provider": "authjs"}
            await change.tx.execute(
                insert(accounts).values(**theirs, provider_account_id="1", access_token="kept by Auth.js")
            )
            change.record("test", "test", "1")


async def test_the_name_of_an_installation_is_its_own_and_stays_over_keys(
    sqlite: str, sqlite_scratch: Scratch, tmp_path: Path
):
    settings, second = by_file(sqlite, tmp_path), sqlite_scratch.fresh()

    async def name(settings: Settings) -> str:
        async with only_house(settings) as (house, _):
            return house.installation

    first = await name(settings)
    # Its key file, too: many a second installation begins as a copy of the first one's settings.
    assert first != await name(by_file(second, tmp_path))
    await master_key.rotate(settings, None)

    assert (12, first) == (len(first), await name(settings))
    sqlite_scratch.done(second)


async def opens(settings: Settings) -> str:
    """The id of the key, once everything was found to open."""
    async with only_house(settings) as (house, _):
        seal, opened = house.seal, []
        assert (await house.audit_log.verify()).problem is None
        async with house.database.read() as tx:
            for values in EVERY:
                for row in await tx.execute(values.query):
                    for column, place in values.places(row):
                        stored = getattr(row, column)
                        if stored and stored != "kept by Auth.js":
                            opened.append(seal.open(stored, *place))
            assert "kept by Auth.js" == await tx.scalar(select(accounts.c.access_token))
        assert {"sk-upstream-key", "between us"} <= set(opened)
        assert len(opened) >= 3, "the answer of the request with a key is kept as well"
        return seal.key_id


async def test_everything_opens_with_the_new_key_and_the_audit_chain_holds_on(engine: str, tmp_path: Path):
    settings = by_file(engine, tmp_path)
    await with_secrets(settings)
    before = await opens(settings)

    first = await master_key.rotate(settings, None)
    second = await master_key.rotate(settings, None)

    assert second.values >= 3
    assert len({before, first.key_id, second.key_id}) == 3
    assert second.key_id == await opens(settings)
    assert 0o600 == (tmp_path / "master.key").stat().st_mode & 0o777
    assert not (tmp_path / "master.key.next").exists()


async def test_a_server_that_still_has_the_old_key_changes_nothing(sqlite: str, tmp_path: Path):
    settings = by_file(sqlite, tmp_path)
    await with_secrets(settings)
    async with only_house(settings) as (house, _):
        await master_key.rotate(settings, None)

        with pytest.raises(MasterKeyRotated):
            async with house.audit_log.change(system_call()) as change:
                change.record("test", "test", "late")
    await opens(settings)


@pytest.mark.parametrize("moment", ["commit", "os.rename"])
async def test_whenever_it_dies_the_next_start_finds_a_key_that_fits(sqlite: str, tmp_path: Path, moment: str):
    settings = by_file(sqlite, tmp_path)
    await with_secrets(settings)
    before = await opens(settings)

    (died,) = await asyncio.to_thread(at_once.together, ("rotate_master_key", sqlite, str(tmp_path), moment))

    assert died.code == -9, died
    after = await opens(settings)
    assert (after == before) == (moment == "commit")
    await master_key.rotate(settings, None)
    assert await opens(settings) not in (before, after if moment == "os.rename" else before)


async def test_what_nobody_knows_how_to_seal_anew_is_refused_and_nothing_is_changed(sqlite: str, tmp_path: Path):
    settings = by_file(sqlite, tmp_path)
    await with_secrets(settings)
    async with only_house(settings) as (house, _), house.database.write() as tx:
        stray = house.seal.seal("stray", "tenants", "name")
        await tx.execute(text("UPDATE tenants SET name = :stray"), {"stray": stray})

    with pytest.raises(StartupProblem, match="tenants"):
        await master_key.rotate(settings, None)
    await opens(settings)


async def test_a_key_from_the_environment_is_exchanged_for_the_one_that_is_given(sqlite: str, tmp_path: Path):
    new = bytes(range(32))
    settings = test_settings(sqlite, tmp_path)
    await with_secrets(settings)

    with pytest.raises(StartupProblem, match="stdin"):
        await master_key.rotate(settings, None)
    await master_key.rotate(settings, base64.b64encode(new).decode())

    await opens(dataclasses.replace(settings, master_key=base64.b64encode(new).decode()))
    with pytest.raises(StartupProblem, match="does not belong"):
        await opens(settings)
