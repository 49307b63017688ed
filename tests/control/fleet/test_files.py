"""Files that operators distribute: read by every host of their pool, written by none, rendered for its tool."""

import hashlib
import json
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.answers import granted, refusal, together
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.control.fleet.model.files import BODY_BYTES_MOST, FILES_MOST, FleetFile, served

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)


async def host_of(house: RunningHouse, root: Client, fqdn: str = "one.example.com", **fields: Any) -> Client:
    enrolled = granted(await root.post("/api/fleet/hosts", json={"fqdn": fqdn, **fields}))
    return house.bearing(enrolled["secret"])


async def made(root: Client, kind: str = "prompt", name: str | None = "review", **fields: Any) -> dict[str, Any]:
    body = {"kind": kind, "body": "Review this.", **({"name": name} if name else {}), **fields}
    return granted(await root.post("/api/fleet/files", json=body))


async def received(host: Client) -> list[tuple[str, str, str]]:
    """(kind, name, text) of each file, each with the digest that it really has."""
    files = granted(await host.get("/files"))["data"]["files"]
    assert all(file["sha256"] == hashlib.sha256(file["body"].encode()).hexdigest() for file in files)
    return [(file["kind"], file["name"], file["body"]) for file in files]


def host_refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_file_is_made_changed_and_deleted_and_hosts_follow(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    host = await host_of(house_everywhere, root)
    file = await made(root)
    path = f"/api/fleet/files/{file['id']}"
    assert [("prompt", "review", "Review this.")] == await received(host)

    changed = granted(await root.patch(path, json={"body": "Review it well.", "revision": 1}))
    assert (2, hashlib.sha256(b"Review it well.").hexdigest()) == (changed["revision"], changed["sha256"])
    assert [("prompt", "review", "Review it well.")] == await received(host)

    granted(await root.delete(path))
    assert [] == await received(host)
    assert (404, "file_not_found") == refusal(await root.get(path))

    again = await made(root)
    assert (file["id"], 3) == (again["id"], again["revision"])
    assert [("prompt", "review", "Review this.")] == await received(host)


async def test_a_name_is_taken_once_in_a_pool_and_once_for_every_pool(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    await made(root)
    await made(root, pool="default")

    for fields in ({}, {"pool": "default"}):
        body = {"kind": "prompt", "name": "review", "body": "Another.", **fields}
        assert (409, "file_exists") == refusal(await root.post("/api/fleet/files", json=body))


async def test_of_twenty_who_make_the_same_file_at_once_one_does(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    body = {"kind": "agents", "body": "Be kind."}

    answers = await together(*(root.post("/api/fleet/files", json=body) for _ in range(20)))

    assert [201] + 19 * [409] == sorted(answer.status_code for answer in answers)


async def test_a_file_of_a_pool_stands_in_for_one_of_every_pool(house: RunningHouse, root: Client):
    granted(await root.post("/api/fleet/pools", json={"name": "team"}))
    inside = await host_of(house, root, "in.example.com", pool="team")
    outside = await host_of(house, root, "out.example.com")
    await made(root)
    await made(root, pool="team", body="As the team does.")

    assert [("prompt", "review", "As the team does.")] == await received(inside)
    assert [("prompt", "review", "Review this.")] == await received(outside)


async def test_a_host_that_has_it_all_is_told_only_that(house: RunningHouse, root: Client):
    host = await host_of(house, root)
    first = await host.get("/files")
    etag = {"if-none-match": first.headers["etag"]}

    same = await host.get("/files", headers=etag)
    assert (304, b"", first.headers["etag"]) == (same.status_code, same.content, same.headers["etag"])

    await made(root)
    assert 200 == (await host.get("/files", headers=etag)).status_code


async def test_what_an_operator_says_of_a_host_changes_what_it_is_told(house: RunningHouse, root: Client):
    host = await host_of(house, root)
    before = (await host.get("/files")).headers["etag"]
    granted(await root.patch("/api/fleet/hosts/one.example.com", json={"model_override": "gpt-6"}))

    answer = await host.get("/files", headers={"if-none-match": before})
    assert "gpt-6" == granted(answer)["data"]["host"]["model_override"]


async def test_only_hosts_read_there_and_none_writes(house: RunningHouse, root: Client):
    host = await host_of(house, root)

    assert (401, "key_missing") == host_refusal(await house.visitor().get("/files"))
    assert (401, "key_invalid") == host_refusal(await house.bearing("0" * 64).get("/files"))
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert 405 == (await host.request(method, "/files")).status_code
    assert 401 == (await host.post("/api/fleet/files", json={"kind": "agents", "body": "x"})).status_code


async def test_whoever_changes_an_old_revision_is_told(root: Client):
    file = await made(root)
    path = f"/api/fleet/files/{file['id']}"
    granted(await root.patch(path, json={"description": "Reviews."}))

    assert (409, "file_changed") == refusal(await root.patch(path, json={"body": "Late.", "revision": 1}))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"kind": "config", "body": 'model = "x"'}, "config_needs_pool"),
        ({"kind": "config", "pool": "default", "body": "model = "}, "config_unreadable"),
        ({"kind": "config", "pool": "default", "name": "other", "body": "a = 1"}, "file_name_fixed"),
        ({"kind": "prompt", "body": "x"}, "file_name_needed"),
        ({"kind": "prompt", "name": "../x", "body": "x"}, "invalid_request"),
        ({"kind": "prompt", "name": ".x", "body": "x"}, "invalid_request"),
        ({"kind": "prompt", "name": "x" * 65, "body": "x"}, "invalid_request"),
        ({"kind": "prompt", "name": "x", "body": ""}, "invalid_request"),
        ({"kind": "prompt", "name": "x", "body": "ü" * (BODY_BYTES_MOST // 2 + 1)}, "invalid_request"),
        ({"kind": "prompt", "name": "x", "body": "\x00"}, "invalid_request"),
        ({"kind": "binary", "name": "x", "body": "x"}, "invalid_request"),
        ({"kind": "agents", "body": "x", "secret": True}, "invalid_request"),
    ],
)
async def test_a_file_that_no_host_could_use_is_refused(root: Client, fields: dict[str, Any], code: str):
    assert (422, code) == refusal(await root.post("/api/fleet/files", json=fields))


async def test_a_pool_has_a_bounded_number_of_files(root: Client):
    for number in range(FILES_MOST):
        await made(root, name=f"p{number}")

    body = {"kind": "prompt", "name": "more", "body": "x"}
    assert (409, "max_files_reached") == refusal(await root.post("/api/fleet/files", json=body))
    await made(root, name="more", pool="default")


def given_file(kind: Any, **fields: Any) -> FleetFile:
    known = {"id": "1", "pool_id": None, "name": "it", "sha256": "", "revision": 1, "created_at": utc_now()}
    texts = {"description": None, "argument_hint": None, "body": "Do it.\n"}
    return FleetFile(kind=kind, **{**known, **texts, "updated_at": utc_now(), **fields})


@given(TEXTS, TEXTS)
def test_every_description_reaches_claude_and_codex_as_yaml(description: str, hint: str):
    file = given_file("prompt", description=description, argument_hint=hint)
    [sent] = served([file], "claude")

    _, head, body = sent.body.split("---\n", 2)
    assert {"description": description, "argument-hint": hint} == yaml.safe_load(head)
    assert file.body == body


@given(TEXTS, TEXTS)
def test_every_prompt_reaches_gemini_as_toml(description: str, body: str):
    [sent] = served([given_file("prompt", description=description, body=body)], "gemini")

    assert {"description": description, "prompt": body} == tomllib.loads(sent.body)


def test_what_brings_its_own_head_keeps_it():
    text = "---\nname: mine\n---\nDo it."

    assert text == served([given_file("skill", body=text, description="Other.")], "codex")[0].body
    assert "Do it.\n" == served([given_file("prompt")], "codex")[0].body
    assert json.dumps("it") in served([given_file("skill", description="Does it.")], "codex")[0].body
