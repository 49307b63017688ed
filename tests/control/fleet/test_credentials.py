"""What operators do with a pool's login: look without seeing, replace, roll back, read out, and hand over."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from support.answers import granted, refusal, together
from support.fleet import enrol, refused, told
from support.house import Client, RunningHouse
from support.logins import Sharer, ago, digest, login, normal
from support.patience import PATIENCE_S
from support.rows import every_row, last_seq, logs_after

from monoize.base.clock import utc_now
from monoize.control.fleet.tables import auth_payloads, seed_links

PATH = "/api/fleet/credentials/default"


@pytest.fixture
async def one(house: RunningHouse, root: Client) -> Sharer:
    return Sharer(await enrol(root, house, "one.example.com"))


@pytest.fixture
async def two(house: RunningHouse, root: Client) -> Sharer:
    return Sharer(await enrol(root, house, "two.example.com"))


async def uploaded(root: Client, document: Any, *, force: bool = False, path: str = PATH) -> dict[str, Any]:
    return granted(await root.post(path, json={"auth": document, "force": force}))


async def history(root: Client) -> list[dict[str, Any]]:
    return granted(await root.get(f"{PATH}/payloads"))["items"]


async def test_an_operators_login_reaches_every_host_at_its_next_sync(root: Client, one: Sharer, two: Sharer):
    document = login("operator")

    stored = await uploaded(root, document)

    assert ("updated", "operator") == (stored["status"], stored["payload"]["origin"])
    assert ["outdated", "outdated"] == [await one.syncs(), await two.syncs()]
    assert normal(document) == one.file == two.file
    assert "unchanged" == (await uploaded(root, document))["status"]


async def test_who_has_the_current_login_is_counted(root: Client, one: Sharer, two: Sharer):
    empty = granted(await root.get(PATH))
    assert (None, None, 2, 0) == tuple(empty[name] for name in ("canonical", "problem", "hosts", "hosts_current"))
    await uploaded(root, login("operator", last_refresh=ago(hours=2)))
    await one.syncs()
    assert (2, 1) == ((now := granted(await root.get(PATH)))["hosts"], now["hosts_current"])
    assert ["api.openai.com"] == now["targets"]
    await two.syncs()
    assert 2 == granted(await root.get(PATH))["hosts_current"]
    await uploaded(root, login("newer", last_refresh=ago(hours=1)))
    assert 0 == granted(await root.get(PATH))["hosts_current"]


async def test_an_older_login_needs_force_and_then_holds_against_the_hosts_that_have_the_newer_one(
    root: Client, one: Sharer, two: Sharer
):
    older, newer = login("older", last_refresh=ago(days=2)), login("newer", last_refresh=ago(hours=1))
    one.file = newer
    await one.syncs()
    await two.syncs()

    assert (409, "credential_outdated") == refusal(await root.post(PATH, json={"auth": older}))
    assert "updated" == (await uploaded(root, older, force=True))["status"]

    assert ["outdated", "outdated"] == [await one.syncs(), await two.syncs()]
    assert normal(older) == one.file == two.file
    one.file = newer
    assert "outdated" == (await one.hands_in())["status"]
    one.file = login("renewed", last_refresh=ago(minutes=1))
    assert "updated" == await one.syncs()


async def test_a_rollback_is_one_more_entry_of_history_and_holds(root: Client, one: Sharer, two: Sharer):
    for number in range(3):
        one.file = login(f"n{number}", last_refresh=ago(hours=5 - number))
        await one.syncs()
    await two.syncs()
    first = (await history(root))[-1]

    payload = granted(await root.post(f"{PATH}/rollback", json={"payload_id": first["id"]}))

    assert ("rollback", first["digest"]) == (payload["origin"], payload["digest"])
    assert 4 == len(await history(root))
    assert ["outdated", "outdated"] == [await one.syncs(), await two.syncs()]
    assert first["digest"] == digest(one.file) == digest(two.file)
    assert ["valid", "valid"] == [await one.syncs(), await two.syncs()]
    missing = await root.post(f"{PATH}/rollback", json={"payload_id": 999_999})
    assert (404, "payload_not_found") == refusal(missing)


async def test_a_rollback_repairs_a_credential_that_cannot_be_trusted(
    root: Client, one: Sharer, house: RunningHouse
):
    for number in range(2):
        one.file = login(f"n{number}", last_refresh=ago(hours=5 - number))
        await one.syncs()
    newest, first = await history(root)
    async with house.house.database.write() as tx:
        await tx.execute(update(auth_payloads).where(auth_payloads.c.id == newest["id"]).values(body="broken"))
    assert (503, "canonical_invalid") == refused(await one.retrieve())

    granted(await root.post(f"{PATH}/rollback", json={"payload_id": first["id"]}))

    assert "outdated" == await one.syncs()


async def test_history_shows_documents_without_secrets(root: Client, one: Sharer):
    one.file = login("first", last_refresh=ago(hours=2))
    await one.syncs()
    one.file = login("second", last_refresh=ago(hours=1))
    await one.syncs()
    newest, oldest = await history(root)
    assert [one.host.id, one.host.id] == [newest["source_host_id"], oldest["source_host_id"]]

    shown = await root.get(f"{PATH}/payloads/{newest['id']}")
    compared = await root.get(f"{PATH}/diff?before={oldest['id']}&after={newest['id']}")

    view = granted(shown)
    assert view["is_canonical"]
    assert {"/last_refresh", "/auth_mode", "/tokens/refresh_token"} < view["values"].keys()
    changed = {each["pointer"]: each for each in granted(compared)["differences"]}
    assert {
        "/auths/api.openai.com/token",
        "/last_refresh",
        "/tokens/access_token",
        "/tokens/id_token",
        "/tokens/refresh_token",
    } == changed.keys()
    assert one.file["last_refresh"] == changed["/last_refresh"]["after"]
    for secret in ("rt-first-0123456789", "rt-second-0123456789", one.file["tokens"]["access_token"]):
        assert secret not in shown.text
        assert secret not in compared.text


async def test_reading_a_login_out_takes_a_permission_of_its_own_and_is_audited(
    root: Client, house: RunningHouse, one: Sharer
):
    one.file = login("first")
    await one.syncs()
    (payload,) = await history(root)
    path = f"{PATH}/payloads/{payload['id']}/reveal"
    writer = await house.make_token(root, "writer", role="admin", scopes=["fleet.read", "fleet.write"])
    before = await last_seq(house.house.database)

    assert (403, "not_permitted") == refusal(await writer.post(path))
    revealed = granted(await root.post(path))

    assert one.file == json.loads(revealed["document"])
    (row,) = await logs_after(house.house.database, before)
    assert ("credential.reveal", "user:root") == (row.action, row.actor)


async def test_an_earlier_login_can_be_forgotten_for_good_but_not_the_current_one(root: Client, one: Sharer):
    for number in range(2):
        one.file = login(f"n{number}", last_refresh=ago(hours=5 - number))
        await one.syncs()
    newest, oldest = await history(root)

    current = await root.delete(f"{PATH}/payloads/{newest['id']}")
    assert (409, "payload_in_use") == refusal(current)
    granted(await root.delete(f"{PATH}/payloads/{oldest['id']}"))
    assert [newest] == await history(root)
    assert (404, "payload_not_found") == refusal(await root.delete(f"{PATH}/payloads/{oldest['id']}"))
    assert (404, "payload_not_found") == refusal(await root.delete(f"{PATH}/payloads/abc"))


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({}, "/body/auth"),
        ({"last_refresh": ago(hours=1)}, "/body/auth/auths"),
        (login(last_refresh="yesterday"), "/body/auth/last_refresh"),
        (login(last_refresh=ago(hours=-1)), "/body/auth/last_refresh"),
        ({**login(), "auths": {"a/b": {"token": "short"}}}, "/body/auth/auths/a~1b/token"),
    ],
)
async def test_what_is_no_login_is_refused_with_its_place(
    root: Client, house: RunningHouse, document: Any, pointer: str
):
    before = await every_row(house.house.database)

    answer = await root.post(PATH, json={"auth": document, "force": True})

    assert (422, "credential_refused") == refusal(answer)
    assert [pointer] == [error["pointer"] for error in answer.json()["errors"]]
    assert before == await every_row(house.house.database)


async def test_a_key_that_two_readers_would_read_differently_is_refused(root: Client):
    body = b'{"auth": {"OPENAI_API_KEY": "a", "OPENAI_API_KEY": "b"}}'

    answer = await root.post(PATH, content=body, headers={"content-type": "application/json"})

    assert (422, "credential_refused") == refusal(answer)


async def test_an_api_key_serves_all_hosts_and_none_may_change_it(root: Client, house: RunningHouse):
    path = "/api/fleet/credentials/keys"
    granted(await root.post("/api/fleet/pools", json={"name": "keys", "mode": "api_key"}))
    a = Sharer(await enrol(root, house, "a.example.com", pool="keys"))
    await uploaded(root, {"OPENAI_API_KEY": "sk-live-4f9a8b7c6d5e4f3a2b1c"}, path=path)

    assert "outdated" == await a.syncs()
    assert "sk-live-4f9a8b7c6d5e4f3a2b1c" == a.file["OPENAI_API_KEY"]
    assert "valid" == await a.syncs()
    a.file = {**a.file, "OPENAI_API_KEY": "sk-mine-4f9a8b7c6d5e4f3a2b1c", "last_refresh": ago(seconds=1)}
    assert (403, "hub_owned") == refused(await a.store())
    assert "outdated" == await a.syncs()
    await uploaded(root, {"OPENAI_API_KEY": "sk-next-4f9a8b7c6d5e4f3a2b1c"}, path=path)
    assert "outdated" == await a.syncs()
    assert "sk-next-4f9a8b7c6d5e4f3a2b1c" == a.file["OPENAI_API_KEY"]


async def test_a_pool_that_uses_the_gateway_shares_no_login(root: Client, house: RunningHouse):
    granted(await root.post("/api/fleet/pools", json={"name": "metered", "mode": "gateway"}))
    a = Sharer(await enrol(root, house, "a.example.com", pool="metered", user_id=root.user["id"]))

    data = await a.asks()
    assert ("valid", "gateway", None) == (data["status"], data["pool"]["mode"], data["canonical_digest"])
    assert (403, "hub_owned") == refused(await a.store(auth=login()))
    for verb in ("", "/seed-links"):
        answer = await root.post(
            f"/api/fleet/credentials/metered{verb}", json={"auth": login()} if not verb else None
        )
        assert (409, "credential_not_used") == refusal(answer)


def claude(name: str, expires_in_h: float = 8) -> dict[str, Any]:
    return {
        "claudeAiOauth": {
            "accessToken": f"sk-ant-oat01-{name}-0123456789abcdef",
            "refreshToken": f"sk-ant-ort01-{name}",
            "expiresAt": int((utc_now().timestamp() + expires_in_h * 3600) * 1000),
            "scopes": ["user:inference"],
        }
    }


def gemini(name: str, expires_in_h: float = 1) -> dict[str, Any]:
    return {
        "access_token": f"ya29.{name}-0123456789abcdef",
        "refresh_token": f"1//{name}",
        "token_type": "Bearer",
        "expiry_date": int((utc_now().timestamp() + expires_in_h * 3600) * 1000),
    }


@pytest.mark.parametrize("make", [claude, gemini])
async def test_logins_of_other_tools_travel_in_the_same_way(root: Client, house: RunningHouse, make: Any):
    tool = make.__name__
    granted(await root.post("/api/fleet/pools", json={"name": "others", "tool": tool}))
    a, b = [Sharer(await enrol(root, house, f"{n}.example.com", pool="others"), tool=tool) for n in "ab"]
    a.file = make("first", 1)

    assert "updated" == await a.syncs()
    assert "outdated" == await b.syncs()
    assert a.file == b.file
    b.file = make("second", 2)
    assert "updated" == await b.syncs()
    assert "outdated" == await a.syncs()
    assert a.file == b.file
    assert "valid" == await a.syncs()
    far = await a.store(auth=make("far", 24 * 500))
    assert (422, "validation_failed") == refused(far)
    assert (422, "validation_failed") == refused(await a.store(auth=login()))


ENTRIES = {
    "api.openai.com": {"token": "sk-of-openai-0123456789-abc"},
    "b.example.com": {"token": "sk-of-b-0123456789-abcdefgh"},
    "c.example.com": {"token": "sk-of-c-0123456789-abcdefgh"},
}


async def test_a_host_sees_and_changes_the_tokens_of_its_own_targets_only(root: Client, house: RunningHouse):
    await uploaded(root, login("shared", auths=ENTRIES, last_refresh=ago(hours=3)))
    whole = Sharer(await enrol(root, house, "whole.example.com"))
    part = Sharer(await enrol(root, house, "part.example.com", allowed_targets=["b.example.com", "d.example.com"]))

    assert "outdated" == await part.syncs()
    assert (["b.example.com"], False) == (list(part.file["auths"]), "tokens" in part.file)
    assert "valid" == await part.syncs()

    part.file["auths"]["b.example.com"]["token"] = "sk-of-b-renewed-0123456789"
    part.file["last_refresh"] = ago(hours=1)
    assert "updated" == await part.syncs()
    assert "valid" == await part.syncs()
    await whole.syncs()
    assert "sk-of-b-renewed-0123456789" == whole.file["auths"]["b.example.com"]["token"]
    assert ENTRIES["c.example.com"]["token"] == whole.file["auths"]["c.example.com"]["token"]
    assert "rt-shared-0123456789" == whole.file["tokens"]["refresh_token"]

    foreign = {**part.file, "auths": ENTRIES, "last_refresh": ago(minutes=1)}
    answer = await part.store(auth=foreign)
    assert (403, "target_not_allowed") == refused(answer)
    assert ["api.openai.com", "c.example.com"] == answer.json()["error"]["details"]["targets"]


async def test_a_host_without_any_target_of_the_pool_gets_nothing(root: Client, house: RunningHouse):
    await uploaded(root, login("shared", auths=ENTRIES))
    none = Sharer(await enrol(root, house, "none.example.com", allowed_targets=["elsewhere.example.com"]))

    data = await none.asks()

    assert ("missing", None) == (data["status"], data["canonical_digest"])
    assert "auth" not in data


async def seed_link(root: Client) -> str:
    made = granted(await root.post(f"{PATH}/seed-links"))
    assert made["url"] in made["command"]
    return made["url"].removeprefix("http://monoize.test")


async def test_a_seed_link_hands_a_login_over_once(root: Client, visitor: Client, house: RunningHouse):
    link, document = await seed_link(root), login("seeded")
    script = await visitor.get(link)
    assert (200, "text/x-shellscript; charset=utf-8") == (script.status_code, script.headers["content-type"])
    assert script.headers["x-seed-expires-at"].endswith("Z")
    before = await last_seq(house.house.database)

    assert "updated" == told(await visitor.post(link, json=document))["status"]

    (row,) = await logs_after(house.house.database, before)
    assert ("credential.seed", "visitor:visitor") == (row.action, row.actor)
    assert "seed" == (await history(root))[0]["origin"]
    assert (410, "seed_link_spent") == refused(await visitor.post(link, json=document))
    again = await visitor.get(link)
    assert (410, True) == (again.status_code, again.text.endswith("exit 1\n"))


async def test_of_many_that_use_one_seed_link_at_once_one_does(house_everywhere: RunningHouse):
    root = await house_everywhere.make_root()
    link, visitor = await seed_link(root), house_everywhere.visitor()
    documents = [login(f"n{number}", last_refresh=ago(minutes=1)) for number in range(6)]

    answers = await together(*(visitor.post(link, json={"auth": document}) for document in documents))

    assert [200, 410, 410, 410, 410, 410] == sorted(answer.status_code for answer in answers)
    assert 1 == len(await history(root))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"auth": 7}', b'{"auth": {"auths": {}}}'])
async def test_a_document_that_is_refused_leaves_a_seed_link_as_it_was(root: Client, visitor: Client, body: bytes):
    link = await seed_link(root)

    assert (await visitor.post(link, content=body)).status_code in (400, 422)

    assert "updated" == told(await visitor.post(link, json=login()))["status"]


async def test_a_seed_link_that_is_unknown_or_too_old_hands_nothing_over(
    root: Client, visitor: Client, house: RunningHouse
):
    assert (404, "seed_link_not_found") == refused(await visitor.post("/seed/auth/nothing", json=login()))
    assert 404 == (await visitor.get("/seed/auth/nothing")).status_code
    link = await seed_link(root)
    async with house.house.database.write() as tx:
        await tx.execute(update(seed_links).values(expires_at=utc_now()))
    assert (410, "seed_link_spent") == refused(await visitor.post(link, json=login()))
    assert [] == await history(root)


async def test_only_digests_of_seed_links_are_stored(root: Client, house: RunningHouse):
    secret = (await seed_link(root)).rpartition("/")[2]

    async with house.house.database.read() as tx:
        assert secret not in repr((await tx.execute(select(seed_links))).all())


def run_script(text: str, home: Path, curl: str) -> subprocess.CompletedProcess[str]:
    """The script in a shell whose curl only notes what it was told."""
    (home / "bin").mkdir(exist_ok=True)
    (home / "bin" / "curl").write_text(curl)
    os.chmod(home / "bin" / "curl", 0o755)
    env = {"HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}
    return subprocess.run(["sh"], input=text, text=True, capture_output=True, env=env, timeout=PATIENCE_S)


async def test_the_seed_script_sends_the_file_and_keeps_its_address_out_of_all_arguments(
    root: Client, visitor: Client, tmp_path: Path
):
    link = await seed_link(root)
    script = (await visitor.get(link)).text
    curl = '#!/bin/sh\nprintf "%s\\n" "$@" > "$HOME/arguments"\ncat > "$HOME/stdin"\nprintf 200\n'

    without = run_script(script, tmp_path, curl)
    assert (1, True) == (without.returncode, "log in first" in without.stderr)
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "auth.json").write_text(json.dumps(login()))
    sent = run_script(script, tmp_path, curl)

    assert (0, "monoize: the login was handed over\n") == (sent.returncode, sent.stdout)
    assert f"@{tmp_path}/.codex/auth.json" in (tmp_path / "arguments").read_text()
    assert link not in (tmp_path / "arguments").read_text()
    assert f'url = "http://monoize.test{link}"\n' == (tmp_path / "stdin").read_text()
    refused_by_us = run_script(script, tmp_path, "#!/bin/sh\ncat > /dev/null\nprintf 410\n")
    assert (1, True) == (refused_by_us.returncode, "HTTP 410" in refused_by_us.stderr)
    away = run_script(script, tmp_path, "#!/bin/sh\nexit 7\n")
    assert (1, True) == (away.returncode, "cannot be reached" in away.stderr)
