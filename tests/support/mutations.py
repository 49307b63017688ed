"""One valid request for every endpoint that changes something, and the audit rows it has to leave.

A room that adds a changing endpoint adds its entry here; the contract tests then state of it what they state of
all others: that it is audited, that hostile input changes nothing, that a refusal leaves no trace.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fakes.smtp import MailSink
from sqlalchemy import insert

from monoize.base.clock import utc_now
from monoize.base.ids import new_id
from monoize.control.compute.tables import compute_operations, vpses
from monoize.control.fleet.actions import alerts
from monoize.control.fleet.model.alerts import Trouble
from monoize.control.governance.actions import escalations
from monoize.control.identity.actions import first_account
from monoize.control.identity.tables import accounts
from monoize.main.gateway import captures_folder
from support.agent_on_machine import standing_agent
from support.agents import AgentRuntime, make_agent_runtime
from support.docker_engine import LazyEngine
from support.house import PASSWORD, Client, RunningHouse


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and the (action, actor, type of the target) of each audit row it leaves."""

    client: Client
    path: str
    rows: tuple[tuple[str, str, str], ...]
    body: dict[str, Any] | None = None


@dataclasses.dataclass
class Scene:
    """A house with mail and open registration; whoever is needed in it is made on demand."""

    house: RunningHouse
    mail: MailSink
    engine: LazyEngine
    made_root: Client | None = None

    async def root(self) -> Client:
        if self.made_root is None:
            self.made_root = await self.house.make_root()
        return self.made_root

    async def created(self, path: str, **body: Any) -> dict[str, Any]:
        """Something that root has made."""
        root = await self.root()
        answer = await root.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def mailed_link(self) -> str:
        root = await self.root()
        answer = await root.post("/api/me/email-verification")
        assert answer.status_code == 204, answer.text
        return self.mail.mails[-1].get_content().partition("link=")[2].strip()


Maker = Callable[[Scene], Awaitable[Request]]
VALID: Final[dict[str, Maker]] = {}
"""`"POST /api/users"` and so on: how to make a request that succeeds."""


def valid(endpoint: str) -> Callable[[Maker], Maker]:
    def keep(maker: Maker) -> Maker:
        assert endpoint not in VALID
        VALID[endpoint] = maker
        return maker

    return keep


@valid("POST /api/auth/first-account")
async def make_first_account(scene: Scene) -> Request:
    link = await first_account.offer_link(scene.house.house.database)
    body = {"username": "first", "password": PASSWORD, "email": "first@example.com", "name": "First", "link": link}
    rows = (("user.create_first", "visitor:visitor", "user"), ("session.open", "user:first", "session"))
    return Request(scene.house.visitor(), "/api/auth/first-account", rows, body)


@valid("POST /api/auth/login")
async def log_in(scene: Scene) -> Request:
    await scene.root()
    body = {"name": "root", "password": PASSWORD}
    return Request(scene.house.visitor(), "/api/auth/login", (("session.open", "user:root", "session"),), body)


@valid("POST /api/auth/register")
async def register(scene: Scene) -> Request:
    await scene.root()
    body = {"username": "alice", "password": PASSWORD, "email": "alice@example.com", "name": "Alice"}
    rows = (("user.register", "visitor:visitor", "user"), ("session.open", "user:alice", "session"))
    return Request(scene.house.visitor(), "/api/auth/register", rows, body)


@valid("POST /api/auth/logout")
async def log_out(scene: Scene) -> Request:
    return Request(await scene.root(), "/api/auth/logout", (("session.close", "user:root", "session"),))


@valid("POST /api/auth/verify-email")
async def verify_email(scene: Scene) -> Request:
    body = {"link": await scene.mailed_link()}
    rows = (("user.verify_email", "visitor:visitor", "user"),)
    return Request(scene.house.visitor(), "/api/auth/verify-email", rows, body)


@valid("PATCH /api/me")
async def update_me(scene: Scene) -> Request:
    body = {"email": "new@example.com", "name": "Root"}
    return Request(await scene.root(), "/api/me", (("user.update", "user:root", "user"),), body)


@valid("POST /api/me/password")
async def change_password(scene: Scene) -> Request:
    body = {"current_password": PASSWORD, "new_password": "another long password"}
    return Request(await scene.root(), "/api/me/password", (("user.change_password", "user:root", "user"),), body)


@valid("POST /api/me/email-verification")
async def send_email_link(scene: Scene) -> Request:
    rows = (("user.offer_email_link", "user:root", "user"),)
    return Request(await scene.root(), "/api/me/email-verification", rows)


@valid("DELETE /api/me/sessions/{session_id}")
async def end_session(scene: Scene) -> Request:
    root = await scene.root()
    await scene.house.visitor().post("/api/auth/login", json={"name": "root", "password": PASSWORD})
    newest = (await root.get("/api/me/sessions")).json()["items"][0]["id"]
    return Request(root, f"/api/me/sessions/{newest}", (("session.end", "user:root", "session"),))


@valid("DELETE /api/me/accounts/{account_id}")
async def unlink_account(scene: Scene) -> Request:
    root = await scene.root()
    account = {"id": new_id(), "user_id": root.user["id"], "type": "oauth", "provider": "github"}
    async with scene.house.house.database.write() as tx:
        await tx.execute(insert(accounts).values(**account, provider_account_id="1001"))
    rows = (("user.unlink_account", "user:root", "user"),)
    return Request(root, f"/api/me/accounts/{account['id']}", rows)


@valid("POST /api/users")
async def create_user(scene: Scene) -> Request:
    tenant = await scene.created("/api/tenants", name="somewhere")
    body = {
        "username": "alice",
        "password": PASSWORD,
        "email": "alice@example.com",
        "name": "Alice",
        "role": "admin",
        "tenant_id": tenant["id"],
        "allowed_groups": ["team-a"],
    }
    return Request(await scene.root(), "/api/users", (("user.create", "user:root", "user"),), body)


@valid("PATCH /api/users/{user_id}")
async def update_user(scene: Scene) -> Request:
    user = await scene.created("/api/users", username="alice")
    tenant = await scene.created("/api/tenants", name="somewhere")
    body = {
        "username": "bob",
        "password": "another long password",
        "email": "bob@example.com",
        "name": "Bob",
        "role": "admin",
        "enabled": False,
        "tenant_id": tenant["id"],
        "allowed_groups": ["team-a"],
    }
    return Request(await scene.root(), f"/api/users/{user['id']}", (("user.update", "user:root", "user"),), body)


@valid("DELETE /api/users/{user_id}")
async def delete_user(scene: Scene) -> Request:
    user = await scene.created("/api/users", username="alice")
    return Request(await scene.root(), f"/api/users/{user['id']}", (("user.delete", "user:root", "user"),))


@valid("POST /api/tenants")
async def create_tenant(scene: Scene) -> Request:
    rows = (("tenant.create", "user:root", "tenant"),)
    return Request(await scene.root(), "/api/tenants", rows, {"name": "somewhere"})


@valid("PATCH /api/tenants/{tenant_id}")
async def update_tenant(scene: Scene) -> Request:
    tenant = await scene.created("/api/tenants", name="somewhere")
    rows = (("tenant.update", "user:root", "tenant"),)
    body = {"name": "elsewhere", "status": "suspended"}
    return Request(await scene.root(), f"/api/tenants/{tenant['id']}", rows, body)


