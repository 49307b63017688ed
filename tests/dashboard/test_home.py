import datetime as dt

from dashboard.surfer import Page

from monoize.base.clock import utc_now
from monoize.control.projects.store import certificates


async def test_home_says_who_you_are_and_what_you_may_spend(alice):
    main = Page(await alice.get("/")).one("main").text

    assert "alice@example.com" in main
    assert "$0.00" in main
    assert (
        "monoize login --url http://monoize.test"
        == Page(await alice.get("/")).one("input", id="cli-login")["value"]
    )


async def test_what_comes_next_fits_the_person(alice, boss):
    assert not Page(await alice.get("/")).all("a", href="/users/new")
    assert Page(await boss.get("/")).one("a", href="/users/new")
    assert Page(await alice.get("/")).one("a", href="/keys/new")

    await alice.submit("/keys", name="laptop", expires_at="never")
    assert not Page(await alice.get("/")).all("a", href="/keys/new")


async def test_the_way_around_shows_only_what_is_allowed(alice, boss):
    def ways(page):
        known = ("/", "/keys", "/users", "/audit")
        return [
            link["href"] for link in page.all("a") if link.get("href") in known and link.get("class") != "brand"
        ]

    assert ["/", "/keys"] == ways(Page(await alice.get("/account")))
    assert ["/", "/keys", "/users", "/audit"] == ways(Page(await boss.get("/account")))
    assert "API keys" == Page(await boss.get("/keys/new")).one("a", **{"aria-current": "page"}).text


async def test_home_says_what_waits_for_a_human(root, boss, alice):
    model = {"name": "nobody-knows-its-price"}
    channel = {"name": "default", "base_url": "https://api.example.com"}
    made = await root.post(
        "/api/providers", json={"name": "p", "type": "messages", "models": [model], "channels": [channel]}
    )

    assert 201 == made.status_code, made.text
    main = Page(await boss.get("/")).one("main").text
    assert "1 model has no price" in main and "nobody-knows-its-price" in main
    assert "Cost this month" in main
    assert "nobody-knows-its-price" not in (await alice.get("/")).text
    assert "Spend this month" in Page(await alice.get("/")).one("main").text
    assert "Hosts" not in Page(await alice.get("/")).one("main").text


async def test_what_a_key_spends_of_its_budget_is_shown(root, boss):
    made = await root.post("/api/keys", json={"name": "laptop", "daily_budget_nano_usd": "2000000000"})

    assert 201 == made.status_code, made.text
    budgets = Page(await boss.get("/")).one("section", **{"aria-labelledby": "budgets"})
    assert "Key laptop, today $0.00 of $2.00" in " ".join(budgets.text.split())


async def test_certificates_that_end_soon_wait_for_a_human_unless_they_renew_themselves(house, boss):
    soon, later = utc_now() + dt.timedelta(days=5), utc_now() + dt.timedelta(days=80)
    kept = (
        ("own.example", {"type": "uploaded", "auto_renew": False, "not_after": soon}),
        ("far.example", {"type": "uploaded", "auto_renew": False, "not_after": later}),
        ("renews.example", {"type": "acme", "auto_renew": True, "not_after": soon}),
        ("fails.example", {"type": "acme", "auto_renew": True, "not_after": soon, "failures": 3}),
    )
    async with house.house.database.write() as tx:
        for domain, values in kept:
            await certificates.add(tx, {"domain": domain, "status": "active", **values})
    waiting = Page(await boss.get("/")).one("section", **{"aria-labelledby": "waiting"}).text

    assert "2 certificates end soon" in waiting
    assert "own.example" in waiting and "fails.example" in waiting and "renews.example" not in waiting
