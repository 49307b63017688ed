"""The proxy: routes of the database served by a real nginx, switched, refused, and healed."""

import asyncio
import http.client
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from support.answers import granted, refusal
from support.house import Client, RunningHouse, open_house, test_settings
from support.nginx import Behind, ask, behind, nginx_settings, stop_nginx
from support.routes import add_service, members, proxy_of
from support.tls import Pair, authority_pem, issue, pem_of

from monoize.control.projects.actions.proxy import make_proxy
from monoize.control.projects.errors import NotSwitched
from monoize.control.projects.store import routes as store
from monoize.control.projects.tables import certificates, services


@pytest.fixture
async def fronted(sqlite: str, tmp_path: Path) -> AsyncIterator[RunningHouse]:
    """A house with an nginx in front."""
    settings = test_settings(sqlite, tmp_path, **nginx_settings())
    try:
        async with open_house(settings) as running:
            yield running
    finally:
        stop_nginx(tmp_path / "nginx")


@pytest.fixture
async def boss(fronted: RunningHouse) -> Client:
    return await fronted.make_root()


def asked(house: RunningHouse, domain: str = "app.example.com") -> str:
    """Who answers."""
    said = ask(house.house.settings.nginx_http_port, domain)
    return str(said.heard["name"]) if said.status == 200 else str(said.status)


async def test_a_service_is_reached_switched_and_taken_away(fronted: RunningHouse, boss: Client):
    service, proxy = await add_service(fronted), proxy_of(fronted)
    with behind("old") as old, behind("new") as new:
        # To a service without a route nobody gets through nginx, not even we.
        assert await proxy.switch(service, members(old.port))
        assert proxy.through(service, 80) is None
        await proxy.switch(service, [])
        made = granted(await boss.post(f"/api/services/{service}/routes", json={"domain": "app.example.com"}))
        assert ("no_member", True) == (made["state"], made["applied"])
        assert "503" == asked(fronted)

        first = await proxy.switch(service, members(old.port))
        assert "old" == asked(fronted)
        second = await proxy.switch(service, members(new.port))
        assert "new" == asked(fronted) and first and second and second > first
        # Nothing changes, and nothing is reloaded.
        assert second == await proxy.switch(service, members(new.port))

        through = proxy.through(service, 80)
        assert (
            through == f"http://127.0.0.1:{fronted.house.settings.nginx_probe_port}/upstream/service_{service}_80"
        )
        assert "served" == granted(await boss.get(f"/api/routes/{made['id']}"))["state"]

        status = granted(await boss.get("/api/nginx"))
        assert (True, True, second, 1, None) == tuple(
            status[name] for name in ("set_up", "running", "generation", "routes", "trouble")
        )
        assert [True, False, False, False] == [one["active"] for one in status["history"]]

        async with fronted.house.database.write() as tx:
            await tx.execute(delete(services).where(services.c.id == service))
        await proxy.follow()
        with pytest.raises((OSError, http.client.RemoteDisconnected)):
            asked(fronted)


async def test_a_switch_that_cannot_be_proven_leaves_the_old_one(fronted: RunningHouse, boss: Client, old: Behind):
    service, proxy = await add_service(fronted), proxy_of(fronted)
    await boss.post(f"/api/services/{service}/routes", json={"domain": "app.example.com"})
    await proxy.switch(service, members(old.port))

    # As when the disk is full: nothing can be written.
    generations = fronted.house.settings.data_dir / "nginx" / "generations"
    kept = generations.rename(generations.with_name("kept"))
    generations.write_text("in the way")
    with pytest.raises(NotSwitched):
        await proxy.switch(service, members(1))
    assert "old" == asked(fronted)
    generations.unlink()
    kept.rename(generations)

    await proxy.apply(urgent=True)
    assert "old" == asked(fronted)


@pytest.fixture
async def old() -> AsyncIterator[Behind]:
    with behind("old") as server:
        yield server


async def test_what_was_cut_off_in_the_middle_is_brought_to_its_end(
    fronted: RunningHouse, boss: Client, old: Behind
):
    service, proxy = await add_service(fronted), proxy_of(fronted)
    await boss.post(f"/api/services/{service}/routes", json={"domain": "app.example.com"})
    await proxy.switch(service, members(1))

    # As after a kill: who answers is written down and the link is moved, and nginx was never told.
    async with fronted.house.database.write() as tx:
        await store.replace_members(tx, service, {(80, old.address)})
    link = fronted.house.settings.data_dir / "nginx" / "current"
    link.unlink()
    link.symlink_to("generations/nowhere")
    await make_proxy(fronted.house).watch()
    assert "old" == asked(fronted)


async def test_an_nginx_that_was_killed_comes_back_by_itself(fronted: RunningHouse, boss: Client, old: Behind):
    service, proxy = await add_service(fronted), proxy_of(fronted)
    await boss.post(f"/api/services/{service}/routes", json={"domain": "app.example.com"})
    await proxy.switch(service, members(old.port))

    pid = int((fronted.house.settings.data_dir / "nginx" / "nginx.pid").read_text())
    os.killpg(pid, signal.SIGKILL)
    while proxy.is_running():
        await asyncio.sleep(0.01)
    await proxy.watch()
    assert "old" == asked(fronted)