KEY_LIMITS: Final = {
    "expires_at": "2099-12-31T23:59:59Z",
    "model_limits_enabled": True,
    "model_limits": ["gpt-*"],
    "ip_whitelist": ["10.0.0.0/8"],
    "allowed_groups": ["team-a"],
    "max_multiplier": "1.5",
    "requests_per_minute": 60,
    "tokens_per_minute": 100_000,
    "max_concurrent": 4,
    "daily_budget_nano_usd": "5000000000",
    "monthly_budget_nano_usd": "100000000000",
    "model_redirects": [{"pattern": "gpt-4.*", "replace": "gpt-5"}],
    "transforms": [{"transform": "reasoning_to_think_xml", "models": ["gpt-*"], "config": {"tag": "think"}}],
    "request_capture_mode": "capture-only-abnormal",
    "cache_ttl_s": 60,
}


@valid("POST /api/keys")
async def create_key(scene: Scene) -> Request:
    user = await scene.created("/api/users", username="alice")
    body = {"name": "laptop", "user_id": user["id"], **KEY_LIMITS}
    return Request(await scene.root(), "/api/keys", (("key.create", "user:root", "key"),), body)


@valid("PATCH /api/keys/{key_id}")
async def update_key(scene: Scene) -> Request:
    made = await scene.created("/api/keys", name="laptop")
    body = {"name": "desktop", "enabled": False, **KEY_LIMITS}
    return Request(
        await scene.root(), f"/api/keys/{made['key']['id']}", (("key.update", "user:root", "key"),), body
    )


@valid("DELETE /api/keys/{key_id}")
async def delete_key(scene: Scene) -> Request:
    made = await scene.created("/api/keys", name="laptop")
    return Request(await scene.root(), f"/api/keys/{made['key']['id']}", (("key.delete", "user:root", "key"),))


@valid("POST /api/tokens")
async def create_token(scene: Scene) -> Request:
    tenant = await scene.created("/api/tenants", name="somewhere")
    body = {
        "name": "ci",
        "role": "deployer",
        "scopes": ["self"],
        "projects": [1],
        "expires_at": "2099-12-31T23:59:59Z",
        "tenant_id": tenant["id"],
    }
    return Request(await scene.root(), "/api/tokens", (("token.create", "user:root", "token"),), body)


@valid("DELETE /api/tokens/{name}")
async def delete_token(scene: Scene) -> Request:
    name = f"ci-{new_id()}"
    await scene.created("/api/tokens", name=name)
    return Request(await scene.root(), f"/api/tokens/{name}", (("token.delete", "user:root", "token"),))


@valid("POST /api/ledger/top-ups")
async def top_up(scene: Scene) -> Request:
    user = await scene.created("/api/users", username="alice")
    body = {"user_id": user["id"], "amount_nano_usd": "5000000000", "reference": "payment-1", "note": "invoice 7"}
    return Request(await scene.root(), "/api/ledger/top-ups", (("balance.top_up", "user:root", "user"),), body)


@valid("POST /api/ledger/adjustments")
async def adjust_balance(scene: Scene) -> Request:
    user = await scene.created("/api/users", username="alice")
    body = {"user_id": user["id"], "delta_nano_usd": "-5000000000", "reason": "credited twice"}
    return Request(await scene.root(), "/api/ledger/adjustments", (("balance.adjust", "user:root", "user"),), body)


@valid("POST /api/ledger/refunds")
async def refund(scene: Scene) -> Request:
    user = await scene.created("/api/users", username="alice")
    paid = await scene.created("/api/ledger/top-ups", user_id=user["id"], amount_nano_usd="5000000000")
    body = {"entry_id": paid["id"], "amount_nano_usd": "1000000000", "reason": "paid too much"}
    return Request(await scene.root(), "/api/ledger/refunds", (("balance.refund", "user:root", "user"),), body)


@valid("PUT /api/ledger/balances/{user_id}")
async def set_balance_limit(scene: Scene) -> Request:
    user = await scene.created("/api/users", username="alice")
    rows = (("balance.set_limit", "user:root", "user"),)
    limit = {"unlimited": False, "hold_policy": "overdraft", "overdraft_nano_usd": "5000000000"}
    return Request(await scene.root(), f"/api/ledger/balances/{user['id']}", rows, limit)


async def key_with_sub_account(scene: Scene) -> str:
    root = await scene.root()
    key = (await scene.created("/api/keys", name="laptop"))["key"]["id"]
    answer = await root.put(f"/api/ledger/sub-accounts/{key}", json={"enabled": True})
    assert answer.status_code == 200, answer.text
    return str(key)


@valid("PUT /api/ledger/sub-accounts/{key_id}")
async def set_sub_account(scene: Scene) -> Request:
    key = await key_with_sub_account(scene)
    rows = (("key.set_sub_account", "user:root", "key"),)
    return Request(await scene.root(), f"/api/ledger/sub-accounts/{key}", rows, {"enabled": False})


@valid("POST /api/ledger/transfers")
async def transfer(scene: Scene) -> Request:
    root, key = await scene.root(), await key_with_sub_account(scene)
    await scene.created("/api/ledger/top-ups", user_id=root.user["id"], amount_nano_usd="5000000000")
    body = {"key_id": key, "amount_nano_usd": "1000000000"}
    return Request(root, "/api/ledger/transfers", (("key.transfer", "user:root", "key"),), body)


@valid("POST /api/ledger/sub-account-adjustments")
async def set_sub_account_balance(scene: Scene) -> Request:
    body = {"key_id": await key_with_sub_account(scene), "balance_nano_usd": "1000000000", "reason": "a gift"}
    rows = (("key.set_balance", "user:root", "key"),)
    return Request(await scene.root(), "/api/ledger/sub-account-adjustments", rows, body)


@valid("DELETE /api/captures/{request_id}")
async def delete_capture(scene: Scene) -> Request:
    request_id, folder = new_id(), captures_folder(scene.house.house.settings)
    folder.mkdir(exist_ok=True)
    (folder / f"{request_id}.json").write_text("{}")
    rows = (("capture.delete", "user:root", "request"),)
    return Request(await scene.root(), f"/api/captures/{request_id}", rows)


@valid("DELETE /api/ledger/keys/{key_id}")
async def delete_key_with_sub_account(scene: Scene) -> Request:
    key = await key_with_sub_account(scene)
    return Request(await scene.root(), f"/api/ledger/keys/{key}", (("key.delete", "user:root", "key"),))


RATES: Final = {
    "input_usd_per_mtok": "3",
    "output_usd_per_mtok": "15",
    "cache_write_5m_usd_per_mtok": "3.75",
    "cache_write_1h_usd_per_mtok": "6",
    "cache_read_usd_per_mtok": "0.3",
    "web_search_usd_per_1k": "10",
    "neuron_usd_per_1k": "0.011",
    "unit_usd": "0.04",
    "input_neurons_per_mtok": "26668",
    "output_neurons_per_mtok": "204805",
    "threshold_tokens": 200_000,
    "geo_multiplier": "1.1",
    "source_url": "https://example.com/prices",
    "checked_at": "2026-11-01T00:00:00Z",
    "note": "as printed",
}
PRICE: Final = {
    **RATES,
    "provider": "anthropic",
    "model_key": "claude-new",
    "kind": "long_context",
    "variant": "any",
    "book": "list",
    "effective_from": "2026-01-01T00:00:00Z",
    "effective_to": "2099-01-01T00:00:00Z",
}
PRICE_LIST: Final = {
    "format": "models_dev",
    "document": '{"anthropic": {"models": {"claude-new": {"cost": {"input": 3, "output": 15}}}}}',
    "source_url": "https://models.dev/api.json",
    "providers": ["anthropic"],
}


