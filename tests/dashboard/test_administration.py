"""Tenants, tokens, settings, and whether the audit log is whole."""

from dashboard.surfer import Page

from monoize.control.identity.actions.first_account import system_call


async def test_tenants_are_made_renamed_suspended_and_let_in_again(boss, alice):
    assert 303 == (await boss.submit("/tenants", name="acme")).status_code
    assert 409 == (await boss.submit("/tenants", name="acme")).status_code
    listed = Page(await boss.get("/tenants"))
    acme = next(a["href"] for a in listed.all("a") if a.text == "acme")

    await boss.submit(acme, name="acme ltd")
    assert 422 == (await boss.submit(f"{acme}/suspend", name="acme")).status_code
    assert 303 == (await boss.submit(f"{acme}/suspend", name="acme ltd")).status_code
    assert "suspended" in Page(await boss.get("/tenants")).one("tbody").text
    await boss.submit(f"{acme}/resume")
    assert "suspended" not in Page(await boss.get("/tenants")).one("tbody").text
    assert 403 == (await alice.get("/tenants")).status_code


async def test_a_token_is_shown_once_and_deleted_by_name(house, boss, alice):
    wrong = await boss.submit("/tokens", name="ci", role="deployer", lifetime="90", scopes="everything")
    assert 422 == wrong.status_code and "Use permissions such as" in wrong.text
    made = await boss.submit("/tokens", name="ci", role="deployer", lifetime="90", scopes="projects.read")
    secret = Page(made).one("input", id="secret")["value"]

    assert 201 == made.status_code
    program = house.visitor()
    program.headers["authorization"] = f"Bearer {secret}"
    assert 200 == (await program.get("/api/projects")).status_code
    listed = (await boss.get("/tokens")).text
    assert "projects.read" in listed and secret not in listed
    assert 422 == (await boss.submit("/tokens/ci/delete", name="other")).status_code
    await boss.submit("/tokens/ci/delete", name="ci")
    assert 401 == (await program.get("/api/projects")).status_code
    assert 403 == (await alice.get("/tokens")).status_code


async def test_settings_are_shown_without_secrets_to_administrators(house, boss, alice):
    shown = (await boss.get("/settings")).text

    assert "database_dsn" in shown and "MONOIZE_DATABASE_DSN" in shown
    assert house.house.settings.master_key and house.house.settings.master_key not in shown
    assert 403 == (await alice.get("/settings")).status_code


async def test_the_audit_log_is_verified_and_filtered_by_target_and_day(boss):
    await boss.submit("/keys", name="laptop", expires_at="never")

    assert "It is whole" in (await boss.get("/audit/verification")).text
    assert "key laptop" in Page(await boss.get("/audit?target=key&since=2020-01-01")).one("tbody").text
    assert "Nothing was found" in (await boss.get("/audit?until=2020-01-01")).text
    assert 422 == (await boss.get("/audit?since=tomorrow")).status_code


async def test_an_account_is_changed_and_deleted_by_its_name(boss, alice):
    address = next(a["href"] for a in Page(await boss.get("/users")).all("a") if a.text == "alice")
    page = Page(await boss.get(address))
    tenant = next(each["value"] for each in page.all("option") if each.text == "default")
    fields = {"username": "alice", "email": "alice@example.com", "role": "user", "tenant_id": tenant}

    assert 422 == (await boss.submit(address, **{**fields, "username": "!"})).status_code
    assert 303 == (await boss.submit(address, **{**fields, "name": "Alice L."})).status_code
    assert "Alice L." in (await boss.get("/users")).text
    assert 200 == (await alice.get("/account")).status_code
    await boss.submit(address, **fields, password="another long password")
    assert 303 == (await alice.get("/account")).status_code

    assert 422 == (await boss.submit(f"{address}/delete", name="root")).status_code
    assert 303 == (await boss.submit(f"{address}/delete", name="alice")).status_code
    assert 404 == (await boss.get(address)).status_code
    own = next(a["href"] for a in Page(await boss.get("/users")).all("a") if a.text == "root")
    assert not Page(await boss.get(own)).all("select", name="role")
    assert 303 != (await boss.submit(f"{own}/delete", name="root")).status_code


async def test_a_key_is_given_to_an_agent_and_taken_back(boss, alice):
    record = (
        await boss.submit("/agent-records", name="sam", role_name="writer", template="starter-worker")
    ).headers
    await boss.submit("/keys", name="laptop", expires_at="never")
    key = next(a["href"] for a in Page(await boss.get("/keys")).all("a") if a.text == "laptop")
    id = record["location"].partition("?")[0].rsplit("/", 1)[1]

    assert 303 == (await boss.submit(f"{key}/agent-record", record_id=id)).status_code
    assert Page(await boss.get(key)).one("a", href=f"/agent-records/{id}").text == "sam"
    assert 404 == (await boss.submit(f"{key}/agent-record", record_id="nobody")).status_code
    assert 303 == (await boss.submit(f"{key}/agent-record", record_id="")).status_code
    assert not Page(await boss.get(key)).all("a", href=f"/agent-records/{id}")
    assert 403 == (await alice.submit(f"{key}/agent-record", record_id="")).status_code


async def test_settings_say_what_holds_at_once_and_backups_what_was_made(house, boss, alice):
    assert "open" in (await boss.get("/settings")).text
    await boss.submit("/proxy/lockdown", reason="moving house")
    assert "locked down: moving house" in (await boss.get("/settings")).text
    assert 503 == (await boss.submit("/settings/test-mail")).status_code

    assert "No backup was made yet" in (await boss.get("/backups")).text
    async with house.house.audit_log.change(system_call()) as change:
        change.record("backup.create", "backup", "monday.backup", bytes=2048, sha256="ab" * 32)
    shown = Page(await boss.get("/backups")).one("tbody").text
    assert "monday.backup" in shown and "2 KiB" in shown
    assert 403 == (await alice.get("/backups")).status_code
