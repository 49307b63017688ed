"""Every refusal has one shape, RFC 9457, with a code for programs and words for people."""

import pytest
from support.answers import refusal
from support.house import Client, RunningHouse

from monoize.base.errors import (
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Refusal,
    TooLarge,
    TooMany,
    Unauthenticated,
    Unavailable,
)

NOWHERE = "01a1fc11-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (BadRequest, 400),
        (Unauthenticated, 401),
        (Forbidden, 403),
        (NotFound, 404),
        (Conflict, 409),
        (Gone, 410),
        (TooLarge, 413),
        (Invalid, 422),
        (TooMany, 429),
        (Unavailable, 503),
    ],
)
def test_a_refusal_has_the_status_of_its_kind(kind: type[Refusal], status: int):
    class Narrower(kind):  # type: ignore[misc, valid-type]
        """Of the same kind."""

        code = "forbidden"

    made = Narrower(retry_after_s=1) if kind is TooMany else Narrower()
    assert status == made.status


async def test_a_problem_has_everything_a_program_and_a_person_need(root: Client):
    answer = await root.get(f"/api/users/{NOWHERE}", headers={"x-request-id": "the-request"})

    assert "application/problem+json" == answer.headers["content-type"]
    assert {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "user_not_found",
        "detail": "There is no such user.",
        "request_id": "the-request",
    } == answer.json()


async def test_a_hint_says_what_to_do_about_it(visitor: Client):
    answer = (await visitor.get("/api/nowhere")).json()

    assert "The API is described at /api/openapi.json." == answer["hint"]


async def test_each_wrong_value_is_pointed_at_without_being_repeated(root: Client):
    body = {"username": "x", "email": "secret-value", "allowed_groups": ["fine", "secret value"], "a/b~c": 1}

    answer = await root.post("/api/users", json=body)

    assert (422, "invalid_request") == refusal(answer)
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert {"/body/username", "/body/email", "/body/allowed_groups/1", "/body/a~1b~0c"} == pointers
    assert all(error["message"] for error in answer.json()["errors"])
    assert "secret" not in answer.text


async def test_a_wrong_parameter_is_pointed_at_too(root: Client):
    answer = await root.get("/api/users?limit=all")

    assert ["/query/limit"] == [error["pointer"] for error in answer.json()["errors"]]


async def test_at_most_twenty_wrong_values_are_listed(root: Client):
    answer = await root.post("/api/users", json={f"field_{number}": 1 for number in range(100)})

    assert 20 == len(answer.json()["errors"])


async def test_who_has_to_wait_is_told_how_long(house: RunningHouse):
    visitor = house.visitor("203.0.113.9")
    for _ in range(10):
        await visitor.post("/api/auth/verify-email", json={"link": "x"})

    answer = await visitor.post("/api/auth/verify-email", json={"link": "x"})

    assert (429, "too_many_attempts") == refusal(answer)
    assert answer.headers["retry-after"] == str(answer.json()["retry_after_s"])
    assert 1 <= answer.json()["retry_after_s"] <= 60


async def test_a_missing_permission_is_named(house: RunningHouse, root: Client):
    viewer = await house.make_token(root, "looks")

    answer = (await viewer.get("/api/users")).json()

    assert ("not_permitted", "users.read") == (answer["code"], answer["needed"])