@valid("POST /api/prices")
async def set_price(scene: Scene) -> Request:
    return Request(await scene.root(), "/api/prices", (("price.set", "user:root", "price"),), PRICE)


@valid("POST /api/prices/{price_id}/corrections")
async def correct_price(scene: Scene) -> Request:
    made = (await scene.created("/api/prices", **PRICE))["price"]["id"]
    rows = (("price.correct", "user:root", "price"),)
    return Request(await scene.root(), f"/api/prices/{made}/corrections", rows, RATES)


@valid("POST /api/prices/{price_id}/end")
async def end_price(scene: Scene) -> Request:
    made = (await scene.created("/api/prices", **PRICE))["price"]["id"]
    rows = (("price.end", "user:root", "price"),)
    return Request(await scene.root(), f"/api/prices/{made}/end", rows, {"at": "2027-01-01T00:00:00Z"})


@valid("POST /api/prices/imports")
async def import_prices(scene: Scene) -> Request:
    rows = (("price.import", "user:root", "price_list"),)
    return Request(await scene.root(), "/api/prices/imports", rows, PRICE_LIST)


@valid("POST /api/prices/imports/preview")
async def preview_import(scene: Scene) -> Request:
    return Request(await scene.root(), "/api/prices/imports/preview", (), PRICE_LIST)


@valid("POST /api/prices/seed")
async def plant_seed(scene: Scene) -> Request:
    return Request(await scene.root(), "/api/prices/seed", (("price.seed", "user:root", "price_list"),))


async def steep_change(scene: Scene) -> str:
    await scene.created("/api/prices", **PRICE)
    dearer = {**PRICE, "effective_from": "2026-06-01T00:00:00Z", "input_usd_per_mtok": "30"}
    return str((await scene.created("/api/prices", **dearer))["pending"]["id"])


@valid("POST /api/prices/pending/{pending_id}/confirm")
async def confirm_price(scene: Scene) -> Request:
    pending, rows = await steep_change(scene), (("price.confirm", "user:root", "price"),)
    return Request(await scene.root(), f"/api/prices/pending/{pending}/confirm", rows)


@valid("DELETE /api/prices/pending/{pending_id}")
async def reject_price(scene: Scene) -> Request:
    pending, rows = await steep_change(scene), (("price.reject", "user:root", "pending_price"),)
    return Request(await scene.root(), f"/api/prices/pending/{pending}", rows)


MODELS: Final = [{"name": "gpt-5-mini", "redirect": "gpt-5-mini-2025-08-07", "multiplier": "1.25"}]
CHANNEL: Final = {
    "name": "first",
    "type": "chat_completion",
    "base_url": "https://api.example.com/v1",
    "api_key": "sk-upstream-0123456789abcdef",
    "weight": 3,
    "enabled": True,
    "price_provider": "somebody",
    "breaker": {"failures": 5, "window_s": 60, "cooldown_s": 30, "rate_limit_cooldown_s": 10},
    "probe": {"enabled": True, "interval_s": 20, "successes": 2, "model": "gpt-5-mini"},
    "affinity": {"enabled": True, "idle_s": 600, "mode": "prefer_higher_priority", "failback_s": 60},
    "models": MODELS,
}
PROVIDER: Final = {
    "name": "upstream",
    "type": "responses",
    "enabled": True,
    "groups": ["team-a"],
    "max_retries": 2,
    "channel_max_retries": 1,
    "channel_retry_interval_ms": 250,
    "circuit_breaker_enabled": True,
    "per_model_circuit_break": True,
    "type_overrides": [{"pattern": "claude-*", "type": "messages"}],
    "price_provider": "openai",
    "transforms": [
        {
            "transform": "set_field",
            "phase": "request",
            "enabled": False,
            "models": ["gpt-*"],
            "config": {"path": "service_tier", "value": "flex"},
        }
    ],
    "timeouts": {"connect_ms": 1_000, "first_byte_ms": 2_000, "idle_ms": 3_000, "total_ms": 4_000},
    "probe": {"enabled": False, "interval_s": 10, "successes": 1, "model": "gpt-5-mini"},
    "models": MODELS,
    "channels": [CHANNEL],
}


@valid("POST /api/providers")
async def create_provider(scene: Scene) -> Request:
    rows = (("provider.create", "user:root", "provider"),)
    return Request(await scene.root(), "/api/providers", rows, PROVIDER)


@valid("PUT /api/providers/{provider_id}")
async def replace_provider(scene: Scene) -> Request:
    made = (await scene.created("/api/providers", name="other", type="gemini"))["id"]
    rows = (("provider.update", "user:root", "provider"),)
    return Request(await scene.root(), f"/api/providers/{made}", rows, PROVIDER)


@valid("PATCH /api/providers/{provider_id}")
async def update_provider(scene: Scene) -> Request:
    made = (await scene.created("/api/providers", name="other", type="gemini"))["id"]
    rows = (("provider.update", "user:root", "provider"),)
    return Request(await scene.root(), f"/api/providers/{made}", rows, PROVIDER)


@valid("DELETE /api/providers/{provider_id}")
async def delete_provider(scene: Scene) -> Request:
    made, rows = (
        (await scene.created("/api/providers", **PROVIDER))["id"],
        (("provider.delete", "user:root", "provider"),),
    )
    return Request(await scene.root(), f"/api/providers/{made}", rows)


@valid("PUT /api/providers/order")
async def reorder_providers(scene: Scene) -> Request:
    made = [(await scene.created("/api/providers", name=name, type="echo"))["id"] for name in ("a", "b")]
    rows = (("provider.reorder", "user:root", "routing"),)
    return Request(await scene.root(), "/api/providers/order", rows, {"provider_ids": made[::-1]})


@valid("PUT /api/redirects")
async def replace_redirects(scene: Scene) -> Request:
    rows = (("redirects.replace", "user:root", "routing"),)
    body = {"redirects": [{"pattern": "gpt-4.*", "replace": "gpt-5"}]}
    return Request(await scene.root(), "/api/redirects", rows, body)


@valid("PUT /api/suffixes")
async def replace_suffixes(scene: Scene) -> Request:
    rows = (("suffixes.replace", "user:root", "routing"),)
    body = {"suffixes": [{"suffix": "-deep", "effort": "max"}]}
    return Request(await scene.root(), "/api/suffixes", rows, body)


@valid("PUT /api/transforms/rules")
async def replace_transforms(scene: Scene) -> Request:
    rows = (("transforms.replace", "user:root", "routing"),)
    return Request(await scene.root(), "/api/transforms/rules", rows, {"rules": [{"transform": "strip_reasoning"}]})


