"""What holds for every list: it says when it is empty and what to do then, goes on, and fails well.

A list is a page that takes a window. None loads anything later: what keeps up is filled when the page comes.
"""

from typing import Final

import pytest
from dashboard.surfer import Page, Surfer
from support.answers import granted
from support.demo import TINY, fill
from support.demo.addresses import addresses
from support.endpoints import pages
from support.house import Client, RunningHouse

from monoize.base.clock import utc_now
from monoize.control.edge import windows

_WINDOWS: Final = {windows.uuid_window, windows.number_window, windows.ranked_window, windows.moment_window}
LISTS: Final = sorted(
    route.path for route in pages() if any(each.call in _WINDOWS for each in route.dependant.dependencies)
)
# What nobody has to make first: it is there as soon as the house is.
NEVER_EMPTY: Final = {
    "/account",
    "/audit",
    "/pools",
    "/pools/{pool}",
    "/presets",
    "/price-lists",
    "/prices",
    "/tenants",
    "/users",
}
PAGED_LEAST: Final = 20
"""The demonstration has one alone of some things, of which there is no second page."""


@pytest.fixture
async def lists(house: RunningHouse, root: Client) -> dict[str, str]:
    """Their addresses in a house full of things."""
    await fill(house, root, TINY, utc_now())
    return {route: address for route, address in (await addresses(house.house)).items() if route in LISTS}


def test_lists_are_found():
    assert len(LISTS) > 30


async def test_a_list_goes_on_where_it_left_off_and_leads_back(boss: Surfer, lists: dict[str, str]):
    paged = 0
    for route, address in lists.items():
        answer = await boss.get(f"{address}?limit=1")
        assert 200 == answer.status_code, route
        first = Page(answer)
        further = [link["href"] for link in first.all("a", rel="next")]
        if not further:
            continue
        answer = await boss.get(further[0])
        assert 200 == answer.status_code, further
        assert "limit=1" in further[0]
        assert address in {link["href"] for link in Page(answer).all("a") if link.text == "Newest"}, route
        assert _rows(first) != _rows(Page(answer)), route
        paged += 1
    assert paged >= PAGED_LEAST


async def test_a_list_says_that_it_is_empty_and_what_to_do(root: Client, boss: Surfer):
    _is_empty_and_helps("/projects", Page(await boss.get("/projects")))
    project = granted(await root.post("/api/projects", json={"name": "new"}))["id"]
    for route in sorted(set(LISTS) - NEVER_EMPTY - {"/projects"}):
        if "{" in route and route != "/projects/{project_id}":
            continue
        page = Page(await boss.get(route.replace("{project_id}", str(project))))
        _is_empty_and_helps(route, page)
    body = {"name": "web", "image": "busybox:1", "start": False}
    service = granted(await root.post(f"/api/projects/{project}/services", json=body))["service"]["id"]
    for route in (route for route in LISTS if route.startswith("/services/{service_id}")):
        _is_empty_and_helps(route, Page(await boss.get(route.replace("{service_id}", str(service)))))


async def test_a_cursor_of_nobodys_is_refused_on_a_page(boss: Surfer, lists: dict[str, str]):
    for asked in ("cursor=nonsense", "cursor=%C3%A9", "limit=0", "limit=201"):
        for address in lists.values():
            answer = await boss.get(f"{address}?{asked}")
            assert answer.status_code in (400, 404, 422), (address, asked)
            assert Page(answer).one("h1").text


async def test_what_keeps_up_is_there_when_the_page_comes(boss: Surfer, lists: dict[str, str]):
    for address in lists.values():
        for part in Page(await boss.get(address)).elements:
            if part.get("data-live"):
                assert part.text.strip(), address


def _rows(page: Page) -> str:
    return " ".join(row.text for row in page.all("tr"))


def _is_empty_and_helps(route: str, page: Page) -> None:
    empty = [each for each in page.all("div") if (each.get("class") or "").startswith("empty")]
    assert empty, f"{route} does not say that it is empty"
    assert page.all("h2"), route
    assert any(len(each.text.split()) > 8 for each in empty), f"{route} does not say what to do"
