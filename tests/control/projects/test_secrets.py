"""Secrets and environments over the API: sealed, versioned, masked, and put together for a release."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from support.answers import granted, refusal
from support.house import Client, RunningHouse

from monoize.control.projects.actions.effective import effective_env, open_env, snapshot_env
from monoize.control.projects.errors import SecretUnreadable
from monoize.infra.sealed import SealBroken

VALUE = "between us 4711"


async def service(root: Client, **fields: Any) -> int:
    names = {one["name"]: one["id"] for one in (await root.get("/api/projects")).json()["items"]}
    project = names.get("shop") or granted(await root.post("/api/projects", json={"name": "shop"}))["id"]
    body = {"name": "web", "image": "app:1", "start": False, **fields}
    return int(granted(await root.post(f"/api/projects/{project}/services", json=body))["service"]["id"])


async def put(root: Client, id: int, replace: bool = False, **values: str) -> Any:
    body = {"values": {key: {"value": value} for key, value in values.items()}, "replace": replace}
    return granted(await root.put(f"/api/services/{id}/secrets", json=body))


async def env_of(house: RunningHouse, id: int) -> dict[str, str]:
    async with house.house.database.read() as tx:
        return dict((await effective_env(tx, house.house.seal, id)).values)


async def test_a_release_gets_the_nearest_value_on_every_engine(house_everywhere: RunningHouse):
    house = house_everywhere
    root = await house.make_root()
    far = granted(await root.post("/api/environments", json={"name": "far", "kind": "production"}))["id"]
    near_body = {"name": "near", "kind": "production", "inherits_id": far}
    near = granted(await root.post("/api/environments", json=near_body))["id"]
    id = await service(root, environment_id=near, env={"C": "service", "D": "service"})
    for environment, values in ((far, {"A": "far", "B": "far", "C": "far"}), (near, {"B": "near"})):
        body = {"values": {key: {"value": value, "is_secret": False} for key, value in values.items()}}
        granted(await root.put(f"/api/environments/{environment}/variables", json=body))
    await put(root, id, D="secret", E="secret")

    assert {"A": "far", "B": "near", "C": "service", "D": "secret", "E": "secret"} == await env_of(house, id)
    refused = await root.delete(f"/api/environments/{near}")
    assert (409, "environment_in_use") == refusal(refused)
    circle = await root.patch(f"/api/environments/{far}", json={"inherits_id": near})
    assert (422, "environment_cycle") == refusal(circle)
    for version in range(12):
        await put(root, id, D=f"value {version}")
    versions = (await root.get(f"/api/services/{id}/secrets/D/versions")).json()
    assert list(range(13, 3, -1)) == [each["version"] for each in versions]
    granted(await root.post(f"/api/services/{id}/secrets/D/restore", json={"version": 4}))
    assert "value 2" == (await env_of(house, id))["D"]


async def test_no_answer_no_row_and_no_audit_row_ever_holds_a_value(
    house: RunningHouse, root: Client, tmp_path: Path
):
    id = await service(root)
    answers = [await root.put(f"/api/services/{id}/secrets", json={"values": {"API_TOKEN": {"value": VALUE}}})]
    for path in ("secrets", "env", "secrets/API_TOKEN/versions", ""):
        answers.append(await root.get(f"/api/services/{id}/{path}".rstrip("/")))
    answers.append(await root.get("/api/audit"))
    misspelt = {"values": {"API_TOKEN": {"value": VALUE, "secret": True}}}
    answers.append(await root.put(f"/api/services/{id}/secrets", json=misspelt))

    assert [200, 200, 200, 200, 200, 200, 422] == [answer.status_code for answer in answers]
    assert not [answer.text for answer in answers if VALUE in answer.text]
    async with house.house.database.read() as tx:
        rows = (await tx.execute(text("SELECT sealed FROM secrets UNION SELECT sealed FROM secret_versions"))).all()
    assert rows and VALUE not in str(rows)


async def test_the_mask_itself_is_no_value_and_what_did_not_change_has_no_new_version(root: Client):
    id = await service(root)
    await put(root, id, A="1", B="1")

    again = await put(root, id, A="1", B="2")

    assert (["B"], ["A"]) == (again["changed"], again["unchanged"])
    masked = await root.put(f"/api/services/{id}/secrets", json={"values": {"A": {"value": "******"}}})
    assert (422, "invalid_request") == refusal(masked)
    assert ["B"] == (await put(root, id, replace=True, A="1"))["removed"]
    for key in ("1A", "A-B", "", "A" * 129, "Ä"):
        wrong = await root.put(f"/api/services/{id}/secrets", json={"values": {key: {"value": "x"}}})
        assert (422, "invalid_request") == refusal(wrong), key


async def test_a_sealed_value_opens_nowhere_but_in_its_place(house: RunningHouse, root: Client):
    first, second = await service(root), await service(root, name="api")
    await put(root, first, A="1")
    await put(root, second, A="2")
    async with house.house.database.write() as tx:
        stolen = await tx.scalar(text(f"SELECT sealed FROM secrets WHERE service_id = {second}"))
        await tx.execute(
            text(f"UPDATE secrets SET sealed = :stolen WHERE service_id = {first}"), {"stolen": stolen}
        )

    with pytest.raises(SecretUnreadable):
        await env_of(house, first)
    assert ["A"] == (await put(root, first, A="3"))["changed"]
    assert {"A": "3"} == await env_of(house, first)


async def test_a_release_keeps_its_values_whatever_is_deleted_later(house: RunningHouse, root: Client):
    id = await service(root)
    await put(root, id, API_TOKEN=VALUE)
    async with house.house.database.read() as tx:
        kept = await snapshot_env(tx, house.house.seal, id)
        same = await snapshot_env(tx, house.house.seal, id)
    granted(await root.delete(f"/api/services/{id}/secrets/API_TOKEN"))

    assert {"API_TOKEN": VALUE} == open_env(house.house.seal, id, kept.env_sealed)
    assert (kept.digest, kept.versions) == (same.digest, {"API_TOKEN": 1})
    assert VALUE not in json.dumps([kept.env_sealed, kept.digest]) + repr(kept)
    with pytest.raises(SecretUnreadable):
        open_env(house.house.seal, id + 1, kept.env_sealed)
    with pytest.raises(SealBroken):
        house.house.seal.open(kept.env_sealed, "releases")
