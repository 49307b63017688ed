"""What every answer carries: the number of its request, and the headers that tell browsers to be careful."""

import uuid
from pathlib import Path

import pytest
from support.answers import granted, refusal
from support.house import Client, open_house, test_settings
from support.rows import last_seq, logs_after

from monoize.control.edge.problem import MEDIA_TYPE

KINDS_OF_ANSWER = {
    "a success": ("GET", "/api/me"),
    "an empty success": ("PATCH", "/api/me"),
    "health": ("GET", "/healthz"),
    "health without a body": ("HEAD", "/healthz"),
    "the description": ("GET", "/api/openapi.json"),
    "unauthenticated": ("GET", "/api/users"),
    "nowhere": ("GET", "/api/nowhere"),
    "another method": ("DELETE", "/api/me"),
    "a bad request": ("GET", "/api/me?a=%00"),
    "a body too large": ("POST", "/api/users"),
}


async def ask(client: Client, kind: str, **headers: str):
    method, path = KINDS_OF_ANSWER[kind]
    if kind == "unauthenticated":
        headers["authorization"] = ""
    if kind == "a body too large":
        headers["content-length"] = "999999999"
    return await client.request(
        method, path, content=b"{}", headers={"content-type": "application/json", **headers}
    )


@pytest.mark.parametrize("kind", KINDS_OF_ANSWER)
async def test_every_answer_tells_browsers_to_be_careful(root: Client, kind: str):
    answer = await ask(root, kind)

    assert {
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-store",
    }.items() <= answer.headers.items()
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert ("'self'", "'none'", "'none'", "'none'") == (
        policy["default-src"],
        policy["object-src"],
        policy["base-uri"],
        policy["frame-ancestors"],
    )
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


@pytest.mark.parametrize("kind", KINDS_OF_ANSWER)
async def test_every_answer_carries_the_number_of_its_request(root: Client, kind: str):
    given = await ask(root, kind, **{"x-request-id": "my.request:1_2-3"})
    made = await ask(root, kind)

    assert "my.request:1_2-3" == given.headers["x-request-id"]
    assert 7 == uuid.UUID(made.headers["x-request-id"]).version
    if given.is_error:
        assert "my.request:1_2-3" == given.json()["request_id"]
        assert made.headers["x-request-id"] == made.json()["request_id"]


@pytest.mark.parametrize("number", ["", "x" * 65, "a b", "a/b", "a\x01b", "ümlaut", "<script>", "a,b", "a\tb"])
async def test_a_number_that_is_not_well_formed_is_replaced(root: Client, number: str):
    answer = await root.get("/api/me", headers={"x-request-id": number.encode()})

    assert 7 == uuid.UUID(answer.headers["x-request-id"]).version


async def test_no_two_requests_share_a_number_of_ours(root: Client):
    numbers = [(await root.get("/healthz")).headers["x-request-id"] for _ in range(50)]

    assert sorted(set(numbers)) == sorted(numbers)


async def test_the_number_of_a_request_and_its_address_stand_in_the_audit_log(root: Client, house):
    before = await last_seq(house.house.database)
    origin = {"x-request-id": "find-me", "x-forwarded-for": "203.0.113.9"}
    granted(await root.post("/api/tenants", json={"name": "acme"}, headers=origin))

    (row,) = await logs_after(house.house.database, before)
    assert ("find-me", "203.0.113.9") == (row.request_id, row.ip)


async def test_hsts_is_said_over_https_only(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path, public_url="https://ai.example.com")) as house:
        for path in ("/healthz", "/api/nowhere", "/api/me"):
            said = (await house.visitor().get(path)).headers["strict-transport-security"]
            assert "max-age=31536000" == said


async def test_health_is_told_to_anybody_and_says_little(visitor: Client):
    answer = await visitor.get("/healthz")

    assert {"status": "ok"} == {name: value for name, value in granted(answer).items() if name != "version"}
    assert 200 == (await visitor.head("/healthz")).status_code


@pytest.mark.parametrize(
    "path", ["/api/nowhere", "/api", "/api/", "/api/users/", "/api//users", "/api/me/", "/API/me"]
)
async def test_where_nothing_is_there_is_a_problem_that_says_so(root: Client, path: str):
    answer = await root.get(path)

    assert (404, "no_such_endpoint") == refusal(answer)
    assert MEDIA_TYPE == answer.headers["content-type"]


@pytest.mark.parametrize(
    "path", ["/healthz", "/api/me", "/api/nowhere", "/api/openapi.json", "/login", "/static/none"]
)
async def test_head_is_get_without_the_body(root: Client, path: str):
    got, headed = await root.get(path), await root.head(path)

    assert (got.status_code, "") == (headed.status_code, headed.text)
    assert {"x-request-id"} >= {name for name, value in got.headers.items() if headed.headers.get(name) != value}


async def test_a_method_that_an_address_does_not_know_is_told_which_it_knows(root: Client):
    for path, known in {
        "/api/users": {"GET", "POST"},
        "/api/me": {"GET", "PATCH"},
        "/api/keys/01a1fc11-0000-7000-8000-000000000000": {"GET", "PATCH", "DELETE"},
        "/api/auth/login": {"POST"},
        "/api/tokens/ci": {"DELETE"},
        "/healthz": {"GET"},
    }.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} - known:
            answer = await root.request(method, path)

            assert (405, "method_not_allowed") == refusal(answer), (method, path)
            assert known | ({"HEAD"} if "GET" in known else set()) == set(
                answer.headers["allow"].replace(" ", "").split(",")
            ), (method, path)
