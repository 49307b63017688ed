"""What holds for every address that hosts call, whoever adds one."""

from collections.abc import AsyncIterator
from typing import Final

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import text
from support.answers import granted
from support.endpoints import HOSTS_API, Endpoint
from support.fleet import EnrolledHost, enrol, refused, report_user, stored
from support.house import Client, RunningHouse, closed_application
from support.rows import every_row

WRONG_KEY: Final = "0" * 64
# This list may only shrink: all other addresses ask for a host key.
OPEN: Final = {
    "GET /versions",
    "GET /install/{token}",
    "GET /seed/auth/{token}",
    "POST /seed/auth/{token}",
    "POST /oauth/token",
}
EVERY: Final = sorted(
    Endpoint(route.path.removeprefix(HOSTS_API.rstrip("/")), method)
    for route in iter_route_contexts(closed_application().routes)
    if route.path is not None and route.path.startswith(HOSTS_API)
    for method in (route.methods or set()) - {"HEAD"}
)
ASKING: Final = [endpoint for endpoint in EVERY if str(endpoint) not in OPEN]


@pytest.fixture
async def host(house: RunningHouse, root: Client) -> EnrolledHost:
    return await enrol(root, house)


async def codes(client: Client, endpoints: list[Endpoint] = ASKING) -> dict[str, tuple[int, str]]:
    """(status, code) of what each address answers, without a body; no limit of its own interferes."""
    found = {}
    for endpoint in endpoints:
        for prefix in ("", HOSTS_API.rstrip("/")):
            answer = await client.request(endpoint.method, prefix + endpoint.somewhere())
            await client.app.state.house.counters.close()
            refused = answer.is_error and answer.headers["content-type"] == "application/json"
            found[f"{endpoint} {prefix}"] = (answer.status_code, answer.json()["error"]["code"] if refused else "")
    return found


def test_the_same_addresses_lie_at_the_root():
    at_root = {
        f"{method} {route.path}"
        for route in iter_route_contexts(closed_application().routes)
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert set(map(str, EVERY)) <= at_root
    assert OPEN <= set(map(str, EVERY))


async def test_nobody_is_served_without_a_key_or_with_a_wrong_one(house: RunningHouse):
    assert {(401, "key_missing")} == set((await codes(house.visitor())).values())
    assert {(401, "key_invalid")} == set((await codes(house.bearing(WRONG_KEY))).values())


async def test_operators_are_strangers_here(root: Client):
    assert {(401, "key_invalid")} == set((await codes(root)).values())


async def test_the_kill_switch_stops_every_address(house: RunningHouse, root: Client, host: EnrolledHost):
    granted(await root.put("/api/fleet/switches", json={"api_disabled": True}))
    before = await every_row(house.house.database)

    told = await codes(host.calls(), EVERY)

    assert {503} == {status for status, _ in told.values()}
    assert {"api_disabled", ""} >= {code for _, code in told.values()}
    assert before == await every_row(house.house.database)


async def test_a_suspended_host_reaches_no_address(house: RunningHouse, root: Client, host: EnrolledHost):
    granted(await root.post(f"{host.path}/suspend"))
    before = await every_row(house.house.database)

    assert {(403, "host_disabled")} == set((await codes(host.calls())).values())
    assert before == await every_row(house.house.database)


async def test_a_host_at_another_address_reaches_none_unless_it_takes_its_leave(
    house: RunningHouse, host: EnrolledHost
):
    await stored(house, host.id, ip="192.0.2.1")

    told = await codes(host.calls())

    # Where a body is needed its shape comes first.
    shapes = {(422, "validation_failed"), (400, "malformed_body")}
    assert {(403, "ip_denied")} == set(told.values()) - shapes
    assert not [name for name, answer in told.items() if name.startswith("GET") and answer in shapes]


async def test_no_address_is_in_the_description_for_everybody_else():
    described = closed_application().openapi()["paths"]

    assert not [
        path for path in described if path.startswith(HOSTS_API) or not path.startswith(("/api", "/healthz"))
    ]


async def test_a_body_that_is_too_large_is_refused_in_the_words_of_hosts(house: RunningHouse, host: EnrolledHost):
    body = b" " * (house.house.settings.max_body_bytes + 1)

    async def in_parts() -> AsyncIterator[bytes]:
        yield body

    for prefix in ("", HOSTS_API.rstrip("/")):
        for path in ("/auth", "/usage", "/oauth/token"):
            for content in (body, in_parts()):
                answer = await host.calls().post(prefix + path, content=content)
                assert (413, "body_too_large") == refused(answer), path
    of_operators = await host.calls().post("/api/fleet/hosts", content=body)
    assert "application/problem+json" == of_operators.headers["content-type"]


async def test_what_nobody_foresaw_is_told_in_the_words_of_whoever_asks(house: RunningHouse, host: EnrolledHost):
    async def rename(before: str, after: str) -> None:
        async with house.house.database.write() as tx:
            await tx.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))

    await rename("host_users", "gone")
    await rename("install_tokens", "gone_as_well")
    user = await report_user(host.calls())
    script = await house.visitor().get(f"/install/{host.install_token}")
    await rename("gone", "host_users")
    await rename("gone_as_well", "install_tokens")

    assert (500, "internal_error") == refused(user)
    assert (500, "text/x-shellscript; charset=utf-8") == (script.status_code, script.headers["content-type"])
    assert "exit 1" in script.text
