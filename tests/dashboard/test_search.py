import pytest
from dashboard.surfer import Page

from monoize.dashboard.search import OF_A_KIND_MOST, says


def _found(answer):
    return [title.text for title in Page(answer).all("span", **{"class": "title"})]


async def _search(surfer, text):
    return await surfer.get("/search/results", params={"q": text})


async def test_somebody_finds_what_they_may_see_and_nothing_else(house, root, boss, alice):
    await alice.submit("/keys", name="laptop of alice", expires_at="never")
    await boss.submit("/keys", name="laptop of root", expires_at="never")

    assert ["laptop of alice"] == _found(await _search(alice, "LAPTOP"))
    assert ["laptop of root", "laptop of alice"] == _found(await _search(boss, "laptop"))
    assert [] == _found(await _search(alice, "audit"))
    assert ["Audit log"] == _found(await _search(boss, "log audit"))
    assert ["laptop of alice", "alice"] == _found(await _search(boss, "alice"))
    assert [] == _found(await _search(alice, "root"))


async def test_there_are_a_few_of_each_kind(alice):
    for number in range(OF_A_KIND_MOST + 2):
        await alice.submit("/keys", name=f"many {number}", expires_at="never")

    assert OF_A_KIND_MOST == len(_found(await _search(alice, "many")))


async def test_what_is_searched_for_is_text(alice):
    answer = await alice.get("/search", params={"q": "<b>%_\\"})

    assert 200 == answer.status_code
    assert "&lt;b&gt;%_\\" in answer.text
    assert 404 == (await _search(alice, "x" * 1000)).status_code


async def test_without_a_text_every_page_is_there(boss):
    assert {"/", "/keys", "/users", "/audit", "/start"} <= {
        link["href"] for link in Page(await boss.get("/search/results")).all("a")
    }


@pytest.mark.parametrize(("text", "found"), [("", True), ("keys api", True), ("KEY", True), ("keys users", False)])
def test_all_words_have_to_be_there(text, found):
    assert found == says("Gateway API keys", text)
