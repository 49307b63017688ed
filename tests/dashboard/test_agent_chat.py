"""A conversation with an agent on its machine, without scripts and as a stream."""

from dashboard.surfer import Page, Surfer
from support.house import Client, RunningHouse
from support.reach import reached_agent


async def test_an_agent_is_spoken_with_by_whose_it_is(house: RunningHouse, root: Client):
    reach = await reached_agent(house, root, "ada")
    ada = await Surfer(house.app, ip="10.0.0.3").sign_in("ada")
    await house.make_user(root, "bob")
    bob = await Surfer(house.app, ip="10.0.0.4").sign_in("bob")
    chat = f"/agents/{reach.agent_id}/chat"

    assert chat in {a["href"] for a in Page(await ada.get(f"/agents/{reach.agent_id}")).all("a")}
    assert 200 == (await ada.get(chat)).status_code
    first = Page(await ada.submit(chat, do="ask", prompt="hello"))
    assert ["hello", "You said hello"] == [
        words.text for words in first.all("p", **{"class": "words"}) if words.text
    ]
    kept = first.one("input", name="kept-1")["value"]

    streamed = await ada.submit(f"{chat}/stream/1", prompt="again", **{"kept-1": kept})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert 'event: text\ndata: "You said again"' in streamed.text
    assert streamed.text.index("event: begun") < streamed.text.index("event: end")
    assert reach.token not in streamed.text

    for answer in (await bob.get(chat), await bob.submit(f"{chat}/stream/1", prompt="hello")):
        assert 404 == answer.status_code


async def test_an_agent_that_holds_no_chats_is_told_of(house: RunningHouse, root: Client):
    reach = await reached_agent(house, root, "ada")
    ada = await Surfer(house.app, ip="10.0.0.3").sign_in("ada")
    chat = f"/agents/{reach.agent_id}/chat"

    reach.agent.is_sulking = True
    try:
        refused = Page(await ada.submit(chat, do="ask", prompt="hello"))
    finally:
        reach.agent.is_sulking = False
    assert "gateway.http.endpoints.chatCompletions.enabled" in refused.one("main").text
    # What was asked can be asked again.
    assert "hello" == refused.one("textarea", id="prompt").text.strip()

    stopped = await ada.submit(f"{chat}/stopped/1", prompt="hello", heard="You sa")
    assert "You have stopped it here" in stopped.text
    await ada.submit(f"/agents/{reach.agent_id}/disable")
    assert 409 == (await ada.submit(chat, do="ask", prompt="hello")).status_code
