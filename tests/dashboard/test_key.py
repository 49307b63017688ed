"""One key as a page: its limits, what was spent with it, its purse, and who may look."""

from dashboard.surfer import Page, Surfer
from support.house import Client


async def _key(surfer: Surfer) -> str:
    await surfer.submit("/keys", name="laptop", expires_at="never")
    return next(str(a["href"]) for a in Page(await surfer.get("/keys")).all("a") if a.text == "laptop")


async def test_limits_are_set_shown_and_taken_away(alice: Surfer, boss: Surfer, root: Client):
    address = await _key(alice)
    limits = {
        "name": "desktop",
        "enabled": "yes",
        "expires_at": "2090-01-31T12:00Z",
        "model_limits": "claude-*\r\ngpt-5",
        "monthly_budget_nano_usd": "25.5",
        "requests_per_minute": "60",
        "model_redirects": "gpt-4.* = gpt-5",
    }
    assert 303 == (await alice.submit(f"{address}/edit", **limits)).status_code
    stored = (await root.get(f"/api{address}")).json()
    assert ("25500000000", 60, True) == (
        stored["monthly_budget_nano_usd"],
        stored["requests_per_minute"],
        stored["model_limits_enabled"],
    )
    page = Page(await alice.get(address))
    assert {"claude-*, gpt-5", "60 a minute at most"} <= {fact.text.strip() for fact in page.all("dd")}
    assert "$0.00 of $25.50" in page.one("main").text

    entered = Page(await alice.get(f"{address}/edit"))
    assert ("25.5", "2090-01-31T12:00:00Z") == tuple(
        entered.one("input", id=name)["value"] for name in ("monthly_budget_nano_usd", "expires_at")
    )
    wrong = await alice.submit(f"{address}/edit", **{**limits, "monthly_budget_nano_usd": "lots"})
    assert (422, True) == (wrong.status_code, "monthly_budget_nano_usd-error" in wrong.text)
    assert 422 == (await alice.submit(f"{address}/edit", **limits, transforms="{")).status_code
    assert 303 == (await alice.submit(f"{address}/edit", name="desktop")).status_code
    stored = (await root.get(f"/api{address}")).json()
    assert (False, None, False) == (
        stored["enabled"],
        stored["monthly_budget_nano_usd"],
        stored["model_limits_enabled"],
    )


async def test_a_key_is_seen_by_its_owner_and_by_administrators(alice: Surfer, boss: Surfer):
    address = await _key(alice)
    others = await _key(boss)

    assert [200, 200] == [(await boss.get(path)).status_code for path in (address, "/keys/new")]
    assert [404, 404] == [(await alice.get(path)).status_code for path in (others, f"{others}/edit")]
    assert 404 == (await alice.submit(f"{others}/edit", name="mine")).status_code
    assert "alice" in Page(await boss.get("/keys?everybody=true")).one("table").text
    assert others not in (await alice.get("/keys?everybody=true")).text


async def test_a_purse_is_filled_and_settled(alice: Surfer, boss: Surfer):
    address = await _key(alice)
    await boss.submit("/ledger/top-up", user="alice", amount="25")

    assert 409 == (await alice.submit(f"{address}/transfer", amount="1")).status_code
    assert 303 == (await alice.submit(f"{address}/sub-account", enabled="yes")).status_code
    assert 422 == (await alice.submit(f"{address}/transfer", amount="much")).status_code
    assert 402 == (await alice.submit(f"{address}/transfer", amount="26")).status_code
    assert 303 == (await alice.submit(f"{address}/transfer", amount="5")).status_code
    assert "$5.00" in (await alice.get(address)).text
    assert 303 == (await alice.submit(f"{address}/sub-account", enabled="no")).status_code
    assert "$25.00" in (await alice.get("/ledger")).text
