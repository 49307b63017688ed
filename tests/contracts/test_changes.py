"""Of every endpoint that changes something: what is refused changes nothing, what is done is audited exactly once.

The scene of an endpoint is set up once, and its tests are taken in their order: refusals, then what succeeds.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Final

import httpx2
import pytest
import pytest_asyncio
from support.answers import refusal
from support.docker_engine import LazyEngine
from support.endpoints import document, endpoints
from support.engines import Scratch
from support.hostile import (
    NO_FIELDS_VALUE,
    NOT_AN_OBJECT,
    OTHER_CONTENT_TYPES,
    SQL,
    complaint,
    only_wrong,
    some_of,
    with_field,
)
from support.house import closed_application
from support.mutations import VALID, Request, Scene
from support.rows import every_row, last_seq, logs_after
from support.scenes import open_scene

from monoize.control.identity.model import DEFAULT_TENANT_ID

DOCUMENT: Final = document()
MUTATING: Final = [str(endpoint) for endpoint in endpoints(closed_application()) if endpoint.mutates]
BODIES: Final = {
    f"{method.upper()} {path}": operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if "requestBody" in operation
}
TAKEN: Final = {
    ("PUT /api/agents/{agent_id}/config", "patch"): "an object",
    ("PUT /api/agents/{agent_id}/workspace/{filename}", "content"): "an empty text",
    ("POST /api/notes", "importance"): "a fraction",
    ("PATCH /api/notes/{note_id}", "importance"): "a fraction",
}
"""What is right for these fields, and for no others."""
ORIGIN: Final = {"x-request-id": "the-request", "x-forwarded-for": "203.0.113.9"}
together = pytest.mark.asyncio(loop_scope="module")


class Changing:
    """An endpoint in its scene, and variations of its valid request."""

    def __init__(self, endpoint: str, scene: Scene, request: Request) -> None:
        self.endpoint, self.scene, self.request = endpoint, scene, request
        self.method = endpoint.split()[0]
        self.database = scene.house.house.database
        self._number = 0

    async def send(self, content: bytes, content_type: str = "application/json") -> httpx2.Response:
        """From an address of its own, so that no limit answers in our place."""
        self._number += 1
        origin = f"10.1.{self._number >> 8}.{self._number & 255}"
        headers = {"content-type": content_type, "x-forwarded-for": origin}
        return await self.request.client.request(self.method, self.request.path, content=content, headers=headers)


@pytest.fixture(scope="module", params=MUTATING)
def endpoint(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def address(endpoint: str, sqlite_scratch: Scratch) -> Iterator[str]:
    fresh = sqlite_scratch.fresh()
    yield fresh
    sqlite_scratch.done(fresh)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def changing(
    endpoint: str, address: str, lazy_engine: LazyEngine, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Changing]:
    async with open_scene(address, tmp_path_factory.mktemp("changes"), lazy_engine) as scene:
        yield Changing(endpoint, scene, await VALID[endpoint](scene))


def test_every_changing_endpoint_has_a_valid_request_and_no_other_has():
    assert set(MUTATING) == set(VALID)


@together
async def test_who_may_not_or_misspells_or_asks_for_nothing_changes_nothing(changing: Changing):
    request, endpoint, scene = changing.request, changing.endpoint, changing.scene
    viewer, stranger = scene.house.visitor(), scene.house.visitor()
    if "first-account" not in endpoint:
        viewer = await scene.house.make_token(await scene.root(), "looks", role="viewer", scopes=[])
    nowhere = request.path.rpartition("/")[0] + "/01a1fc11-0000-7000-8000-000000000000"
    misspelt = {**(request.body or {}), "misspelt": True}
    before = await every_row(changing.database)

    if "/auth/" not in endpoint:
        for who, code in ((viewer, "not_permitted"), (stranger, "unauthenticated")):
            assert code == refusal(await who.request(changing.method, request.path, json=request.body))[1]
    if endpoint in BODIES:
        answer = await request.client.request(changing.method, request.path, json=misspelt)
        assert (422, "invalid_request") == refusal(answer)
    if "{" in endpoint:
        assert 404 == refusal(await request.client.request(changing.method, nowhere, json=request.body))[0]
    assert before == await every_row(changing.database)


@together
async def test_no_hostile_body_is_taken_and_none_changes_anything(changing: Changing):
    if changing.endpoint not in BODIES:
        pytest.skip("it has no body")
    body = changing.request.body or {}
    fields = DOCUMENT["components"]["schemas"][BODIES[changing.endpoint].rpartition("/")[2]]["properties"]
    assert set(fields) == set(body), "the valid request has to name every field"
    before = await every_row(changing.database)

    turn = MUTATING.index(changing.endpoint)
    bodies = some_of(NOT_AN_OBJECT, turn, 5)
    complaints = {what: complaint(await changing.send(content)) for what, content in bodies.items()}
    valid = json.dumps(changing.request.body).encode()
    kind = OTHER_CONTENT_TYPES[turn % len(OTHER_CONTENT_TYPES)]
    complaints[kind] = complaint(await changing.send(valid, kind))
    for field, value in body.items():
        for what, wrong in NO_FIELDS_VALUE.items():
            if what == TAKEN.get((changing.endpoint, field)):
                continue
            hostile = f"[{wrong}]" if isinstance(value, list) else wrong
            complaints[f"{what} in {field}"] = complaint(await changing.send(with_field(body, field, hostile)))

    assert {} == only_wrong(complaints)
    assert before == await every_row(changing.database)


@together
async def test_what_is_done_leaves_its_audit_rows_with_who_what_where_and_whence(changing: Changing):
    request = changing.request
    before = await last_seq(changing.database)

    answer = await request.client.request(changing.method, request.path, json=request.body, headers=ORIGIN)

    assert answer.is_success, answer.text
    rows = await logs_after(changing.database, before)
    assert request.rows == tuple((row.action, row.actor, row.target_type) for row in rows)
    for row in rows:
        assert ("the-request", "203.0.113.9") == (row.request_id, row.ip)
        assert (DEFAULT_TENANT_ID if row.actor.startswith(("user:", "token:")) else None) == row.tenant_id
        assert row.target_id
        assert isinstance(json.loads(row.details), dict)
    assert (await changing.scene.house.house.audit_log.verify()).problem is None


@together
async def test_sql_in_a_text_is_a_text_or_refused(changing: Changing):
    if changing.endpoint not in BODIES:
        pytest.skip("it has no body")
    body = changing.request.body or {}
    # A password is hashed before it comes near a database.
    texts = [name for name, value in body.items() if isinstance(value, str) and "password" not in name]
    people = len((await every_row(changing.database))["users"])

    answers = [await changing.send(with_field(body, field, json.dumps(sql))) for field in texts for sql in SQL]

    assert [] == [answer.text for answer in answers if answer.status_code >= 500]
    assert people <= len((await every_row(changing.database))["users"])
    assert (await changing.scene.house.house.audit_log.verify()).problem is None


@pytest.mark.parametrize(
    ("endpoint", "changes", "code"),
    [
        ("POST /api/auth/first-account", {"link": "wrong"}, "link_spent"),
        ("POST /api/auth/first-account", {"password": "short"}, "weak_password"),
        ("POST /api/auth/login", {"password": "wrong password"}, "invalid_credentials"),
        ("POST /api/auth/login", {"name": "nobody"}, "invalid_credentials"),
        ("POST /api/auth/register", {"username": "root"}, "username_exists"),
        ("POST /api/auth/register", {"email": "root@example.com"}, "email_exists"),
        ("POST /api/auth/verify-email", {"link": "wrong"}, "link_spent"),
        ("PATCH /api/me", {"email": "taken@example.com"}, "email_exists"),
        ("POST /api/me/password", {"current_password": "wrong password"}, "invalid_credentials"),
        ("POST /api/me/password", {"new_password": "short"}, "weak_password"),
        ("POST /api/users", {"username": "taken"}, "username_exists"),
        ("POST /api/users", {"tenant_id": "01a1fc11-0000-7000-8000-000000000000"}, "tenant_not_found"),
        ("PATCH /api/users/{user_id}", {"username": "taken"}, "username_exists"),
        ("PATCH /api/users/{user_id}", {"tenant_id": "01a1fc11-0000-7000-8000-000000000000"}, "tenant_not_found"),
        ("POST /api/tenants", {"name": "default"}, "tenant_exists"),
        ("PATCH /api/tenants/{tenant_id}", {"name": "default"}, "tenant_exists"),
        ("POST /api/keys", {"user_id": "01a1fc11-0000-7000-8000-000000000000"}, "user_not_found"),
        ("POST /api/tokens", {"name": "taken"}, "token_exists"),
        ("POST /api/tokens", {"tenant_id": "01a1fc11-0000-7000-8000-000000000000"}, "tenant_not_found"),
    ],
)
async def test_a_request_refused_for_what_is_there_already_changes_nothing(
    scene: Scene, endpoint: str, changes: dict[str, str], code: str
):
    request = await VALID[endpoint](scene)
    if "taken" in "".join(changes.values()):
        await scene.created("/api/users", username="taken", email="taken@example.com")
        await scene.created("/api/tokens", name="taken")
    before = await every_row(scene.house.house.database)

    answer = await request.client.request(
        endpoint.split()[0], request.path, json={**(request.body or {}), **changes}
    )

    assert code == refusal(answer)[1]
    assert before == await every_row(scene.house.house.database)
