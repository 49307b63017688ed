"""A gateway in a process of its own: it serves what the control plane knows, and each charge arrives there once."""

import contextlib
import decimal
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2
import pytest
from support.patience import PATIENCE_S
from support.server import Server, forked_server

from monoize.control.identity.model import DEFAULT_TENANT_ID
from monoize.gateway.follower import EVERY_S

ADMIN: Final = "an operators own token 0123456789"
GATEWAY: Final = ("serve", "gateway", "--port", "0")


class Pair(NamedTuple):
    control: Server
    folder: Path

    def gateway(self) -> contextlib.AbstractContextManager[Server]:
        return forked_server(self.folder, arguments=GATEWAY, MONOIZE_CONTROL_URL=self.control.address)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {ADMIN}"}
        answer = httpx2.request(method, self.control.address + path, json=body, headers=headers, timeout=PATIENCE_S)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def charged(self, user_id: str) -> int:
        """How much, as far as it has arrived."""
        entries = self.api("GET", f"/api/ledger/entries?user_id={user_id}&limit=100")["items"]
        return -sum(min(0, int(entry["delta_nano_usd"])) for entry in entries)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with (
        tempfile.TemporaryDirectory() as folder,
        forked_server(Path(folder), MONOIZE_ADMIN_TOKEN=ADMIN) as control,
    ):
        pair = Pair(control, Path(folder))
        channels = [{"name": "there", "base_url": "http://127.0.0.1:9"}]
        rule = {"transform": "set_field", "phase": "response", "config": {"path": "flavor", "value": "sweet"}}
        body = {"name": "echo", "type": "echo", "models": [{"name": "m"}], "channels": channels}
        pair.api("POST", "/api/providers", body | {"transforms": [rule]})
        price = {"provider": "echo", "model_key": "m", "input_usd_per_mtok": "1000", "output_usd_per_mtok": "1000"}
        pair.api("POST", "/api/prices", price | {"source_url": "https://example.com/prices"})
        yield pair


@pytest.fixture(scope="module")
def gateway(pair: Pair) -> Iterator[Server]:
    with pair.gateway() as gateway:
        yield gateway


def person(pair: Pair, name: str, nano: int = 10**9) -> tuple[str, str, str]:
    """(user, key, what opens the gateway)"""
    user_id = pair.api("POST", "/api/users", {"username": name})["id"]
    if nano:
        pair.api("POST", "/api/ledger/top-ups", {"user_id": user_id, "amount_nano_usd": str(nano)})
    made = pair.api("POST", "/api/keys", {"name": "k", "user_id": user_id})
    # A gateway that has heard of this person hears of the money a moment later.
    time.sleep(2 * EVERY_S)
    return user_id, made["key"]["id"], made["secret"]


def ask(server: Server, secret: str, text: str = "hello") -> httpx2.Response:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], "max_tokens": 10}
    headers = {"authorization": f"Bearer {secret}"}
    return httpx2.post(f"{server.address}/v1/chat/completions", json=body, headers=headers, timeout=PATIENCE_S)


def told(answer: httpx2.Response) -> int:
    """What its caller heard that it cost, in nano-USD."""
    return int(decimal.Decimal(answer.headers["x-monoize-charge-usd"]) * 10**9)


