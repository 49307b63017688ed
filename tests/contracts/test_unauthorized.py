"""Who may knock at which endpoint: strangers only at the few that are listed here, the weak only at their own."""

from collections.abc import Iterable

import pytest
from support.endpoints import Endpoint, endpoints
from support.house import Client, RunningHouse, closed_application

EVERY = endpoints(closed_application())

# These lists may only shrink: whatever is not on them asks for a credential, or for a permission.
PUBLIC = {
    "GET /healthz",
    "GET /api/openapi.json",
    "POST /api/auth/login",
    "POST /api/auth/register",
    "POST /api/auth/first-account",
    "POST /api/auth/verify-email",
    "GET /api/auth/providers",
    "GET /api/auth/providers/{name}/start",
    "GET /api/auth/providers/{name}/callback",
}
ONES_OWN = {
    "GET /api/me",
    "PATCH /api/me",
    "POST /api/me/password",
    "POST /api/me/email-verification",
    "GET /api/me/sessions",
    "DELETE /api/me/sessions/{session_id}",
    "GET /api/me/accounts",
    "DELETE /api/me/accounts/{account_id}",
    "GET /api/keys",
    "POST /api/keys",
    "GET /api/keys/{key_id}",
    "PATCH /api/keys/{key_id}",
    "DELETE /api/keys/{key_id}",
    "GET /api/requests",
    "GET /api/requests/{request_id}",
    "GET /api/requests/stream",
    "GET /api/ledger/entries",
    "GET /api/ledger/entries.csv",
    "GET /api/ledger/days",
    "GET /api/telemetry/usage",
    "GET /api/telemetry/usage.csv",
    "GET /api/telemetry/summary",
    "POST /api/telemetry",
    "POST /api/ledger/transfers",
    "GET /api/ledger/sub-accounts/{key_id}",
    "PUT /api/ledger/sub-accounts/{key_id}",
    "DELETE /api/ledger/keys/{key_id}",
    "GET /api/agents",
    "POST /api/agents",
    "GET /api/agents/{agent_id}",
    "PATCH /api/agents/{agent_id}",
    "DELETE /api/agents/{agent_id}",
    "POST /api/agents/{agent_id}/rotate-token",
    "GET /api/agents/{agent_id}/health",
    "PUT /api/agents/{agent_id}/config",
    "PUT /api/agents/{agent_id}/workspace/{filename}",
    "POST /api/agents/{agent_id}/restart",
    "GET /api/agents/{agent_id}/usage",
    "GET /api/agents/{agent_id}/channels",
    "POST /api/agents/{agent_id}/channels",
    "DELETE /api/agents/{agent_id}/channels/{kind}",
    "DELETE /api/agents/{agent_id}/vps",
    "DELETE /api/vpses/{vps_id}",
    "GET /api/operations",
    "GET /api/operations/{operation_id}",
    "GET /api/operations/{operation_id}/stream",
    "GET /api/vpses",
    "GET /api/vpses/{vps_id}",
    "POST /api/agents/{agent_id}/vps",
    "POST /api/agents/{agent_id}/vps/start",
    "POST /api/agents/{agent_id}/vps/stop",
    "POST /api/vpses/{vps_id}/restart",
    "POST /api/vpses/{vps_id}/start",
    "POST /api/vpses/{vps_id}/stop",
    "GET /api/plans",
    "GET /api/plans/{plan}",
    "GET /api/plans/{plan}/vps-configs",
    "GET /api/vps-configs",
    "GET /api/vps-configs/{preset}",
    "PUT /api/users/{user_id}/overage-budget",
    "GET /api/transforms",
    "GET /api/approvals",
    "GET /api/approvals/{approval_id}",
    "POST /api/approvals/deny",
    "POST /api/approvals/{approval_id}/approve",
    "POST /api/approvals/{approval_id}/deny",
    "GET /api/notes",
    "GET /api/notes/context",
    "GET /api/notes/{note_id}",
    "POST /api/notes",
    "PATCH /api/notes/{note_id}",
    "DELETE /api/notes/{note_id}",
    "POST /api/notes/{note_id}/confirm",
    "POST /api/auth/logout",
}
VIEWERS = {
    "GET /api/builds",
    "GET /api/builds/{build_id}",
    "GET /api/builds/{build_id}/events",
    "GET /api/deployments",
    "GET /api/deployments/{deployment_id}",
    "GET /api/deployments/{deployment_id}/events",
    "GET /api/environments",
    "GET /api/environments/{environment_id}",
    "GET /api/environments/{environment_id}/variables",
    "GET /api/lockdown",
    "GET /api/projects",
    "GET /api/projects/{project_id}",
    "GET /api/projects/{project_id}/services",
    "GET /api/projects/{project_id}/webhook/deliveries",
    "GET /api/registries",
    "GET /api/registries/{registry_id}",
    "GET /api/removals",
    "GET /api/removals/{removal_id}",
    "GET /api/routes",
    "GET /api/routes/{route_id}",
    "GET /api/routes/{route_id}/config",
    "GET /api/services",
    "GET /api/services/{service_id}",
    "GET /api/services/{service_id}/deployments",
    "GET /api/services/{service_id}/env",
    "GET /api/services/{service_id}/links",
    "GET /api/services/{service_id}/logs",
    "GET /api/services/{service_id}/logs/stream",
    "GET /api/services/{service_id}/network",
    "GET /api/services/{service_id}/releases",
    "GET /api/services/{service_id}/releases/{number}",
    "GET /api/services/{service_id}/routes",
    "GET /api/services/{service_id}/secrets",
    "GET /api/services/{service_id}/secrets/{key}/versions",
    "GET /api/services/{service_id}/source",
    "GET /api/services/{service_id}/stats",
    "GET /api/services/{service_id}/stats/stream",
}
"""Of projects, masked where they hold a secret."""
NOT_WITH_A_TOKEN = {
    "GET /api/notes",
    "GET /api/notes/context",
    "GET /api/notes/{note_id}",
    "POST /api/notes",
    "PATCH /api/notes/{note_id}",
    "DELETE /api/notes/{note_id}",
    "POST /api/notes/{note_id}/confirm",
    "GET /api/agents",
    "GET /api/operations",
    "GET /api/vpses",
    "GET /api/approvals",
    "GET /api/approvals/{approval_id}",
    "POST /api/approvals/deny",
    "POST /api/approvals/{approval_id}/approve",
    "POST /api/approvals/{approval_id}/deny",
    "POST /api/auth/logout",
    "GET /api/me/sessions",
    "DELETE /api/me/sessions/{session_id}",
    "GET /api/me/accounts",
    "DELETE /api/me/accounts/{account_id}",
    "GET /api/keys",
    "GET /api/requests",
    "GET /api/requests/stream",
    "GET /api/ledger/entries",
    "GET /api/ledger/entries.csv",
    "GET /api/ledger/days",
    "GET /api/telemetry/usage",
    "GET /api/telemetry/usage.csv",
    "GET /api/telemetry/summary",
    "POST /api/telemetry",
}


