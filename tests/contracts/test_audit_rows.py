"""What changes something is audited, exactly once and with everything an auditor asks; what is refused is not."""

import json

import pytest
from support.answers import refusal
from support.endpoints import closed_application, endpoints
from support.mutations import VALID, Scene
from support.rows import every_row, last_seq, logs_after

from monoize.control.identity.model import DEFAULT_TENANT_ID

MUTATING = [str(endpoint) for endpoint in endpoints(closed_application()) if endpoint.mutates]
WITH_BODY = [
    f"{method.upper()} {path}"
    for path, operations in closed_application().openapi()["paths"].items()
    for method, operation in operations.items()
    if "requestBody" in operation
]
ORIGIN = {"x-request-id": "the-request", "x-forwarded-for": "203.0.113.9"}


def test_every_changing_endpoint_has_a_valid_request_and_no_other_has():
    assert set(MUTATING) == set(VALID)


@pytest.mark.parametrize("endpoint", MUTATING)
async def test_every_change_leaves_its_audit_rows_with_who_what_where_and_whence(scene: Scene, endpoint: str):
    request = await VALID[endpoint](scene)
    before = await last_seq(scene.house.house.database)

    answer = await request.client.request(endpoint.split()[0], request.path, json=request.body, headers=ORIGIN)

    assert answer.is_success, answer.text
    rows = await logs_after(scene.house.house.database, before)
    assert request.rows == tuple((row.action, row.actor, row.target_type) for row in rows)
    for row in rows:
        assert ("the-request", "203.0.113.9") == (row.request_id, row.ip)
        assert (DEFAULT_TENANT_ID if row.actor.startswith(("user:", "token:")) else None) == row.tenant_id
        assert row.target_id
        assert isinstance(json.loads(row.details), dict)
    assert (await scene.house.house.audit_log.verify()).problem is None


@pytest.mark.parametrize("endpoint", MUTATING)
async def test_a_request_that_is_not_permitted_or_misspelt_or_about_nothing_changes_nothing(
    scene: Scene, endpoint: str
):
    request, method = await VALID[endpoint](scene), endpoint.split()[0]
    viewer, stranger = scene.house.visitor(), scene.house.visitor()
    if "first-account" not in endpoint:
        viewer = await scene.house.make_token(await scene.root(), "looks", role="viewer", scopes=[])
    nowhere = request.path.rpartition("/")[0] + "/01a1fc11-0000-7000-8000-000000000000"
    misspelt = {**(request.body or {}), "misspelt": True}
    before = await every_row(scene.house.house.database)

    if "/auth/" not in endpoint:
        for who, code in ((viewer, "not_permitted"), (stranger, "unauthenticated")):
            assert code == refusal(await who.request(method, request.path, json=request.body))[1]
    if endpoint in WITH_BODY:
        answer = await request.client.request(method, request.path, json=misspelt)
        assert (422, "invalid_request") == refusal(answer)
    if "{" in endpoint:
        assert 404 == refusal(await request.client.request(method, nowhere, json=request.body))[0]
    assert before == await every_row(scene.house.house.database)


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
