"""Deliveries of GitHub, over HTTP: believed only when they are signed, taken once, and turned into builds."""

import asyncio
import hashlib
import hmac
import json
from typing import Any

import httpx2
import pytest
from support.answers import granted, refusal
from support.house import Client, RunningHouse
from support.rows import every_row, last_seq, logs_after

COMMIT = "a" * 40
REPOSITORY = "https://github.com/shop/web.git"
PUSH = {"ref": "refs/heads/main", "after": COMMIT, "repository": {"clone_url": REPOSITORY}}


class GitHub:
    """Knows the address and the secret of a project's webhook, and nothing else."""

    def __init__(self, house: RunningHouse, url: str, secret: str) -> None:
        self.caller = house.visitor(ip="198.51.100.9")
        self.path = "/" + url.split("/", 3)[3]
        self.secret = secret

    async def sends(
        self, document: Any = PUSH, id: str = "d-1", event: str = "push", **headers: str
    ) -> httpx2.Response:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signature = "sha256=" + hmac.new(self.secret.encode(), body, hashlib.sha256).hexdigest()
        told = {"x-github-event": event, "x-github-delivery": id, "x-hub-signature-256": signature, **headers}
        return await self.caller.post(self.path, content=body, headers=told)


async def project_with_service(root: Client, **source: Any) -> tuple[int, int]:
    project = granted(await root.post("/api/projects", json={"name": "shop"}))["id"]
    service = await add_service(root, project, "web", **source)
    return project, service


async def add_service(root: Client, project: int, name: str, **source: Any) -> int:
    body = {"name": name, "image": "busybox:test", "start": False}
    made = granted(await root.post(f"/api/projects/{project}/services", json=body))["service"]["id"]
    told = {"repository": REPOSITORY, "auto_deploy": True, **source}
    granted(await root.put(f"/api/services/{made}/source", json=told))
    return int(made)


async def webhook(house: RunningHouse, root: Client, project: int) -> GitHub:
    made = granted(await root.post(f"/api/projects/{project}/webhook"))
    return GitHub(house, made["url"], made["secret"])


@pytest.fixture
async def shop(house: RunningHouse, root: Client) -> tuple[int, int, GitHub]:
    project, service = await project_with_service(root)
    return project, service, await webhook(house, root, project)


async def test_a_push_asks_for_a_build_of_its_commit_and_is_audited(
    house: RunningHouse, root: Client, shop: tuple[int, int, GitHub]
):
    project, service, github = shop
    before = await last_seq(house.house.database)

    answer = await github.sends()

    assert 202 == answer.status_code
    taken = answer.json()
    assert ("accepted", None, 1) == (taken["outcome"], taken["reason"], len(taken["builds"]))
    build = granted(await root.get(f"/api/builds/{taken['builds'][0]}"))
    assert (service, COMMIT, "queued", True) == (
        build["service_id"],
        build["ref"],
        build["status"],
        build["deploys"],
    )
    rows = await logs_after(house.house.database, before)
    assert [("webhook.receive", "system:github", "198.51.100.9")] == [(r.action, r.actor, r.ip) for r in rows]
    [delivery] = granted(await root.get(f"/api/projects/{project}/webhook/deliveries"))["items"]
    assert ("push", "accepted", "main", COMMIT) == tuple(
        delivery[name] for name in ("event", "outcome", "branch", "commit_id")
    )


async def test_the_same_delivery_is_taken_once_also_when_it_comes_twice_at_the_same_moment(
    root: Client, shop: tuple[int, int, GitHub]
):
    _, service, github = shop
    answers = await asyncio.gather(*(github.sends() for _ in range(4)))
    again = await github.sends()

    assert ["accepted", "duplicate", "duplicate", "duplicate"] == sorted(one.json()["outcome"] for one in answers)
    assert "duplicate" == again.json()["outcome"]
    assert 1 == len(granted(await root.get("/api/builds", params={"service_id": service}))["items"])


@pytest.mark.parametrize(
    "changes",
    [
        {"x-hub-signature-256": ""},
        {"x-hub-signature-256": "sha256=" + "0" * 64},
        {"x-hub-signature-256": "sha1=" + "0" * 40},
    ],
)
async def test_what_is_not_signed_with_the_projects_secret_changes_nothing(
    house: RunningHouse, shop: tuple[int, int, GitHub], changes: dict[str, str]
):
    _, _, github = shop
    before = await every_row(house.house.database)
    assert (401, "webhook_refused") == refusal(await github.sends(**changes))
    assert before == await every_row(house.house.database)