async def answers(client: Client, every: Iterable[Endpoint] = EVERY) -> dict[str, tuple[int, str]]:
    """(status, code) of each endpoint, each asked from an address of its own so that no limit interferes."""
    found = {}
    # Signing out comes last, since it takes away what the others are asked with.
    for number, endpoint in enumerate(sorted(every, key=lambda one: one.path.endswith("/logout"))):
        origin = {"x-forwarded-for": f"198.51.100.{number}"}
        answer = await client.request(endpoint.method, endpoint.somewhere(), headers=origin)
        # There are more endpoints than one credential may fail; a counter that is closed has forgotten everything.
        await client.app.state.house.counters.close()
        problem = answer.headers.get("content-type") == "application/problem+json"
        found[str(endpoint)] = (answer.status_code, answer.json()["code"] if problem else "")
    return found


def protected() -> list[Endpoint]:
    return [endpoint for endpoint in EVERY if str(endpoint) not in PUBLIC]


def test_the_lists_name_only_endpoints_that_exist():
    assert set() == (PUBLIC | ONES_OWN | NOT_WITH_A_TOKEN) - {str(endpoint) for endpoint in EVERY}


async def test_every_endpoint_that_is_not_public_asks_a_stranger_who_they_are(visitor: Client):
    asked = await answers(visitor, protected())

    assert {str(endpoint): (401, "unauthenticated") for endpoint in protected()} == asked


