"""Models, prices, providers and channels as pages: what is shown, who may, and what a form refuses."""

import json

from dashboard.surfer import Page, Surfer

PRICE = {"kind": "standard", "book": "list", "source_url": "https://example.com/prices"}


async def _set_price(surfer: Surfer, **fields: str):
    return await surfer.submit("/prices", **{**PRICE, "provider": "openai", "model_key": "gpt-test", **fields})


async def test_a_price_is_set_corrected_and_ended(boss: Surfer, alice: Surfer):
    wrong = await _set_price(boss, input_usd_per_mtok="three", source_url="")
    assert 422 == wrong.status_code
    assert {"input_usd_per_mtok-error", "source_url-error"} <= {p.get("id") for p in Page(wrong).all("p")}

    first = await _set_price(
        boss, input_usd_per_mtok="3", output_usd_per_mtok="15", effective_from="2026-01-01T00:00Z"
    )
    shown = Page(await boss.get(first.headers["location"]))
    assert "The price is set." in shown.one("main").text
    assert "3 USD per million tokens" in {fact.text for fact in shown.all("dd")}

    address = first.headers["location"].partition("?")[0]
    assert "3" == Page(await boss.get(f"{address}/correct")).one("input", id="input_usd_per_mtok")["value"]
    corrected = await boss.submit(
        f"{address}/correct", input_usd_per_mtok="2.5", output_usd_per_mtok="15", source_url="https://example.com"
    )
    history = await boss.get(corrected.headers["location"])
    assert {"corrected", "now"} <= {tag.text for tag in Page(history).all("span", **{"class": "tag"})} | {
        tag.text for tag in Page(history).all("span", **{"class": "tag good"})
    }
    assert "$2.5" in (await boss.get("/prices?provider=openai&model_key=gpt-test")).text

    latest = corrected.headers["location"].partition("?")[0]
    assert 422 == (await boss.submit(f"{latest}/end", name="another")).status_code
    assert 303 == (await boss.submit(f"{latest}/end", name="gpt-test")).status_code
    assert 403 == (await alice.get("/prices")).status_code
    assert 403 == (await _set_price(alice, input_usd_per_mtok="3")).status_code


async def test_a_steep_change_waits_until_somebody_confirms_it(boss: Surfer):
    await _set_price(boss, input_usd_per_mtok="3")
    proposed = await _set_price(boss, input_usd_per_mtok="300")
    assert "/pending-prices?done=price_waits" == proposed.headers["location"]

    page = Page(await boss.get("/pending-prices"))
    assert "Input: 3 → 300" in {item.text for item in page.all("li")}
    confirm, reject = (form["action"] for form in page.all("form") if "/pending-prices/" in form["action"])
    written = await boss.submit(confirm)
    assert "300 USD" in (await boss.get(written.headers["location"])).text
    assert 404 == (await boss.submit(reject)).status_code
    assert "Nothing waits" in (await boss.get("/pending-prices")).text


async def _add_echo(surfer: Surfer, name: str = "echo", **fields: str) -> str:
    given = {
        "name": name,
        "type": "echo",
        "base_url": "http://echo.invalid",
        "models": "echo\r\necho-two = echo x 1.5",
    }
    answer = await surfer.submit("/providers", **{**given, **fields})
    assert 303 == answer.status_code, answer.text
    return str(answer.headers["location"]).partition("?")[0]


async def test_a_provider_is_added_tested_changed_and_removed(boss: Surfer, alice: Surfer):
    wrong = await boss.submit("/providers", name="x", type="echo", base_url="not an address", models="a b c")
    assert 422 == wrong.status_code
    address = await _add_echo(boss, api_key="sk-a-long-secret-credential")

    page = await boss.get(address)
    assert {"echo", "echo-two"} <= {cell.text.strip() for cell in Page(page).all("th", scope="row")}
    assert "…tial" in page.text and "sk-a-long-secret" not in page.text
    test = next(form["action"] for form in Page(page).all("form") if form["action"].endswith("/test"))
    assert 503 == (await boss.submit(test)).status_code  # no gateway runs in this process
    assert "/models/echo-two" in (await boss.get("/models?name=two")).text
    assert "Name there" in (await boss.get("/models/echo-two")).text

    edit = Page(await boss.get(f"{address}/edit"))
    assert "echo\necho-two = echo x 1.5" == edit.one("textarea", id="models").text.strip()
    saved = {"name": "renamed", "type": "echo", "models": "echo", "enabled": "yes", "timeouts.connect_ms": "900"}
    assert 422 == (await boss.submit(f"{address}/edit", **saved, transforms="{")).status_code
    assert 422 == (await boss.submit(f"{address}/edit", **{**saved, "models": "a = "})).status_code
    assert 303 == (await boss.submit(f"{address}/edit", **saved)).status_code
    assert "900" == Page(await boss.get(f"{address}/edit")).one("input", id="timeouts.connect_ms")["value"]
    assert 404 == (await boss.get("/models/echo-two")).status_code

    assert [403, 403] == [(await alice.get(path)).status_code for path in ("/providers", address)]
    assert 422 == (await boss.submit(f"{address}/delete", name="echo")).status_code
    assert 303 == (await boss.submit(f"{address}/delete", name="renamed")).status_code
    assert "No providers yet" in (await boss.get("/providers")).text