@valid("POST /api/providers/discover")
async def discover_models(scene: Scene) -> Request:
    body = {"type": "echo", "base_url": "https://echo.invalid", "api_key": "none-is-needed"}
    return Request(await scene.root(), "/api/providers/discover", (), body)


async def echo_path(scene: Scene) -> str:
    channel = {"name": "default", "base_url": "https://echo.invalid", "models": [{"name": "echo"}]}
    made = await scene.created("/api/providers", name="echo", type="echo", channels=[channel])
    return f"/api/providers/{made['id']}/channels/{made['channels'][0]['id']}"


@valid("POST /api/providers/{provider_id}/channels/{channel_id}/discover")
async def discover_models_of_channel(scene: Scene) -> Request:
    return Request(await scene.root(), f"{await echo_path(scene)}/discover", ())


@valid("POST /api/providers/{provider_id}/channels/{channel_id}/test")
async def test_channel(scene: Scene) -> Request:
    return Request(await scene.root(), f"{await echo_path(scene)}/test", (), {"model": "echo"})


CONFIGURATION: Final = {
    "document": {
        "providers": [PROVIDER],
        "redirects": [{"pattern": "gpt-4.*", "replace": "gpt-5"}],
        "suffixes": [{"suffix": "-deep", "effort": "max"}],
        "transforms": [{"transform": "reasoning_to_think_xml", "config": {"tag": "think"}}],
        "prices": [{**RATES, "provider": "anthropic", "model_key": "claude-new", "kind": "long_context"}],
    },
    "prune": True,
}


@valid("POST /api/configuration/preview")
async def preview_configuration(scene: Scene) -> Request:
    return Request(await scene.root(), "/api/configuration/preview", (), CONFIGURATION)


@valid("POST /api/configuration")
async def apply_configuration(scene: Scene) -> Request:
    root, rows = await scene.root(), (("configuration.apply", "user:root", "configuration"),)
    version = (await root.get("/api/configuration")).json()["version"]
    return Request(root, "/api/configuration", rows, {**CONFIGURATION, "version": version})


@valid("POST /api/providers/{provider_id}/channels")
async def add_channel(scene: Scene) -> Request:
    made = (await scene.created("/api/providers", name="other", type="gemini"))["id"]
    rows = (("channel.create", "user:root", "channel"),)
    return Request(await scene.root(), f"/api/providers/{made}/channels", rows, CHANNEL)


async def channel_path(scene: Scene) -> str:
    made = await scene.created("/api/providers", **PROVIDER)
    return f"/api/providers/{made['id']}/channels/{made['channels'][0]['id']}"


@valid("PATCH /api/providers/{provider_id}/channels/{channel_id}")
async def update_channel(scene: Scene) -> Request:
    path, rows = await channel_path(scene), (("channel.update", "user:root", "channel"),)
    return Request(await scene.root(), path, rows, {**CHANNEL, "base_url": "https://elsewhere.example.com"})


@valid("DELETE /api/providers/{provider_id}/channels/{channel_id}")
async def delete_channel(scene: Scene) -> Request:
    path, rows = await channel_path(scene), (("channel.delete", "user:root", "channel"),)
    return Request(await scene.root(), path, rows)


async def enrolled(scene: Scene, **terms: Any) -> str:
    """The address of an enrolled host."""
    made = await scene.created("/api/fleet/hosts", fqdn="build-1.example.com", **terms)
    return f"/api/fleet/hosts/{made['host']['fqdn']}"


@valid("POST /api/fleet/hosts")
async def enrol_host(scene: Scene) -> Request:
    root = await scene.root()
    body = {
        "fqdn": "build-1.example.com",
        "pool": "default",
        "secure": False,
        "vip": True,
        "roaming": True,
        "temporary": True,
        "user_id": root.user["id"],
        "tags": ["ci"],
        "allowed_targets": ["api.openai.com"],
    }
    return Request(root, "/api/fleet/hosts", (("host.enrol", "user:root", "host"),), body)


@valid("PATCH /api/fleet/hosts/{host}")
async def update_host(scene: Scene) -> Request:
    root, path = await scene.root(), await enrolled(scene)
    body = {
        "pool": "default",
        "secure": False,
        "vip": True,
        "roaming": True,
        "temporary": True,
        "user_id": root.user["id"],
        "tags": ["ci"],
        "allowed_targets": ["api.openai.com"],
        "client_version_override": "0.61.0",
        "model_override": "gpt-5",
        "reasoning_effort_override": "high",
        "insecure_window_minutes": 30,
    }
    return Request(root, path, (("host.update", "user:root", "host"),), body)


@valid("DELETE /api/fleet/hosts/{host}")
async def delete_host(scene: Scene) -> Request:
    return Request(await scene.root(), await enrolled(scene), (("host.delete", "user:root", "host"),))


async def done_to_a_host(scene: Scene, verb: str) -> Request:
    path = await enrolled(scene)
    return Request(await scene.root(), f"{path}/{verb}", ((f"host.{verb}", "user:root", "host"),))


@valid("POST /api/fleet/hosts/{host}/rotate")
async def rotate_host(scene: Scene) -> Request:
    return await done_to_a_host(scene, "rotate")


@valid("POST /api/fleet/hosts/{host}/suspend")
async def suspend_host(scene: Scene) -> Request:
    return await done_to_a_host(scene, "suspend")


@valid("POST /api/fleet/hosts/{host}/resume")
async def resume_host(scene: Scene) -> Request:
    return await done_to_a_host(scene, "resume")


@valid("POST /api/fleet/hosts/{host}/unbind")
async def unbind_host(scene: Scene) -> Request:
    return await done_to_a_host(scene, "unbind")


@valid("POST /api/fleet/hosts/{host}/clear")
async def clear_host(scene: Scene) -> Request:
    return await done_to_a_host(scene, "clear")


@valid("POST /api/fleet/hosts/{host}/window")
async def open_window(scene: Scene) -> Request:
    path = await enrolled(scene, secure=False)
    rows = (("host.window_open", "user:root", "host"),)
    return Request(await scene.root(), f"{path}/window", rows, {"minutes": 20})


@valid("DELETE /api/fleet/hosts/{host}/window")
async def close_window(scene: Scene) -> Request:
    path = await enrolled(scene, secure=False)
    return Request(await scene.root(), f"{path}/window", (("host.window_close", "user:root", "host"),))


POOL_TERMS: Final = {
    "tool": "claude",
    "mode": "api_key",
    "validation": "advisory",
    "payloads_kept": 5,
    "inactivity_days": 60,
    "quota_hard_fail": False,
    "quota_limit_percent": 90,
    "quota_week_partition": 7,
    "silent": True,
    "client_version": "0.61.0",
}


@valid("POST /api/fleet/pools")
async def create_pool(scene: Scene) -> Request:
    body = {"name": "research", **POOL_TERMS}
    return Request(await scene.root(), "/api/fleet/pools", (("pool.create", "user:root", "pool"),), body)


@valid("PATCH /api/fleet/pools/{pool}")
async def update_pool(scene: Scene) -> Request:
    await scene.created("/api/fleet/pools", name="research")
    body = {"name": "teaching", **POOL_TERMS}
    return Request(await scene.root(), "/api/fleet/pools/research", (("pool.update", "user:root", "pool"),), body)


