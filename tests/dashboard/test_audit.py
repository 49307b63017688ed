from dashboard.surfer import Page


def _actions(answer):
    return [cell.text for cell in Page(answer).all("td", **{"data-label": "Action"})]


async def test_what_was_done_is_listed_newest_first(boss):
    await boss.submit("/keys", name="laptop", expires_at="never")
    answer = await boss.get("/audit")

    assert "key.create" == _actions(answer)[0]
    assert "key laptop" in Page(answer).one("tbody").text


async def test_action_and_actor_filter(boss, alice):
    await alice.submit("/keys", name="laptop", expires_at="never")

    assert {"user.create_first", "user.create"} == set(_actions(await boss.get("/audit?action=user")))
    assert ["key.create", "session.open"] == sorted(set(_actions(await boss.get("/audit?actor=user:alice"))))
    assert ["key.create"] == _actions(await boss.get("/audit?action=key.create&actor=user:alice"))
    none = await boss.get("/audit?action=user&actor=user:nobody")
    assert "Nothing was found" in none.text
    assert "user:nobody" == Page(none).one("input", name="actor")["value"]


async def test_pages_keep_the_filter(boss, alice):
    await boss.submit("/keys", name="first", expires_at="never")
    await boss.submit("/keys", name="second", expires_at="never")
    newest = await boss.get("/audit?action=key&limit=1")
    older = await boss.get(Page(newest).one("a", rel="next")["href"])

    assert "second" in Page(newest).one("tbody").text
    assert "first" in Page(older).one("tbody").text
    assert not Page(older).all("a", rel="next")


async def test_no_secret_is_in_the_log(boss):
    await boss.submit("/account/password", current_password="correct horse battery", new_password="staple horse x")
    secret = Page(await boss.submit("/keys", name="laptop", expires_at="never")).one("input", id="secret")["value"]
    shown = (await boss.get("/audit")).text

    assert secret not in shown
    assert boss.cookies["monoize_session"] not in shown
    assert "correct horse" not in shown