@pytest.mark.parametrize(
    "credential",
    [
        pytest.param({"authorization": "Bearer sk-" + "0" * 64}, id="api-key"),
        pytest.param({"x-api-key": "sk-" + "0" * 64}, id="x-api-key"),
        pytest.param({"authorization": "Bearer mzs_" + "0" * 64}, id="session"),
        pytest.param({"authorization": f"Bearer mzt_{'0' * 16}_{'0' * 64}"}, id="token"),
        pytest.param({"authorization": "Bearer " + "x" * 600}, id="too-long"),
        pytest.param({"authorization": "Bearer short"}, id="too-short"),
        pytest.param({"cookie": "monoize_session=mzs_" + "0" * 64, "sec-fetch-site": "same-origin"}, id="cookie"),
    ],
)
async def test_a_credential_that_nobody_was_given_opens_nothing(visitor: Client, credential: dict[str, str]):
    visitor.headers.update(credential)

    asked = await answers(visitor, protected())

    assert {str(endpoint): (401, "invalid_credential") for endpoint in protected()} == asked


async def test_a_refusal_for_want_of_a_credential_says_which_kind_is_wanted(visitor: Client):
    for endpoint in protected():
        answer = await visitor.request(endpoint.method, endpoint.somewhere())

        assert 'Bearer realm="monoize"' == answer.headers["www-authenticate"]
        assert "application/problem+json" == answer.headers["content-type"]


async def test_no_public_endpoint_asks_who_is_calling(visitor: Client):
    asked = await answers(visitor)

    assert {} == {name: asked[name] for name in PUBLIC if asked[name][1] in ("unauthenticated", "not_permitted")}


async def test_a_user_is_let_in_only_at_what_is_their_own(house: RunningHouse, root: Client):
    user = await house.make_user(root)

    asked = await answers(user)

    assert PUBLIC | ONES_OWN == {name for name, answer in asked.items() if answer != (403, "not_permitted")}


async def test_a_viewer_token_reads_projects_and_no_administrators_endpoint(house: RunningHouse, root: Client):
    viewer = await house.make_token(root, "looks", role="viewer")

    asked = await answers(viewer)

    admitted = {name for name, answer in asked.items() if answer != (403, "not_permitted")}
    assert PUBLIC | VIEWERS | (ONES_OWN - NOT_WITH_A_TOKEN) == admitted


OF_A_KEY = {
    "GET /api/me",
    "POST /api/telemetry",
    "GET /api/requests",
    "GET /api/requests/{request_id}",
    "GET /api/ledger/entries",
    "GET /api/ledger/entries.csv",
    "GET /api/ledger/days",
    "GET /api/telemetry/usage",
    "GET /api/telemetry/usage.csv",
    "GET /api/telemetry/summary",
    "GET /api/approvals",
    "GET /api/approvals/{approval_id}",
    "POST /api/approvals",
    "POST /api/approvals/{approval_id}/withdraw",
    "POST /api/approvals/{approval_id}/consume",
    "POST /api/approvals/{approval_id}/outcome",
    "GET /api/notes",
    "GET /api/notes/context",
    "POST /api/notes",
    "GET /api/notes/{note_id}",
    "PATCH /api/notes/{note_id}",
    "POST /api/notes/{note_id}/confirm",
    "DELETE /api/notes/{note_id}",
}


async def test_an_api_key_looks_at_what_is_its_users_reports_and_asks(house: RunningHouse, root: Client):
    user = await house.make_user(root)
    admitted = {}
    for owner in (user, root):
        key = house.bearing((await owner.post("/api/keys", json={"name": "gateway"})).json()["secret"])
        asked = await answers(key)
        admitted[owner] = {name for name, answer in asked.items() if answer != (403, "not_permitted")}

    assert PUBLIC | OF_A_KEY == admitted[user]
    looks = admitted[root] - admitted[user]
    assert {"GET /api/objects", "GET /api/prices"} <= looks
    assert all(name.startswith(("GET /api/objects", "GET /api/prices")) for name in looks)


async def test_a_token_without_scopes_is_let_in_nowhere_but_at_who_am_i(house: RunningHouse, root: Client):
    nothing = await house.make_token(root, "nothing", role="admin", scopes=[])

    asked = await answers(nothing)

    assert PUBLIC | {"GET /api/me"} == {name for name, answer in asked.items() if answer != (403, "not_permitted")}


async def test_an_administrator_is_refused_nothing_for_want_of_permission(house: RunningHouse, root: Client):
    admin = await house.make_user(root, "boss", role="admin")

    for client in (root, admin):
        asked = await answers(client)

        assert [] == [name for name, answer in asked.items() if answer == (403, "not_permitted")]