@valid("DELETE /api/fleet/pools/{pool}")
async def delete_pool(scene: Scene) -> Request:
    await scene.created("/api/fleet/pools", name="research")
    return Request(await scene.root(), "/api/fleet/pools/research", (("pool.delete", "user:root", "pool"),))


@valid("PUT /api/fleet/switches")
async def set_switches(scene: Scene) -> Request:
    rows = (("fleet.disable", "user:root", "fleet"),)
    return Request(await scene.root(), "/api/fleet/switches", rows, {"api_disabled": True})


@valid("PATCH /api/fleet/versions")
async def publish_versions(scene: Scene) -> Request:
    body = {"client_available": "0.62.0", "client_lock": "rust-v0.61.0"}
    return Request(await scene.root(), "/api/fleet/versions", (("fleet.publish", "user:root", "fleet"),), body)


@valid("POST /api/fleet/quota/{pool}/refresh")
async def refresh_quota(scene: Scene) -> Request:
    rows = (("quota.refresh", "user:root", "pool"),)
    return Request(await scene.root(), "/api/fleet/quota/default/refresh", rows)


@valid("POST /api/fleet/alerts/{alert_id}/resolve")
async def resolve_alert(scene: Scene) -> Request:
    root = await scene.root()
    async with scene.house.house.database.write() as tx:
        await alerts.raise_alert(tx, Trouble(kind="new_ip", subject="build-1"), utc_now())
    alert_id = (await root.get("/api/fleet/alerts")).json()["items"][0]["id"]
    rows = (("alert.resolve", "user:root", "alert"),)
    return Request(root, f"/api/fleet/alerts/{alert_id}/resolve", rows)


@valid("POST /api/fleet/files")
async def create_file(scene: Scene) -> Request:
    body = {
        "kind": "prompt",
        "name": "review",
        "pool": "default",
        "body": "Review this.",
        "description": "Reviews a change",
        "argument_hint": "WHAT",
    }
    return Request(await scene.root(), "/api/fleet/files", (("file.create", "user:root", "file"),), body)


@valid("PATCH /api/fleet/files/{file_id}")
async def update_file(scene: Scene) -> Request:
    file = await scene.created("/api/fleet/files", kind="agents", body="Be kind.")
    body = {"body": "Be careful.", "description": "How to work", "argument_hint": "NONE", "revision": 1}
    rows = (("file.update", "user:root", "file"),)
    return Request(await scene.root(), f"/api/fleet/files/{file['id']}", rows, body)


@valid("DELETE /api/fleet/files/{file_id}")
async def delete_file(scene: Scene) -> Request:
    file = await scene.created("/api/fleet/files", kind="agents", body="Be kind.")
    return Request(await scene.root(), f"/api/fleet/files/{file['id']}", (("file.delete", "user:root", "file"),))


CREDENTIAL: Final = {
    "OPENAI_API_KEY": "sk-live-4f9a8b7c6d5e4f3a2b1c",
    "last_refresh": "2026-11-01T10:00:00Z",
}
CREDENTIALS: Final = "/api/fleet/credentials/default"


async def credential_payload(scene: Scene, **changes: Any) -> int:
    made = await scene.created(CREDENTIALS, auth={**CREDENTIAL, **changes})
    return int(made["payload"]["id"])


@valid("POST /api/fleet/credentials/{pool}")
async def upload_credential(scene: Scene) -> Request:
    rows = (("credential.upload", "user:root", "pool"),)
    return Request(await scene.root(), CREDENTIALS, rows, {"auth": CREDENTIAL, "force": True})


@valid("POST /api/fleet/credentials/{pool}/rollback")
async def roll_credential_back(scene: Scene) -> Request:
    body = {"payload_id": await credential_payload(scene)}
    rows = (("credential.rollback", "user:root", "pool"),)
    return Request(await scene.root(), f"{CREDENTIALS}/rollback", rows, body)


@valid("DELETE /api/fleet/credentials/{pool}/payloads/{payload}")
async def forget_credential(scene: Scene) -> Request:
    older = await credential_payload(scene)
    await credential_payload(scene, last_refresh="2026-11-02T10:00:00Z")
    rows = (("credential.forget", "user:root", "pool"),)
    return Request(await scene.root(), f"{CREDENTIALS}/payloads/{older}", rows)


@valid("POST /api/fleet/credentials/{pool}/payloads/{payload}/reveal")
async def reveal_credential(scene: Scene) -> Request:
    path = f"{CREDENTIALS}/payloads/{await credential_payload(scene)}/reveal"
    return Request(await scene.root(), path, (("credential.reveal", "user:root", "pool"),))


@valid("POST /api/fleet/credentials/{pool}/seed-links")
async def offer_seed_link(scene: Scene) -> Request:
    rows = (("credential.offer_seed", "user:root", "pool"),)
    return Request(await scene.root(), f"{CREDENTIALS}/seed-links", rows)


@valid("POST /api/fleet/credentials/{pool}/validation")
async def ask_for_validation(scene: Scene) -> Request:
    await scene.created("/api/fleet/pools", name="research", validation="advisory")
    rows = (("credential.ask_validation", "user:root", "pool"),)
    return Request(await scene.root(), "/api/fleet/credentials/research/validation", rows)


@valid("POST /api/fleet/credentials/{pool}/refresh")
async def ask_for_refresh(scene: Scene) -> Request:
    await scene.created("/api/fleet/pools", name="research", mode="hub")
    rows = (("credential.ask_refresh", "user:root", "pool"),)
    return Request(await scene.root(), "/api/fleet/credentials/research/refresh", rows)


AGENT_RECORD: Final = {
    "name": "sam",
    "role_name": "helper",
    "mode": "worker",
    "safety_level": "moderate",
    "is_global": True,
    "tenant_scope": "multi_tenant",
    "allowed_tenants": ["01a1fc11-0000-7000-8000-000000000001"],
    "blocked_tenants": ["01a1fc11-0000-7000-8000-000000000002"],
    "auth_strategy": "api_key",
    "required_roles": ["admin"],
    "requires_human_approval": True,
    "telemetry_enabled": True,
    "policies": {"budgets_json": {"windows": [{"id": "day", "period": "day", "limit_usd": "1"}]}},
    "user_email": "user@example.com",
    "additional_alert_emails": ["more@example.com"],
    "backup_user_email": "backup@example.com",
    "alert_escalation_email": "boss@example.com",
    "description": "It helps.",
    "shadow_policies": ["budgets_json"],
    "notes": "for the trial",
    "status": "draft",
}


@valid("POST /api/agent-records")
async def create_agent_record(scene: Scene) -> Request:
    root, tenant = await scene.root(), await scene.created("/api/tenants", name="somewhere")
    others = {"tenant_id": tenant["id"], "owner_user_id": root.user["id"]}
    body = {**AGENT_RECORD, **others, "baseline": "tenant", "template": "starter-worker"}
    return Request(root, "/api/agent-records", (("agent_record.create", "user:root", "agent_record"),), body)


@valid("PATCH /api/agent-records/{record_id}")
async def update_agent_record(scene: Scene) -> Request:
    root, made = await scene.root(), await scene.created("/api/agent-records", name="a", role_name="b")
    said = {"version": 1, "reason": "It grew.", "sole_admin": True}
    body = {**AGENT_RECORD, "owner_user_id": root.user["id"], **said}
    rows = (("agent_record.update", "user:root", "agent_record"),)
    return Request(root, f"/api/agent-records/{made['id']}", rows, body)