def soon(holds: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True


def test_what_is_answered_here_is_charged_there(pair: Pair, gateway: Server):
    user_id, _, secret = person(pair, "charged")
    answers = [ask(gateway, secret) for _ in range(3)]
    assert [200] * 3 == [answer.status_code for answer in answers], answers[0].text
    told_nano = sum(told(answer) for answer in answers)
    assert told_nano
    assert soon(lambda: pair.charged(user_id) == told_nano)
    listed = httpx2.get(f"{gateway.address}/v1/models", headers={"authorization": f"Bearer {secret}"})
    assert ["m"] == [model["id"] for model in listed.json()["data"]]


def test_rules_and_names_are_in_force_behind_the_wall(pair: Pair, gateway: Server):
    _, _, secret = person(pair, "ruled")
    answer = ask(gateway, secret)
    assert (200, "sweet") == (answer.status_code, answer.json().get("flavor")), answer.text


def test_what_people_change_is_in_force_within_a_second(pair: Pair, gateway: Server):
    user_id, key_id, secret = person(pair, "changing", nano=0)
    assert 402 == ask(gateway, secret).status_code
    pair.api("POST", "/api/ledger/top-ups", {"user_id": user_id, "amount_nano_usd": str(10**9)})
    time.sleep(1)
    assert 200 == ask(gateway, secret).status_code
    pair.api("DELETE", f"/api/keys/{key_id}")
    time.sleep(1)
    assert 401 == ask(gateway, secret).status_code


def test_a_tenant_that_is_stopped_is_answered_nothing_within_a_second_until_it_is_lifted(
    pair: Pair, gateway: Server
):
    _, _, secret = person(pair, "stopped")
    assert 200 == ask(gateway, secret).status_code
    why = {"scope": "tenant", "subject": DEFAULT_TENANT_ID, "reason": "It ran wild."}
    stop = pair.api("POST", "/api/stops", why)
    try:
        time.sleep(1)
        refused = ask(gateway, secret)
        assert (403, "stopped") == (refused.status_code, refused.json()["error"]["code"])
        assert "It ran wild." in refused.text
        assert 403 == ask(pair.control, secret).status_code
    finally:
        pair.api("POST", f"/api/stops/{stop['id']}/lift", {})
    time.sleep(1)
    assert 200 == ask(gateway, secret).status_code


def test_what_a_record_says_is_in_force_within_a_second_and_its_budget_is_kept(pair: Pair, gateway: Server):
    _, key_id, secret = person(pair, "governed")
    # 50 tokens of a prompt and 10 of an answer may cost less than a tenth of a dollar.
    window = {"id": "day", "period": "day", "limit_usd": "0.1", "soft_pct": []}
    rest = {"mode": "worker", "auth_strategy": "api_key", "required_roles": [], "safety_level": "permissive"}
    body = {"name": "sam", "role_name": "sam", **rest, "policies": {"budgets_json": {"windows": [window]}}}
    record = pair.api("POST", "/api/agent-records", body)
    pair.api("POST", "/api/agent-limits", {"agent_role_id": "sam", "cost_tier": "unlimited"})
    pair.api("PUT", f"/api/keys/{key_id}/agent-record", {"record_id": record["id"]})
    assert soon(lambda: ask(gateway, secret).status_code == 402)
    assert b"budgets_json/windows/day" in ask(gateway, secret).content

    path = f"/api/agent-records/{record['id']}"
    for status, answered in (("paused", 409), ("active", 402)):
        pair.api("PATCH", path, {"status": status})
        changed_s = time.monotonic()
        assert soon(lambda answered=answered: ask(gateway, secret).status_code == answered)
        assert time.monotonic() - changed_s < 1.0


def test_a_gateway_that_was_killed_loses_no_charge(pair: Pair):
    user_id, _, secret = person(pair, "killed")
    with pair.gateway() as gateway:
        told_nano = sum(
            round(float(ask(gateway, secret).headers["x-monoize-charge-usd"]) * 10**9) for _ in range(9)
        )
        gateway.kill()
    with pair.gateway():
        assert soon(lambda: pair.charged(user_id) == told_nano)


def test_without_a_control_plane_nothing_is_served_that_cannot_be_paid(tmp_path: Path):
    with forked_server(tmp_path, MONOIZE_ADMIN_TOKEN=ADMIN) as control:
        pair = Pair(control, tmp_path)
        channels = [{"name": "there", "base_url": "http://127.0.0.1:9"}]
        body = {"name": "echo", "type": "echo", "models": [{"name": "m"}], "channels": channels}
        pair.api("POST", "/api/providers", body)
        _, _, secret = person(pair, "alone")
        with pair.gateway() as gateway:
            assert 200 == ask(gateway, secret).status_code
            control.kill()
            assert soon(lambda: ask(gateway, secret).status_code == 503)
            assert "control_unreachable" == ask(gateway, secret).json()["error"]["code"]
            assert 200 == httpx2.get(f"{gateway.address}/healthz").status_code


@pytest.mark.parametrize("subject", ["news", "grant", "balance", "charges"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-monoize-at": "x", "x-monoize-signature": "0"},
        {"x-monoize-at": str(time.time_ns() // 10**6), "x-monoize-signature": "0" * 64},
        {"x-monoize-at": "9" * 40, "x-monoize-signature": "é"},
    ],
    ids=["none", "no-time", "forged", "odd"],
)
def test_whoever_cannot_sign_is_told_nothing(pair: Pair, subject: str, headers: dict[str, str]):
    raw = {name: value.encode() for name, value in headers.items()}
    answer = httpx2.post(f"{pair.control.address}/wall/{subject}", content=b"\x80", headers=raw)
    assert (401, b"") == (answer.status_code, answer.content)


def test_a_gateway_shows_its_figures_to_its_own_machine_and_serves_nothing_else(gateway: Server):
    assert "monoize_requests_total" in httpx2.get(f"{gateway.address}/metrics").text
    assert 404 == httpx2.get(f"{gateway.address}/api/users").status_code
    assert json.loads(httpx2.get(f"{gateway.address}/healthz").content)["status"] == "ok"


def test_it_loads_neither_the_control_plane_nor_its_libraries():
    code = "import sys, monoize.main.gateway_server; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    others = ("fastapi", "pydantic", "sqlalchemy", "monoize.control", "monoize.dashboard")
    assert [] == [name for name in loaded if name.startswith(others)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MONOIZE_CONTROL_URL": ""}, "needs control_url"),
        ({"MONOIZE_CONTROL_URL": "http://127.0.0.1:9"}, "cannot be followed"),
        ({"MONOIZE_MASTER_KEY": "A" * 43 + "="}, "same master key"),
    ],
    ids=["no-address", "nobody-there", "another-key"],
)
def test_a_gateway_that_cannot_follow_says_why_and_ends(pair: Pair, settings: dict[str, str], said: str):
    wanted = {"MONOIZE_CONTROL_URL": pair.control.address} | settings
    with (
        pytest.raises(AssertionError, match="exit code 3"),
        forked_server(pair.folder, arguments=GATEWAY, **wanted),
    ):
        pass
