"""Rules for requests and answers: of providers, of keys and for everything, from the API to the gateway."""

import json
from typing import Any, Final

import pytest
from sqlalchemy import update
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.rows import every_row

from monoize.contract.transforms.catalogue import CATALOGUE, written_rule
from monoize.control.bridge.snapshots import Snapshots
from monoize.control.catalog.tables import monoize_providers

THINK: Final = {
    "transform": "reasoning_to_think_xml",
    "phase": "response",
    "enabled": True,
    "models": ["gpt-*"],
    "config": {"tag": "think"},
}
CAP: Final = {
    "transform": "override_max_tokens",
    "phase": "request",
    "enabled": True,
    "models": [],
    "config": {"value": 7},
}
OFF: Final = {**CAP, "enabled": False}
CHANNEL: Final = {"name": "first", "base_url": "https://api.example.com"}


def in_force(*rules: dict[str, Any]) -> list[Any]:
    return [written_rule(rule["transform"], rule["phase"], rule["models"], rule["config"]) for rule in rules]


async def test_rules_of_a_provider_come_before_those_for_everything(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    snapshots = Snapshots(house_everywhere.house.database, house_everywhere.house.seal)
    made = granted(
        await root.post(
            "/api/providers",
            json={"name": "p", "type": "echo", "transforms": [CAP, OFF], "channels": [CHANNEL]},
        )
    )
    assert [CAP, OFF] == made["transforms"]
    assert [] == granted(await root.get("/api/transforms/rules"))["items"]
    assert [THINK, OFF] == granted(await root.put("/api/transforms/rules", json={"rules": [THINK, OFF]}))["items"]
    await snapshots.run()
    assert in_force(CAP, THINK) == list(snapshots.current.providers[0].transforms)

    changed = granted(await root.patch(f"/api/providers/{made['id']}", json={"transforms": [THINK]}))
    assert [THINK] == changed["transforms"]
    granted(await root.put("/api/transforms/rules", json={"rules": []}))
    # What tells other processes has grown.
    await snapshots.run()
    assert in_force(THINK) == list(snapshots.current.providers[0].transforms)
    assert [THINK] == granted(await root.get(f"/api/providers/{made['id']}"))["transforms"]


async def test_what_can_be_left_away_is_what_it_always_is(root: Client):
    rules = [{"transform": "Strip-Reasoning"}]
    stored = granted(await root.put("/api/transforms/rules", json={"rules": rules}))["items"]

    usual = {"phase": "response", "enabled": True, "models": [], "config": {}}
    assert [{"transform": "strip_reasoning", **usual}] == stored


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"transform": "make_coffee"}, "there is no transform make_coffee"),
        ({**THINK, "phase": "request"}, "reasoning_to_think_xml: has no request phase"),
        ({**THINK, "config": {"tag": "a b"}}, "reasoning_to_think_xml: "),
        ({**THINK, "config": {"tga": "think"}}, "reasoning_to_think_xml: "),
        ({"transform": "set_field", "config": {"path": "a", "value": 1}}, "set_field: say in which phase"),
        (
            {"transform": "set_field", "phase": "request", "config": {"path": "model", "value": "m"}},
            "set_field: model is understood",
        ),
        (
            {"transform": "set_field", "phase": "request", "config": {"path": "a", "value": "\0"}},
            "set_field: its config has NUL",
        ),
        (
            {"transform": "set_field", "phase": "request", "config": {"path": "a", "value": "x" * 70_000}},
            "set_field: its config has more than",
        ),
        (
            {"transform": "set_field", "phase": "request", "config": {"path": "a", "value": ["\ud800"]}},
            "set_field: its config cannot be written",
        ),
    ],
)
@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/transforms/rules", "rules"), ("/api/keys", "transforms"), ("/api/providers", "transforms")],
)
async def test_what_is_wrong_is_told_with_its_name_and_nothing_is_stored(
    house: RunningHouse, root: Client, path: str, body: str, rule: dict[str, Any], said: str
):
    before = await every_row(house.house.database)
    method = "PUT" if "rules" in path else "POST"
    named = {} if "rules" in path else {"name": "n", **({"type": "echo"} if "providers" in path else {})}
    content = json.dumps({**named, body: [rule]})
    answer = await root.request(method, path, content=content, headers={"content-type": "application/json"})

    assert (422, "invalid_request") == refusal(answer)
    assert said in answer.json()["errors"][0]["message"]
    assert before == await every_row(house.house.database)