@valid("DELETE /api/agent-records/{record_id}")
async def archive_agent_record(scene: Scene) -> Request:
    made = await scene.created("/api/agent-records", name="a", role_name="b")
    rows = (("agent_record.archive", "user:root", "agent_record"),)
    return Request(await scene.root(), f"/api/agent-records/{made['id']}", rows)


@valid("PUT /api/keys/{key_id}/agent-record")
async def govern_key(scene: Scene) -> Request:
    made = await scene.created("/api/agent-records", name="a", role_name="b")
    key = (await scene.created("/api/keys", name="k"))["key"]
    rows = (("key.govern", "user:root", "key"),)
    return Request(await scene.root(), f"/api/keys/{key['id']}/agent-record", rows, {"record_id": made["id"]})


@valid("DELETE /api/keys/{key_id}/agent-record")
async def ungovern_key(scene: Scene) -> Request:
    key = (await scene.created("/api/keys", name="k"))["key"]
    rows = (("key.ungovern", "user:root", "key"),)
    return Request(await scene.root(), f"/api/keys/{key['id']}/agent-record", rows)


@valid("POST /api/agent-records/{record_id}/rollback")
async def roll_back_agent_record(scene: Scene) -> Request:
    made = await scene.created("/api/agent-records", name="a", role_name="b")
    rows = (("agent_record.rollback", "user:root", "agent_record"),)
    body = {"to": 1, "version": 1, "reason": "It broke.", "sole_admin": True}
    return Request(await scene.root(), f"/api/agent-records/{made['id']}/rollback", rows, body)


@valid("POST /api/agent-records/{record_id}/test")
async def try_draft(scene: Scene) -> Request:
    root, made = await scene.root(), await scene.created("/api/agent-records", name="a", role_name="b")
    draft = {name: value for name, value in AGENT_RECORD.items() if name not in ("name", "status")}
    body = {**draft, "owner_user_id": root.user["id"], "since": "2026-01-01T00:00:00Z"}
    return Request(root, f"/api/agent-records/{made['id']}/test", (), {**body, "until": "2026-01-08T00:00:00Z"})


@valid("POST /api/agent-records/{record_id}/apply")
async def apply_change(scene: Scene) -> Request:
    root, made = await scene.root(), await scene.created("/api/agent-records", name="a", role_name="b")
    other = await scene.house.make_user(root, role="admin")
    path = f"/api/agent-records/{made['id']}"
    asked = await root.patch(path, json={"version": 1, "safety_level": "moderate"})
    assert asked.status_code == 202, asked.text
    approval_id = asked.json()["id"]
    approved = await other.post(f"/api/approvals/{approval_id}/approve", json={})
    assert approved.status_code == 200, approved.text
    rows = (("agent_record.update", "user:root", "agent_record"),)
    return Request(root, f"{path}/apply", rows, {"approval_id": approval_id})


LIMITS: Final = {
    "cost_tier": "low",
    "max_ai_calls_per_day": 100,
    "max_tokens_per_request": 2000,
    "max_d1_queries_per_minute": 20,
    "max_r2_operations_per_day": 40,
    "rate_limit_per_minute": 10,
    "max_concurrent": 2,
    "allowed_operations": ["d1_*"],
    "blocked_operations": ["d1_execute"],
    "allowed_tools": ["read_*"],
    "notes": "for the trial",
}


@valid("POST /api/agent-limits")
async def create_limits(scene: Scene) -> Request:
    tenant = await scene.created("/api/tenants", name="somewhere")
    body = {"agent_role_id": "worker", "tenant_id": tenant["id"], **LIMITS}
    rows = (("agent_limits.create", "user:root", "agent_limits"),)
    return Request(await scene.root(), "/api/agent-limits", rows, body)


@valid("PATCH /api/agent-limits/{limits_id}")
async def update_limits(scene: Scene) -> Request:
    made = await scene.created("/api/agent-limits", agent_role_id="worker")
    rows = (("agent_limits.update", "user:root", "agent_limits"),)
    return Request(await scene.root(), f"/api/agent-limits/{made['id']}", rows, {**LIMITS, "version": 1})


@valid("DELETE /api/agent-limits/{limits_id}")
async def delete_limits(scene: Scene) -> Request:
    made = await scene.created("/api/agent-limits", agent_role_id="worker")
    rows = (("agent_limits.delete", "user:root", "agent_limits"),)
    return Request(await scene.root(), f"/api/agent-limits/{made['id']}", rows)


OVERRIDE: Final = {
    "limit_name": "max_ai_calls_per_day",
    "value": 500,
    "until": "2099-12-31T23:59:59Z",
    "reason": "a demonstration",
}


@valid("POST /api/agent-limits/{limits_id}/overrides")
async def override_limit(scene: Scene) -> Request:
    made = await scene.created("/api/agent-limits", agent_role_id="worker")
    rows = (("agent_limits.override", "user:root", "agent_limits"),)
    return Request(await scene.root(), f"/api/agent-limits/{made['id']}/overrides", rows, OVERRIDE)


@valid("DELETE /api/agent-limits/{limits_id}/overrides/{override_id}")
async def end_override(scene: Scene) -> Request:
    made = await scene.created("/api/agent-limits", agent_role_id="worker")
    path = f"/api/agent-limits/{made['id']}/overrides"
    override = await scene.created(path, **OVERRIDE)
    rows = (("agent_limits.end_override", "user:root", "agent_limits"),)
    return Request(await scene.root(), f"{path}/{override['id']}", rows)


@valid("POST /api/stops")
async def make_stop(scene: Scene) -> Request:
    tenant = await scene.created("/api/tenants", name="somewhere")
    body = {"scope": "tenant", "subject": tenant["id"], "reason": "It ran wild."}
    return Request(await scene.root(), "/api/stops", (("stop.make", "user:root", "stop"),), body)


@valid("POST /api/stops/{stop_id}/lift")
async def lift_stop(scene: Scene) -> Request:
    made = await scene.created("/api/stops", scope="global", reason="It ran wild.")
    rows = (("stop.lift", "user:root", "stop"),)
    return Request(await scene.root(), f"/api/stops/{made['id']}/lift", rows, {"reason": "It is tame."})


@valid("POST /api/escalations/{escalation_id}/acknowledge")
async def acknowledge_escalation(scene: Scene) -> Request:
    made = await scene.created("/api/agent-records", name="a", role_name="b")
    what = {"subject": "health", "detail": "It does not answer.", "now": utc_now()}
    async with scene.house.house.database.write() as tx:
        await escalations.escalate(tx, made["id"], "health_failed", "execution_failure", **what)
    root = await scene.root()
    (open_one,) = (await root.get("/api/escalations")).json()["items"]
    rows = (("escalation.acknowledge", "user:root", "escalation"),)
    return Request(root, f"/api/escalations/{open_one['id']}/acknowledge", rows)


@valid("POST /api/agents/{agent_id}/operations/check")
async def check_operation(scene: Scene) -> Request:
    runtime = await make_agent_runtime(scene.house)
    body = {"operation": "d1_query", "tool": "sql", "count": 2, "input_tokens": 100, "max_output_tokens": 100}
    return Request(runtime.program, f"/api/agents/{runtime.agent['id']}/operations/check", (), body)