async def test_a_project_without_a_secret_and_one_that_is_not_there_are_refused_alike(
    house: RunningHouse, root: Client, shop: tuple[int, int, GitHub]
):
    project, _, github = shop
    nowhere = GitHub(house, f"http://x/api/webhooks/github/{project + 1}", github.secret)
    granted(await root.delete(f"/api/projects/{project}/webhook"))
    assert (401, "webhook_refused") == refusal(await github.sends()) == refusal(await nowhere.sends())


async def test_a_new_secret_makes_the_one_before_worthless(
    house: RunningHouse, root: Client, shop: tuple[int, int, GitHub]
):
    project, _, github = shop
    newer = await webhook(house, root, project)
    assert (401, "webhook_refused") == refusal(await github.sends())
    assert 202 == (await newer.sends()).status_code


@pytest.mark.parametrize(
    ("document", "id", "event"),
    [
        (b"{", "d-1", "push"),
        (b"[" * 100_000, "d-1", "push"),
        ({**PUSH, "after": "x"}, "d-1", "push"),
        (PUSH, "", "push"),
        (PUSH, "d 1", "push"),
        (PUSH, "d-1", "PUSH"),
        (PUSH, "d" * 65, "push"),
    ],
)
async def test_a_delivery_that_cannot_be_read_is_refused(
    shop: tuple[int, int, GitHub], document: Any, id: str, event: str
):
    _, _, github = shop
    assert (400, "webhook_unreadable") == refusal(await github.sends(document, id, event))


@pytest.mark.parametrize(
    ("changes", "event", "reason"),
    [
        ({}, "ping", "ping"),
        ({"ref": "refs/heads/other"}, "push", "branch ignored"),
        (
            {"repository": {"clone_url": "https://github.com/x/y"}},
            "push",
            "no service is built from this repository",
        ),
    ],
)
async def test_what_nothing_follows_from_is_written_down_with_its_reason(
    root: Client, shop: tuple[int, int, GitHub], changes: dict[str, Any], event: str, reason: str
):
    project, _, github = shop
    answer = await github.sends({**PUSH, **changes}, event=event)
    assert ("ignored", reason, []) == tuple(answer.json()[name] for name in ("outcome", "reason", "builds"))
    [delivery] = granted(await root.get(f"/api/projects/{project}/webhook/deliveries"))["items"]
    assert ("ignored", reason) == (delivery["outcome"], delivery["reason"])


async def test_every_service_of_the_repository_that_opted_in_is_built_and_a_newer_push_takes_the_place_of_an_older(
    root: Client, shop: tuple[int, int, GitHub]
):
    project, service, github = shop
    second = await add_service(root, project, "worker")
    await add_service(root, project, "docs", auto_deploy=False)
    first = (await github.sends()).json()["builds"]
    newer = (await github.sends({**PUSH, "after": "b" * 40}, "d-2")).json()["builds"]

    found = {one["id"]: one for one in granted(await root.get("/api/builds"))["items"]}
    assert {service, second} == {found[id]["service_id"] for id in newer}
    assert {"cancelled"} == {found[id]["status"] for id in first}
    assert {"queued"} == {found[id]["status"] for id in newer}


async def test_in_a_lockdown_nothing_is_taken(house: RunningHouse, root: Client, shop: tuple[int, int, GitHub]):
    _, _, github = shop
    granted(await root.put("/api/lockdown", json={"reason": "an incident"}))
    assert (503, "system_lockdown") == refusal(await github.sends())


async def test_a_push_that_nothing_followed_from_is_taken_again_by_an_operator(
    house: RunningHouse, root: Client, shop: tuple[int, int, GitHub]
):
    project, service, github = shop
    path = f"/api/projects/{project}/webhook/deliveries"
    source = {"repository": REPOSITORY, "auto_deploy": False}
    granted(await root.put(f"/api/services/{service}/source", json=source))
    assert "ignored" == (await github.sends()).json()["outcome"]
    await github.sends({}, "d-2", event="ping")
    ping, push = granted(await root.get(path))["items"]

    assert (409, "nothing_follows") == refusal(await root.post(f"{path}/{push['id']}/replay"))
    assert (409, "delivery_no_push") == refusal(await root.post(f"{path}/{ping['id']}/replay"))
    assert (404, "delivery_not_found") == refusal(await root.post(f"{path}/{push['id'] + 100}/replay"))
    granted(await root.put(f"/api/services/{service}/source", json={**source, "auto_deploy": True}))
    first = granted(await root.post(f"{path}/{push['id']}/replay"))
    again = granted(await root.post(f"{path}/{push['id']}/replay"))

    assert ("accepted", None, 1) == (first["outcome"], first["reason"], len(first["build_ids"]))
    assert first["build_ids"] == again["build_ids"][:1]
    newest = granted(await root.get(f"/api/builds/{again['build_ids'][-1]}"))
    assert (COMMIT, True, "user:root") == (newest["ref"], newest["deploys"], newest["requested_by"])