@pytest.mark.parametrize("levels", [200, 20_000])
async def test_a_config_of_any_depth_is_taken_or_refused(root: Client, levels: int):
    text = "[" * levels + "]" * levels
    rule = f'{{"transform": "set_field", "phase": "request", "config": {{"path": "a", "value": {text}}}}}'
    headers = {"content-type": "application/json"}
    answer = await root.request("PUT", "/api/transforms/rules", content=f'{{"rules": [{rule}]}}', headers=headers)

    assert answer.status_code in (200, 400, 422)


async def test_there_are_only_so_many_rules(root: Client):
    assert 200 == (await root.put("/api/transforms/rules", json={"rules": [THINK] * 64})).status_code
    assert 422 == refusal(await root.put("/api/transforms/rules", json={"rules": [THINK] * 65}))[0]


@pytest.mark.parametrize("name", CATALOGUE)
async def test_keys_take_what_their_owners_role_allows(root: Client, user: Client, name: str):
    kind = CATALOGUE[name]
    config = {
        "inject_system_prompt": {"content": "x"},
        "override_max_tokens": {"value": 1},
        "reasoning_effort_to_budget": {"low": 1, "medium": 2, "high": 3},
        "reasoning_effort_to_model_suffix": {"rules": [{"pattern": "*", "suffix": "-x"}]},
        "set_field": {"path": "a", "value": 1},
        "remove_field": {"path": "a"},
    }.get(name, {})
    body = {"name": "k", "transforms": [{"transform": name, "phase": kind.phases[0], "config": config}]}
    of_admin, of_user = await root.post("/api/keys", json=body), await user.post("/api/keys", json=body)

    assert (422 if kind.reach == "no_key" else 201) == of_admin.status_code
    expected = {"no_key": 422, "admin_keys": 403, "every_key": 201}
    assert expected[kind.reach] == of_user.status_code
    if kind.reach == "admin_keys":
        assert (403, "transform_not_allowed", name) == (*refusal(of_user), of_user.json()["transform"])
        theirs = {**body, "user_id": user.user["id"]}
        assert (403, "transform_not_allowed") == refusal(await root.post("/api/keys", json=theirs))
        off = {**body, "transforms": [{**body["transforms"][0], "enabled": False}]}
        assert (403, "transform_not_allowed") == refusal(await user.post("/api/keys", json=off))


async def test_rules_of_a_key_can_be_changed_and_taken_away(root: Client):
    made = granted(await root.post("/api/keys", json={"name": "k", "transforms": [THINK]}))["key"]
    path = f"/api/keys/{made['id']}"

    assert [THINK] == made["transforms"]
    assert [THINK] == granted(await root.patch(path, json={"name": "l"}))["transforms"]
    assert [] == granted(await root.patch(path, json={"transforms": []}))["transforms"]
    assert 422 == refusal(await root.patch(path, json={"transforms": None}))[0]


async def test_the_catalogue_is_for_whoever_is_signed_in(user: Client, visitor: Client):
    found = {each["id"]: each for each in granted(await user.get("/api/transforms"))["items"]}

    assert set(CATALOGUE) == set(found)
    assert 401 == refusal(await visitor.get("/api/transforms"))[0]
    assert ["provider", "global"] == found["override_max_tokens"]["scopes"]
    assert "nobody" == found["override_max_tokens"]["keys"]
    assert ["request", "response"] == found["set_field"]["phases"]
    tag = found["reasoning_to_think_xml"]["config_schema"]["properties"]["tag"]
    assert "think" == tag["default"]


async def test_a_provider_whose_rules_a_hand_has_broken_is_not_asked(house: RunningHouse, root: Client):
    for name in ("broken", "whole"):
        body = {"name": name, "type": "echo", "transforms": [THINK], "channels": [CHANNEL]}
        granted(await root.post("/api/providers", json=body))
    async with house.house.database.write() as tx:
        broken = [{**THINK, "transform": "gone"}]
        statement = update(monoize_providers).where(monoize_providers.c.name == "broken")
        await tx.execute(statement.values(transforms=broken))
    snapshots = Snapshots(house.house.database, house.house.seal)
    await snapshots.run()

    assert ["whole"] == [provider.name for provider in snapshots.current.providers]
