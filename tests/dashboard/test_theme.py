import pytest
from dashboard.surfer import Page


async def test_a_choice_between_light_and_dark_is_kept_without_a_script(boss):
    assert "system" == Page(await boss.get("/keys")).one("html")["data-theme"]
    answer = await boss.submit("/theme", theme="dark", next="/keys?cursor=")

    assert (303, "/keys?cursor=") == (answer.status_code, answer.headers["location"])
    assert "dark" == Page(await boss.get("/keys")).one("html")["data-theme"]
    assert "true" == Page(await boss.get("/keys")).one("button", value="dark")["aria-pressed"]


@pytest.mark.parametrize("address", ["https://evil.example", "//evil.example", "/\\evil.example", ""])
async def test_it_leads_nowhere_else(stranger, address):
    answer = await stranger.submit("/theme", theme="light", next=address)

    assert (303, "/") == (answer.status_code, answer.headers["location"])


async def test_there_are_three_choices(stranger):
    assert 422 == (await stranger.submit("/theme", theme="sepia", next="/")).status_code
