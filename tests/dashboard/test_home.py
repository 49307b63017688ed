from dashboard.surfer import Page


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
        return [link["href"] for link in page.all("a") if link.get("href") in ("/", "/keys", "/users", "/audit")][
            1:
        ]

    assert ["/", "/keys"] == ways(Page(await alice.get("/account")))
    assert ["/", "/keys", "/users", "/audit"] == ways(Page(await boss.get("/account")))
    assert "API keys" == Page(await boss.get("/keys/new")).one("a", **{"aria-current": "page"}).text