@valid("POST /api/approvals")
async def propose_approval(scene: Scene) -> Request:
    runtime = await make_agent_runtime(scene.house)
    body = runtime.proposal(
        environment="production",
        risk="medium",
        is_irreversible=True,
        est_cost_nano_usd="5000000000",
        rationale="The table is empty.",
        diff="- rows",
        dry_run_ref="run-1",
        affected=["orders"],
        needed=2,
        ttl_s=600,
    )
    rows = (("approval.propose", f"token:{runtime.program_name}", "approval"),)
    return Request(runtime.program, "/api/approvals", rows, body)


async def proposed(scene: Scene) -> tuple[AgentRuntime, str]:
    runtime = await make_agent_runtime(scene.house)
    answer = await runtime.propose(environment="staging")
    assert answer.status_code == 201, answer.text
    return runtime, f"/api/approvals/{answer.json()['id']}"


async def approved(scene: Scene) -> tuple[AgentRuntime, str]:
    runtime, path = await proposed(scene)
    answer = await runtime.root.post(f"{path}/approve", json={})
    assert answer.status_code == 200, answer.text
    return runtime, path


@valid("POST /api/approvals/{approval_id}/approve")
async def approve(scene: Scene) -> Request:
    runtime, path = await proposed(scene)
    body = {"comment": "looked at", "second_factor": PASSWORD}
    return Request(runtime.root, f"{path}/approve", (("approval.approve", "user:root", "approval"),), body)


@valid("POST /api/approvals/{approval_id}/deny")
async def deny(scene: Scene) -> Request:
    runtime, path = await proposed(scene)
    rows = (("approval.deny", "user:root", "approval"),)
    return Request(runtime.root, f"{path}/deny", rows, {"comment": "not today"})


@valid("POST /api/approvals/deny")
async def deny_many(scene: Scene) -> Request:
    runtime, path = await proposed(scene)
    body = {"approval_ids": [path.rpartition("/")[2]], "comment": "not today"}
    return Request(runtime.root, "/api/approvals/deny", (("approval.deny_many", "user:root", "approval"),), body)


@valid("POST /api/approvals/{approval_id}/withdraw")
async def withdraw(scene: Scene) -> Request:
    runtime, path = await proposed(scene)
    rows = (("approval.withdraw", f"token:{runtime.program_name}", "approval"),)
    return Request(runtime.program, f"{path}/withdraw", rows)


@valid("POST /api/approvals/{approval_id}/consume")
async def consume(scene: Scene) -> Request:
    runtime, path = await approved(scene)
    body = {"arguments": '{"b": 2, "a": 1}', "environment": "staging", "execution_id": "run-2"}
    rows = (("approval.consume", f"token:{runtime.program_name}", "approval"),)
    return Request(runtime.program, f"{path}/consume", rows, body)


@valid("POST /api/approvals/{approval_id}/outcome")
async def finish(scene: Scene) -> Request:
    runtime, path = await approved(scene)
    used = {"arguments": '{"a": 1, "b": 2}', "environment": "staging"}
    answer = await runtime.program.post(f"{path}/consume", json=used)
    assert answer.status_code == 200, answer.text
    rows = (("approval.executed", f"token:{runtime.program_name}", "approval"),)
    return Request(runtime.program, f"{path}/outcome", rows, {"outcome": "executed"})


async def _plan_of_root(scene: Scene) -> dict[str, Any]:
    """A plan that root is on, with a preset."""
    root = await scene.root()
    plan = await scene.created("/api/plans", name="small", max_agents=2, max_vpses=2)
    made = {"provider": "process", "image": "sleep 60", "cpu_millicores": 500, "memory_mb": 256}
    preset = await scene.created("/api/vps-configs", name="tiny", **made)
    for path, body in (
        ("/api/plans/small/vps-configs/tiny", None),
        (f"/api/users/{root.user['id']}/plan", {"plan": "small"}),
    ):
        answer = await root.put(path, json=body)
        assert answer.is_success, answer.text
    return {"plan": plan, "preset": preset}


async def _agent_of_root(scene: Scene) -> str:
    """The path of an agent of root's, who is on a plan."""
    await _plan_of_root(scene)
    made = await scene.created("/api/agents", name="helper")
    return f"/api/agents/{made['agent']['id']}"


_TERMS_OF_A_PLAN: Final = {
    "max_agents": 1,
    "max_vpses": 1,
    "max_bandwidth_bytes": 2**40,
    "max_storage_bytes": 2**40,
    "max_cpu_ms": 2**40,
    "max_memory_mb_seconds": 2**40,
    "overage_bandwidth_cost_per_gb_cents": 5,
    "overage_cpu_cost_per_hour_cents": 5,
    "overage_memory_cost_per_gb_hour_cents": 1,
}


@valid("POST /api/plans")
async def create_plan(scene: Scene) -> Request:
    body = {"name": "small", **_TERMS_OF_A_PLAN}
    return Request(await scene.root(), "/api/plans", (("plan.create", "user:root", "plan"),), body)


@valid("PATCH /api/plans/{plan}")
async def update_plan(scene: Scene) -> Request:
    await _plan_of_root(scene)
    body = {"name": "smaller", **_TERMS_OF_A_PLAN}
    return Request(await scene.root(), "/api/plans/small", (("plan.update", "user:root", "plan"),), body)


@valid("DELETE /api/plans/{plan}")
async def delete_plan(scene: Scene) -> Request:
    await _plan_of_root(scene)
    return Request(await scene.root(), "/api/plans/small", (("plan.delete", "user:root", "plan"),))


@valid("PUT /api/plans/{plan}/vps-configs/{preset}")
async def link_preset(scene: Scene) -> Request:
    await _plan_of_root(scene)
    rows = (("plan.link", "user:root", "plan"),)
    return Request(await scene.root(), "/api/plans/small/vps-configs/tiny", rows)


@valid("DELETE /api/plans/{plan}/vps-configs/{preset}")
async def unlink_preset(scene: Scene) -> Request:
    await _plan_of_root(scene)
    rows = (("plan.unlink", "user:root", "plan"),)
    return Request(await scene.root(), "/api/plans/small/vps-configs/tiny", rows)


@valid("PUT /api/users/{user_id}/plan")
async def set_user_plan(scene: Scene) -> Request:
    await _plan_of_root(scene)
    root = await scene.root()
    rows = (("user.plan", "user:root", "user"),)
    return Request(root, f"/api/users/{root.user['id']}/plan", rows, {"plan": "small"})


@valid("PUT /api/users/{user_id}/overage-budget")
async def set_overage_budget(scene: Scene) -> Request:
    rows = (("user.overage_budget", "user:root", "user"),)
    return Request(await scene.root(), "/api/users/me/overage-budget", rows, {"budget_cents": 500})


@valid("POST /api/vps-configs")
async def create_preset(scene: Scene) -> Request:
    body = {
        "name": "tiny",
        "provider": "process",
        "image": "sleep 60",
        "cpu_millicores": 500,
        "memory_mb": 256,
        "disk_gb": 1,
    }
    return Request(await scene.root(), "/api/vps-configs", (("preset.create", "user:root", "preset"),), body)


