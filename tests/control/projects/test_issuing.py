"""Certificates and domains against a real authority, a real DNS and a real nginx, all on this machine."""

import dataclasses
import datetime as dt
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.cloudflare import TOKEN, Cloudflare, running_cloudflare
from fakes.renewal_info import running_renewal_info
from sqlalchemy import select, update
from support.answers import granted, refusal
from support.house import Client, RunningHouse, open_house, test_settings
from support.nginx import ask, behind, nginx_settings, stop_nginx
from support.patience import PATIENCE_S
from support.pebble import Pebble, running_pebble
from support.routes import add_service, members, proxy_of
from support.tls import authority_pem, issue

from monoize.base.clock import utc_now
from monoize.control.projects.actions.certificates import keep
from monoize.control.projects.actions.issuing import Issuer
from monoize.control.projects.model.certificates import (
    Certificate,
    is_due,
    read_leaf,
    renewal_due,
    retry_after,
    warning,
)
from monoize.control.projects.store import certificates as store
from monoize.control.projects.tables import acme_accounts, certificates


@pytest.fixture(scope="module")
def ports() -> dict[str, Any]:
    return nginx_settings()


@pytest.fixture(scope="module")
def pebble(ports: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    with running_pebble(tmp_path_factory.mktemp("pebble"), ports["nginx_http_port"]) as running:
        yield running


@pytest.fixture(scope="module")
def cloudflare(pebble: Pebble) -> Iterator[Cloudflare]:
    def told(record: dict[str, Any], stands: bool) -> None:
        if record["type"] == "TXT":
            (pebble.set_text if stands else lambda name, _: pebble.clear_text(name))(
                record["name"], record["content"]
            )

    with running_cloudflare(told) as server:
        yield server


@pytest.fixture
async def fronted(
    sqlite: str, tmp_path: Path, ports: dict[str, Any], pebble: Pebble, cloudflare: Cloudflare
) -> AsyncIterator[RunningHouse]:
    settings = test_settings(
        sqlite,
        tmp_path,
        **ports,
        acme_directory_url=pebble.directory_url,
        acme_ca_file=pebble.trusted,
        dns_resolvers=(pebble.dns,),
        cloudflare_api_url=cloudflare.url,
        cloudflare_api_token=TOKEN,
        public_edge=("127.0.0.1",),
    )
    try:
        async with open_house(settings) as running:
            yield running
    finally:
        stop_nginx(tmp_path / "nginx")


@pytest.fixture
async def boss(fronted: RunningHouse) -> Client:
    return await fronted.make_root()


def issuer(house: RunningHouse) -> Issuer:
    return Issuer(house.house, proxy_of(house))


def shown_certificate(house: RunningHouse, domain: str) -> bytes:
    """What nginx shows to somebody who asks for this domain, whoever signed it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    address = ("127.0.0.1", house.house.settings.nginx_https_port)
    with (
        socket.create_connection(address, timeout=PATIENCE_S) as raw,
        context.wrap_socket(raw, server_hostname=domain) as secured,
    ):
        found = secured.getpeercert(binary_form=True)
    assert found
    return found


async def test_a_domain_is_proven_activated_and_secured(fronted: RunningHouse, boss: Client, pebble: Pebble):
    service, proxy = await add_service(fronted), proxy_of(fronted)
    domain = granted(await boss.post("/api/domains", json={"name": "app.example.com"}))
    assert ("pending", "configure_dns") == (domain["status"], domain["next_action"])
    proof, way = domain["records"]
    assert ("TXT", "_monoize-verify.app.example.com") == (proof["type"], proof["name"])
    assert ("A", "127.0.0.1") == (way["type"], way["value"])
    path = f"/api/domains/{domain['id']}"

    made = granted(
        await boss.post(f"/api/services/{service}/routes", json={"domain": "app.example.com", "tls": True})
    )
    assert (domain["id"], "waiting_for_domain") == (made["domain_id"], made["state"])
    assert (409, "domain_not_verified") == refusal(await boss.post(f"{path}/activate"))
    assert (409, "domain_in_use") == refusal(await boss.delete(path))

    pebble.set_text(proof["name"], "something else")
    failed = granted(await boss.post(f"{path}/verify"))
    assert ("error", ["something else"]) == (failed["status"], failed["found"]["proofs"])
    pebble.clear_text(proof["name"])
    assert "there is no TXT record yet" == granted(await boss.post(f"{path}/verify"))["error"]
    pebble.set_text(proof["name"], proof["value"])
    assert "verified" == granted(await boss.post(f"{path}/verify"))["status"]
    assert "active" == granted(await boss.post(f"{path}/activate"))["status"]

    with behind("app") as app:
        await proxy.switch(service, members(app.port))
        await issuer(fronted).look()
        [certificate] = granted(await boss.get("/api/certificates"))["items"]
        assert ("active", ["app.example.com"], None) == (
            certificate["status"],
            certificate["names"],
            certificate["error"],
        )
        first = shown_certificate(fronted, "app.example.com")
        moved = ask(fronted.house.settings.nginx_http_port, "app.example.com", "/x")
        assert 308 == moved.status

        # Asked for by hand, the account is used again and nginx shows the new one.
        assert 202 == (await boss.post(f"/api/certificates/{certificate['id']}/renew")).status_code
        await issuer(fronted).look()
        assert first != shown_certificate(fronted, "app.example.com")
    async with fronted.house.database.read() as tx:
        [account] = (await tx.execute(select(acme_accounts))).all()
    assert account.uri and "PRIVATE" not in account.key_sealed


async def test_a_wildcard_is_proven_by_dns(fronted: RunningHouse, boss: Client, cloudflare: Cloudflare):
    cloudflare.busy = 1
    order = {"domain": "*.example.com", "type": "acme"}
    made = granted(await boss.post("/api/certificates", json=order))
    await issuer(fronted).look()

    certificate = granted(await boss.get(f"/api/certificates/{made['id']}"))
    assert ("active", ["*.example.com"], None) == tuple(certificate[name] for name in ("status", "names", "error"))
    assert {} == cloudflare.records

    domain = granted(await boss.post("/api/domains", json={"name": "www.example.com"}))
    configured = granted(await boss.post(f"/api/domains/{domain['id']}/configure"))
    assert ("verifying", "cloudflare") == (configured["status"], configured["provider"])
    before = len(cloudflare.calls)
    granted(await boss.post(f"/api/domains/{domain['id']}/configure"))
    assert all(call.startswith("GET") for call in cloudflare.calls[before:])
    assert "verified" == granted(await boss.post(f"/api/domains/{domain['id']}/verify"))["status"]


async def test_a_failure_is_told_and_tried_again_later(fronted: RunningHouse, boss: Client):
    order = {"domain": "*.elsewhere.example.org", "type": "acme"}
    made = granted(await boss.post("/api/certificates", json=order))
    for failures, hours in ((1, 1), (2, 2)):
        await issuer(fronted).look()
        failed = granted(await boss.get(f"/api/certificates/{made['id']}"))
        assert ("failed", failures) == (failed["status"], failed["failures"])
        assert "no active zone" in failed["error"]
        wait = dt.datetime.fromisoformat(failed["retry_at"]) - utc_now()
        assert dt.timedelta(hours=hours) * 0.9 < wait <= dt.timedelta(hours=hours)
        await issuer(fronted).look()
        assert failures == granted(await boss.get(f"/api/certificates/{made['id']}"))["failures"]
        async with fronted.house.database.write() as tx:
            await tx.execute(update(certificates).values(retry_at=None))


async def test_a_certificate_is_renewed_when_its_authority_wants_it(sqlite: str, tmp_path: Path):
    (trusted := tmp_path / "trusted.pem").write_text(authority_pem())
    with running_renewal_info(tmp_path) as authority:
        settings = test_settings(
            sqlite, tmp_path, acme_directory_url=f"{authority.url}/directory", acme_ca_file=trusted
        )
        async with open_house(settings) as house:
            pair = issue("app.example.com")
            leaf = read_leaf(pair.chain, pair.key, "app.example.com", utc_now())
            async with house.house.database.write() as tx:
                made = await store.add(tx, {"domain": "app.example.com", "type": "acme", "status": "pending"})
                await keep(tx, house.house.seal, made.id, leaf, type="acme", auto_renew=True)

            async def renew_at() -> dt.datetime | None:
                async with house.house.database.read() as tx:
                    return (await store.get(tx, made.id)).renew_at

            patient = issuer(house)
            await patient.look()
            await patient.look()
            assert (1, None) == (len(authority.asked), await renew_at())

            authority.wants_at = utc_now() - dt.timedelta(hours=1)
            await issuer(house).look()
            async with house.house.database.read() as tx:
                tried = await store.get(tx, made.id)
            # It issues nothing, and what there is stays in force.
            assert ("active", 1) == (tried.status, tried.failures)


NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
KEPT = Certificate(
    id=1,
    domain="a.example.com",
    type="acme",
    status="active",
    names=["a.example.com"],
    issuer=None,
    fingerprint="ab" * 32,
    not_before=NOW - dt.timedelta(days=60),
    not_after=NOW + dt.timedelta(days=30),
    auto_renew=True,
    failures=0,
    retry_at=None,
    renew_at=None,
    error=None,
    created_at=NOW,
    updated_at=NOW,
)


def test_renewal_comes_early_spread_and_only_where_it_is_ours():
    assert NOW == renewal_due(KEPT, 0)
    assert NOW - dt.timedelta(days=3) == renewal_due(KEPT, 1)
    short = dataclasses.replace(KEPT, not_before=NOW, not_after=NOW + dt.timedelta(days=6))
    assert NOW + dt.timedelta(days=4) == renewal_due(short, 0)
    assert renewal_due(dataclasses.replace(KEPT, type="uploaded"), 0) is None
    assert renewal_due(dataclasses.replace(KEPT, auto_renew=False), 0) is None
    assert not is_due(dataclasses.replace(KEPT, retry_at=NOW + dt.timedelta(hours=1)), NOW, 0)


def test_failures_wait_longer_up_to_a_day():
    assert [1, 2, 4, 8, 16, 24, 24] == [retry_after(failures) / dt.timedelta(hours=1) for failures in range(1, 8)]


def test_an_end_is_warned_of_once_for_each_threshold():
    def left(days: float) -> Certificate:
        return dataclasses.replace(KEPT, not_after=NOW + dt.timedelta(days=days))

    assert [None, 30, 30, 7, 1, 1] == [warning(left(days), NOW, None) for days in (31, 30, 8, 7, 1, -1)]
    assert (None, 7, None) == (warning(left(20), NOW, 30), warning(left(5), NOW, 30), warning(left(5), NOW, 7))
