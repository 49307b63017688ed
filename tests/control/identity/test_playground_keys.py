"""The key for the playground: one of each user, that nobody can show and its user can end."""

import asyncio

import pytest
from support.house import Client, RunningHouse
from support.rows import last_seq, logs_after

from monoize.base.principal import Call
from monoize.control.identity.actions import playground_keys
from monoize.control.identity.errors import PlaygroundKeyOff, PlaygroundKeyThere
from monoize.control.identity.model import PLAYGROUND_KEY_PREFIX, user_principal
from monoize.control.identity.store import users


async def _make(house: RunningHouse, user_id: str) -> str:
    digest = playground_keys.digest_of(house.house.seal, user_id)
    async with house.house.database.read() as tx:
        call = Call(user_principal(await users.get(tx, user_id)), "r")
    async with house.house.audit_log.change(call) as change:
        await playground_keys.make(change, user_id, digest)
    return digest


async def _is_there(house: RunningHouse, digest: str) -> bool:
    async with house.house.database.read() as tx:
        return await playground_keys.is_there(tx, digest)


async def _own(client: Client) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = (await client.get("/api/keys")).json()["items"]
    return listed


async def test_of_two_first_prompts_one_makes_it_with_one_row(house_everywhere: RunningHouse):
    house = house_everywhere
    person = await house.make_root()
    before = await last_seq(house.house.database)
    made = await asyncio.gather(*(_make(house, person.user["id"]) for _ in range(4)), return_exceptions=True)

    assert 1 == sum(isinstance(each, str) for each in made)
    assert 3 == sum(isinstance(each, PlaygroundKeyThere) for each in made)
    assert ["key.create"] == [row.action for row in await logs_after(house.house.database, before)]
    assert [("Playground", PLAYGROUND_KEY_PREFIX)] == [
        (key["name"], key["key_prefix"]) for key in await _own(person)
    ]


async def test_it_is_turned_off_and_deleted_as_any_key_and_then_made_anew(house: RunningHouse, root: Client):
    digest = await _make(house, root.user["id"])
    assert await _is_there(house, digest)
    (key,) = await _own(root)

    await root.patch(f"/api/keys/{key['id']}", json={"enabled": False})
    with pytest.raises(PlaygroundKeyOff):
        await _is_there(house, digest)
    assert 204 == (await root.delete(f"/api/keys/{key['id']}")).status_code
    assert not await _is_there(house, digest)
    await _make(house, root.user["id"])
    assert 1 == len(await _own(root))


async def test_what_is_stored_opens_no_door(house: RunningHouse, root: Client):
    digest = await _make(house, root.user["id"])

    for shown in (digest, f"sk-{digest}", PLAYGROUND_KEY_PREFIX):
        assert 401 == (await house.bearing(shown).get("/api/me")).status_code
