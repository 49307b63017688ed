"""The playground where no gateway runs: what a form refuses, and what would be sent."""

from dashboard.surfer import Page, Surfer

SETTINGS = {"model": "gpt-test", "protocol": "messages", "tokens_most": "64"}


async def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(boss: Surfer):
    entered = {**SETTINGS, "prompt": "hi", "tools": '[{"nam": "x"}]', "do": "ask"}
    page = Page(await boss.submit("/playground", **entered))

    assert "/0/name is missing" in page.one("p", id="tools-error").text
    assert "hi" == page.one("textarea", id="prompt").text.strip()
    for field, value in {"model": "", "tokens_most": "0", "protocol": "smoke signals", "prompt": ""}.items():
        refused = await boss.submit("/playground", **{**entered, "tools": "", field: value})
        assert 422 == refused.status_code
        assert Page(refused).one("p", id=f"{field}-error")
        assert 422 == (await boss.submit("/playground/stream/1", **{**entered, field: value})).status_code
    assert 422 == (await boss.submit("/playground", **{**SETTINGS, "prompt": "x", "kept-1": "{}"})).status_code


async def test_the_request_is_shown_without_being_sent(alice: Surfer):
    shown = Page(await alice.submit("/playground", **SETTINGS, prompt="it's me", system="be brief", do="show"))

    assert "POST /v1/messages" in shown.one("main").text
    assert '"max_tokens": 64' in shown.one("code", id="request-1").text
    assert "curl -N http" in shown.one("code", id="curl-1").text
    part = await alice.submit("/playground/request", **SETTINGS, prompt="it's me", system="be brief")
    assert '"max_tokens": 64' in part.text.replace("&#34;", '"')
    assert "Fill in a model" in (await alice.submit("/playground/request")).text
    # Nothing was asked, so no key was made.
    assert "Playground" not in Page(await alice.get("/keys")).one("main").text


async def test_where_no_gateway_runs_that_is_said(alice: Surfer):
    answer = await alice.submit("/playground", **SETTINGS, prompt="hi", do="ask")

    assert 503 == answer.status_code
    assert "serves no gateway" in Page(answer).one("main").text
