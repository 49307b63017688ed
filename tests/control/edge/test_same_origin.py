"""A browser's cookie counts only for requests that our own pages make."""

from pathlib import Path
from typing import Any

import pytest
from support.answers import granted, refusal
from support.house import Client, RunningHouse, open_house, test_settings

OURS = "https://ai.example.com"


@pytest.fixture
def settings(sqlite: str, tmp_path: Path) -> Any:
    return test_settings(sqlite, tmp_path, public_url=OURS)


def browser_of(house: RunningHouse, client: Client) -> Client:
    """A browser shows its cookie, whoever makes it ask."""
    browser = house.visitor()
    browser.headers["cookie"] = f"monoize_session={client.headers['authorization'].removeprefix('Bearer ')}"
    return browser


@pytest.fixture
def browser(house: RunningHouse, root: Client) -> Client:
    return browser_of(house, root)


FROM_OUR_PAGES: list[dict[str, str]] = [
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": "http://monoize.test"},
]
FROM_ELSEWHERE: list[dict[str, str]] = [
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "nonsense"},
    {"sec-fetch-site": ""},
    {"sec-fetch-site": "cross-site", "origin": OURS},
    {"origin": "https://evil.example.com"},
    {"origin": "https://ai.example.com.evil.com"},
    {"origin": "https://evil.com/ai.example.com"},
    {"origin": "https://ai.example.com@evil.com"},
    {"origin": "https://ai.example.com:8443"},
    {"origin": "http://[nonsense"},
    {"origin": "null"},
    {"origin": "/"},
    {"origin": ""},
    {"referer": f"{OURS}/users"},
    {},
]


async def test_a_change_by_cookie_from_one_of_our_pages_counts(browser: Client):
    for number, headers in enumerate([*FROM_OUR_PAGES, {"origin": OURS}]):
        answer = await browser.patch("/api/me", json={"name": str(number)}, headers=headers)
        assert str(number) == granted(answer)["name"]


async def test_a_change_by_cookie_from_anywhere_else_is_refused(browser: Client):
    for headers in FROM_ELSEWHERE:
        answer = await browser.patch("/api/me", json={"name": "changed"}, headers=headers)
        assert (403, "foreign_origin") == refusal(answer), headers
    assert granted(await browser.get("/api/me"))["user"]["name"] is None


async def test_without_a_public_address_only_the_one_that_was_asked_counts(sqlite: str, tmp_path: Path):
    async with open_house(test_settings(sqlite, tmp_path)) as house:
        browser = browser_of(house, await house.make_root())

        for headers in [*FROM_ELSEWHERE, {"origin": OURS}]:
            answer = await browser.patch("/api/me", json={"name": "changed"}, headers=headers)
            assert (403, "foreign_origin") == refusal(answer), headers
        for headers in FROM_OUR_PAGES:
            granted(await browser.patch("/api/me", json={}, headers=headers))


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_every_changing_method_is_protected_before_anything_else_is_looked_at(browser: Client, method: str):
    for path in ("/api/tokens/ci", "/api/keys/nonsense", "/api/users", "/api/auth/logout"):
        answer = await browser.request(method, path, headers={"sec-fetch-site": "cross-site"})
        assert answer.status_code in (403, 405), answer.text
        assert answer.json()["code"] in ("foreign_origin", "method_not_allowed")


async def test_reading_by_cookie_is_not_bound_to_our_pages(browser: Client):
    granted(await browser.get("/api/me", headers={"sec-fetch-site": "cross-site", "origin": "https://evil.com"}))


async def test_a_bearer_is_not_bound_to_our_pages(root: Client):
    granted(
        await root.patch("/api/me", json={}, headers={"sec-fetch-site": "cross-site", "origin": "https://x.com"})
    )


async def test_no_page_of_others_may_ask_beforehand_or_read_the_answer(browser: Client):
    asked = {"origin": "https://evil.com", "access-control-request-method": "POST"}

    for answer in (await browser.options("/api/users", headers=asked), await browser.get("/api/me", headers=asked)):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
        assert "same-origin" == answer.headers["cross-origin-resource-policy"]