async def test_a_channel_keeps_its_key_unless_it_is_told_otherwise(boss: Surfer):
    address = await _add_echo(boss)
    given = {"name": "second", "base_url": "http://two.invalid", "enabled": "yes", "weight": "3"}
    assert (
        303
        == (await boss.submit(f"{address}/channels", **given, api_key="sk-a-long-secret-credential")).status_code
    )

    links = [a["href"] for a in Page(await boss.get(address)).all("a") if a.text == "second"]
    changed = {**given, "name": "other", "weight": "5", "breaker.failures": "7"}
    assert 303 == (await boss.submit(links[0], **changed)).status_code
    page = Page(await boss.get(links[0]))
    assert ("5", "7") == (
        page.one("input", id="weight")["value"],
        page.one("input", id="breaker.failures")["value"],
    )
    assert "which ends with tial" in page.one("p", id="api_key-hint").text
    elsewhere = await boss.submit(links[0], **{**changed, "base_url": "http://three.invalid"})
    assert elsewhere.status_code in (409, 422)
    assert 303 == (await boss.submit(links[0], **changed, no_api_key="yes")).status_code
    assert "…tial" not in (await boss.get(address)).text

    discovered = await boss.submit(f"{links[0]}/models", models="echo\r\necho-three")
    assert 303 == discovered.status_code
    assert "echo-three" in (await boss.get(address)).text
    assert 422 == (await boss.submit(f"{links[0]}/delete", name="no")).status_code
    assert 303 == (await boss.submit(f"{links[0]}/delete", name="other")).status_code


async def test_providers_are_tried_in_the_order_that_somebody_gave_them(boss: Surfer):
    addresses = [await _add_echo(boss, name) for name in ("first", "second", "third")]
    ids = [address.rpartition("/")[2] for address in addresses]

    async def order() -> list[str]:
        return [
            row["id"].removeprefix("provider-")
            for row in Page(await boss.get("/providers")).all("tr")
            if row.get("id")
        ]

    assert ids == await order()
    await boss.submit(f"{addresses[2]}/move", direction="up")
    assert [ids[0], ids[2], ids[1]] == await order()
    await boss.submit("/providers/order", order=" ".join(reversed(ids)))
    assert ids[::-1] == await order()
    assert (await boss.submit("/providers/order", order=ids[0])).status_code in (409, 422)
    assert 422 == (await boss.submit("/providers/order", order="nonsense")).status_code


async def test_what_holds_for_all_requests_is_replaced_as_a_whole(boss: Surfer):
    assert 303 == (await boss.submit("/routing/redirects", redirects=r"gpt-4.* = echo")).status_code
    assert 303 == (await boss.submit("/routing/suffixes", suffixes="-deep = high")).status_code
    assert 303 == (await boss.submit("/routing/transforms", rules="[]")).status_code

    page = Page(await boss.get("/routing"))
    assert "gpt-4.* = echo" == page.one("textarea", id="redirects").text.strip()
    assert "-deep = high" == page.one("textarea", id="suffixes").text.strip()
    refused = await boss.submit("/routing/suffixes", suffixes="-deep = sleepy")
    assert (422, True) == (refused.status_code, "-deep = sleepy" in refused.text)
    assert 422 == (await boss.submit("/routing/redirects", redirects="( = echo")).status_code
    assert 422 == (await boss.submit("/routing/transforms", rules="[{}")).status_code


def _listed(**costs: float) -> str:
    cost = {"input": 5, "output": 25, **costs}
    return json.dumps({"anthropic": {"models": {"claude-test-1": {"cost": cost}}}})


async def _import(surfer: Surfer, document: str, **fields: str):
    source = {"format": "models_dev", "source_url": "https://models.dev/api.json", "document": document}
    return await surfer.submit("/price-lists/import", **{**source, **fields})


async def test_a_price_list_is_shown_before_it_is_taken_over(root, boss: Surfer, alice: Surfer):
    asked = "/api/prices?model_key=claude-test-1"
    preview = await _import(boss, _listed())
    assert (200, True) == (preview.status_code, "What it would change" in preview.text)
    assert [] == (await root.get(asked)).json()["items"]

    document = Page(preview).one("textarea", id="document").text.removeprefix("\n")
    taken = await _import(boss, document, step="take over")
    assert "/price-lists?done=price_list_taken" == taken.headers["location"]
    assert "5" == (await root.get(asked)).json()["items"][0]["input_usd_per_mtok"]
    assert "models.dev" in (await boss.get("/price-lists")).text

    steep = await _import(boss, _listed(input=50))
    assert "Steep changes wait" in steep.text
    waits = await _import(boss, _listed(input=50), step="take over")
    assert "/pending-prices?done=price_list_waits" == waits.headers["location"]
    assert "5" == (await root.get(asked)).json()["items"][0]["input_usd_per_mtok"]

    for wrong in ({"document": "no list"}, {"source_url": "ftp://x"}, {"providers": "No!"}, {"format": "other"}):
        refused = await _import(boss, **{"document": _listed(), "step": "take over", **wrong})
        assert 422 == refused.status_code, wrong
    for answer in (await alice.get("/price-lists"), await _import(alice, _listed())):
        assert 403 == answer.status_code


async def test_the_list_that_ships_is_planted_again_and_told(boss: Surfer):
    planted = await boss.submit("/price-lists/seed")

    shown = await boss.get(planted.headers["location"])
    assert "The list that ships with this version is planted." in shown.text
    assert "https://platform.openai.com/docs/pricing" in shown.text