async def test_a_taken_port_is_told_and_the_route_is_kept(sqlite: str, tmp_path: Path):
    settings = nginx_settings()
    with socket.create_server(("127.0.0.1", settings["nginx_https_port"])):
        async with open_house(test_settings(sqlite, tmp_path, **settings)) as house:
            boss, service = await house.make_root(), await add_service(house)
            made = granted(await boss.post(f"/api/services/{service}/routes", json={"domain": "app.example.com"}))
            assert not made["applied"] and "bind()" in made["said"]
            answer = await boss.post("/api/nginx/reload")
            assert (409, "nginx_not_reloaded") == refusal(answer)
            assert str(tmp_path) not in answer.text
            assert "failed" == granted(await boss.get("/api/nginx"))["history"][0]["status"]


async def test_a_certificate_is_brought_along_and_shown(fronted: RunningHouse, boss: Client, old: Behind):
    service, proxy = await add_service(fronted), proxy_of(fronted)
    await proxy.switch(service, members(old.port))
    body = {"domain": "app.corp.example", "tls": True}
    made = granted(await boss.post(f"/api/services/{service}/routes", json=body))
    assert "waiting_for_certificate" == made["state"]
    [awaited] = granted(await boss.get("/api/certificates"))["items"]
    assert ("acme", "pending") == (awaited["type"], awaited["status"])

    pair = issue("*.corp.example")
    granted(await boss.post("/api/certificates", json=sent(pair, "app.corp.example")))
    trusted = ssl.create_default_context(cadata=authority_pem())
    said = ask(fronted.house.settings.nginx_https_port, "app.corp.example", tls=trusted)
    assert "old" == said.heard["name"]
    assert "served" == granted(await boss.get(f"/api/routes/{made['id']}"))["state"]

    # A better one, and then the only one of which the key does not open.
    newer = issue("app.corp.example", days=300)
    granted(await boss.put(f"/api/certificates/{awaited['id']}", json=sent(newer)))
    assert newer.fingerprint in (await boss.get("/api/nginx/config")).text
    assert (409, "certificate_in_use") == refusal(await boss.delete(f"/api/certificates/{awaited['id']}"))
    async with fronted.house.database.write() as tx:
        await tx.execute(update(certificates).values(key_sealed="v1.00000000.AAAA"))
    assert "waiting_for_certificate" == (await proxy.apply(urgent=True)).states[made["id"]]


def sent(pair: Pair, domain: str | None = None, **changes: str) -> dict[str, str]:
    named = {"domain": domain, "type": "uploaded"} if domain else {}
    return {**named, "cert_pem": pair.chain, "key_pem": pair.key, **changes}


async def test_certificates_that_do_not_fit_are_refused(house: RunningHouse, root: Client):
    from cryptography.hazmat.primitives.asymmetric import ec

    good, other = issue("a.example.com"), issue("b.example.com")
    locked = pem_of(ec.generate_private_key(ec.SECP256R1()), b"password")
    disordered = other.chain.split("-----END CERTIFICATE-----\n")
    refused = {
        "certificate_key_mismatch": [sent(good, "a.example.com", key_pem=other.key)],
        "certificate_wrong_domain": [sent(good, "c.example.com"), sent(good, "*.example.com")],
        "certificate_expired": [
            sent(issue("a.example.com", days=-1, since_days=9), "a.example.com"),
            sent(issue("a.example.com", since_days=-1), "a.example.com"),
        ],
        "certificate_unreadable": [
            sent(good, "a.example.com", cert_pem="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            sent(good, "a.example.com", key_pem="nonsense"),
            sent(good, "a.example.com", key_pem=locked),
            sent(good, "a.example.com", cert_pem=good.chain * 6),
            sent(
                good,
                "a.example.com",
                cert_pem="-----END CERTIFICATE-----\n".join([disordered[1], disordered[0], ""]),
            ),
        ],
    }
    for code, bodies in refused.items():
        for body in bodies:
            answer = await root.post("/api/certificates", json=body)
            assert (422, code) == refusal(answer)
            assert "PRIVATE KEY" not in answer.text

    made = await root.post("/api/certificates", json=sent(good, "a.example.com"))
    assert ["a.example.com"] == granted(made)["names"] and "PRIVATE" not in made.text
    assert (409, "certificate_exists") == refusal(
        await root.post("/api/certificates", json=sent(good, "a.example.com"))
    )
    assert (409, "not_issued_here") == refusal(await root.post(f"/api/certificates/{made.json()['id']}/renew"))
    order = {"domain": "*.example.com", "type": "acme"}
    assert (409, "wildcard_needs_dns") == refusal(await root.post("/api/certificates", json=order))
    assert 204 == (await root.delete(f"/api/certificates/{made.json()['id']}")).status_code