@valid("PATCH /api/vps-configs/{preset}")
async def update_preset(scene: Scene) -> Request:
    await _plan_of_root(scene)
    body = {"name": "little", "image": "sleep 90", "cpu_millicores": 400, "memory_mb": 200, "disk_gb": 2}
    return Request(await scene.root(), "/api/vps-configs/tiny", (("preset.update", "user:root", "preset"),), body)


@valid("DELETE /api/vps-configs/{preset}")
async def delete_preset(scene: Scene) -> Request:
    await _plan_of_root(scene)
    return Request(await scene.root(), "/api/vps-configs/tiny", (("preset.delete", "user:root", "preset"),))


@valid("POST /api/agents")
async def create_agent(scene: Scene) -> Request:
    await _plan_of_root(scene)
    root = await scene.root()
    record = await scene.created("/api/agent-records", name="sam", role_name="helper")
    body = {"name": "helper", "user_id": root.user["id"], "config_id": record["id"]}
    return Request(root, "/api/agents", (("agent.create", "user:root", "agent"),), body)


@valid("PATCH /api/agents/{agent_id}")
async def update_agent(scene: Scene) -> Request:
    path = await _agent_of_root(scene)
    body = {"name": "worker", "enabled": False, "config_id": None}
    return Request(await scene.root(), path, (("agent.update", "user:root", "agent"),), body)


@valid("DELETE /api/agents/{agent_id}")
async def delete_agent(scene: Scene) -> Request:
    path = await _agent_of_root(scene)
    return Request(await scene.root(), path, (("agent.delete", "user:root", "agent"),))


@valid("POST /api/agents/{agent_id}/rotate-token")
async def rotate_agent_token(scene: Scene) -> Request:
    path = await _agent_of_root(scene)
    return Request(await scene.root(), f"{path}/rotate-token", (("agent.rotate", "user:root", "agent"),))


@valid("POST /api/agents/{agent_id}/channels")
async def set_agent_channel(scene: Scene) -> Request:
    path = await _agent_of_root(scene)
    body = {"kind": "slack", "credentials": {"bot_token": "xoxb-1"}, "webhook_secret": "s3cret"}
    return Request(await scene.root(), f"{path}/channels", (("agent.channel_set", "user:root", "agent"),), body)


@valid("DELETE /api/agents/{agent_id}/channels/{kind}")
async def remove_agent_channel(scene: Scene) -> Request:
    path = await _agent_of_root(scene)
    root = await scene.root()
    set_one = await root.post(f"{path}/channels", json={"kind": "slack", "credentials": {"bot_token": "xoxb-1"}})
    assert set_one.status_code == 201, set_one.text
    return Request(root, f"{path}/channels/slack", (("agent.channel_remove", "user:root", "agent"),))


async def _machine_of_root(scene: Scene, state: str = "running") -> tuple[str, str]:
    """The paths of a machine that was made a while ago, and of its agent."""
    path, root = await _agent_of_root(scene), await scene.root()
    preset = (await root.get("/api/vps-configs/tiny")).json()
    made = await root.post(f"{path}/vps", json={"vps_config_id": preset["id"]})
    assert made.status_code == 202, made.text
    machine_id = made.json()["machine"]["id"]
    async with scene.house.house.database.write() as tx:
        await tx.execute(compute_operations.delete())
        await tx.execute(vpses.update().values(state=state, desired=state))
    return f"/api/vpses/{machine_id}", path


@valid("POST /api/agents/{agent_id}/restart")
async def restart_agent(scene: Scene) -> Request:
    _, path = await _machine_of_root(scene)
    return Request(await scene.root(), f"{path}/restart", (("machine.restart", "user:root", "machine"),))


@valid("PUT /api/agents/{agent_id}/config")
async def configure_agent(scene: Scene) -> Request:
    path, rows = await _reachable_agent(scene), (("agent.configure", "user:root", "agent"),)
    return Request(await scene.root(), f"{path}/config", rows, {"patch": {"model": "m"}})


@valid("PUT /api/agents/{agent_id}/workspace/{filename}")
async def write_workspace_file(scene: Scene) -> Request:
    path, rows = await _reachable_agent(scene), (("agent.write_file", "user:root", "agent"),)
    return Request(await scene.root(), f"{path}/workspace/SOUL.md", rows, {"content": "Be kind."})


async def _reachable_agent(scene: Scene) -> str:
    """The path of an agent that answers on its machine."""
    machine, path = await _machine_of_root(scene)
    async with scene.house.house.database.write() as tx:
        of_it = vpses.c.id == machine.rpartition("/")[2]
        await tx.execute(vpses.update().where(of_it).values(address=standing_agent()[1]))
    return path


@valid("POST /api/agents/{agent_id}/vps")
async def request_machine(scene: Scene) -> Request:
    path, root = await _agent_of_root(scene), await scene.root()
    preset = (await root.get("/api/vps-configs/tiny")).json()
    rows = (("machine.create", "user:root", "machine"),)
    return Request(root, f"{path}/vps", rows, {"vps_config_id": preset["id"]})


@valid("DELETE /api/agents/{agent_id}/vps")
async def destroy_agents_machine(scene: Scene) -> Request:
    _, path = await _machine_of_root(scene)
    return Request(await scene.root(), f"{path}/vps", (("machine.destroy", "user:root", "machine"),))


@valid("POST /api/agents/{agent_id}/vps/start")
async def start_agents_machine(scene: Scene) -> Request:
    _, path = await _machine_of_root(scene, "stopped")
    return Request(await scene.root(), f"{path}/vps/start", (("machine.start", "user:root", "machine"),))


@valid("POST /api/agents/{agent_id}/vps/stop")
async def stop_agents_machine(scene: Scene) -> Request:
    _, path = await _machine_of_root(scene)
    return Request(await scene.root(), f"{path}/vps/stop", (("machine.stop", "user:root", "machine"),))


@valid("POST /api/vpses/{vps_id}/start")
async def start_machine(scene: Scene) -> Request:
    path, _ = await _machine_of_root(scene, "stopped")
    return Request(await scene.root(), f"{path}/start", (("machine.start", "user:root", "machine"),))


@valid("POST /api/vpses/{vps_id}/stop")
async def stop_machine(scene: Scene) -> Request:
    path, _ = await _machine_of_root(scene)
    return Request(await scene.root(), f"{path}/stop", (("machine.stop", "user:root", "machine"),))


@valid("POST /api/vpses/{vps_id}/restart")
async def restart_machine(scene: Scene) -> Request:
    path, _ = await _machine_of_root(scene)
    return Request(await scene.root(), f"{path}/restart", (("machine.restart", "user:root", "machine"),))


@valid("DELETE /api/vpses/{vps_id}")
async def destroy_machine(scene: Scene) -> Request:
    path, _ = await _machine_of_root(scene)
    return Request(await scene.root(), path, (("machine.destroy", "user:root", "machine"),))


@valid("POST /api/telemetry")
async def report_telemetry(scene: Scene) -> Request:
    root = await scene.root()
    event = {"metric_type": "tool", "metric_name": "call", "metric_value": 12.5, "metadata": {"n": 1}}
    return Request(root, "/api/telemetry", (), {"events": [event]})
