from dashboard.surfer import Page

from monoize.base.ids import new_id


async def _create(surfer, name, **fields):
    return await surfer.submit("/keys", **{"name": name, "expires_at": "never", **fields})


def _names(page):
    return [cell.text.strip() for cell in page.all("th", scope="row")]


async def _delete_address(surfer, name):
    rows = Page(await surfer.get("/keys")).all("a")
    return next(link["href"] for link in rows if link.text == f"Delete {name}")


async def test_a_new_key_is_shown_once_and_works(house, alice):
    answer = await _create(alice, "laptop")
    secret = Page(answer).one("input", id="secret")["value"]

    assert 201 == answer.status_code
    assert "no-store" == answer.headers["cache-control"]
    assert secret.startswith("sk-")
    assert "alice" == (await house.bearing(secret).get("/api/me")).json()["user"]["username"]
    listed = await alice.get("/keys")
    assert "laptop" in listed.text
    assert secret not in listed.text


async def test_a_key_can_end_by_itself_and_be_bound_to_addresses(house, alice, root):
    await _create(alice, "nightly", expires_at="30", ip_whitelist="10.0.0.0/8\r\n\r\n 192.0.2.7 \r\n")

    (key,) = (await root.get("/api/keys?everybody=true")).json()["items"]
    assert ["10.0.0.0/8", "192.0.2.7"] == key["ip_whitelist"]
    assert key["expires_at"] > key["created_at"]
    assert "only from 10.0.0.0/8, 192.0.2.7" in (await alice.get("/keys")).text


async def test_a_refused_key_keeps_what_was_entered(alice):
    answer = await _create(alice, "", expires_at="90", ip_whitelist="the moon")

    page = Page(answer)
    assert 422 == answer.status_code
    assert "the moon" == page.one("textarea").text.strip()
    assert page.one("option", value="90", selected="")
    assert {"name-error", "ip_whitelist-error"} == {error["id"] for error in page.all("p", **{"class": "error"})}


async def test_a_lifetime_that_is_not_offered_is_refused(alice):
    assert 422 == (await _create(alice, "laptop", expires_at="forever")).status_code


async def test_a_key_is_made_for_oneself_whatever_the_form_says(alice, boss, root):
    await _create(alice, "mine", user_id=root.user["id"])

    assert "mine" in (await alice.get("/keys")).text
    assert "mine" not in (await boss.get("/keys")).text


async def test_deleting_asks_for_the_name(house, alice):
    secret = Page(await _create(alice, "laptop")).one("input", id="secret")["value"]
    address = await _delete_address(alice, "laptop")
    assert "Delete the key laptop?" == Page(await alice.get(address)).one("h1").text

    wrong = await alice.submit(address, name="desktop")
    assert 422 == wrong.status_code
    assert "This is not the name of the key." == Page(wrong).one("p", id="name-error").text
    assert 200 == (await house.bearing(secret).get("/api/me")).status_code

    right = await alice.submit(address, name="laptop")
    assert (303, "/keys?done=key_deleted") == (right.status_code, right.headers["location"])
    assert 401 == (await house.bearing(secret).get("/api/me")).status_code


async def test_a_key_of_somebody_else_is_not_there(alice, boss):
    await _create(alice, "laptop")
    address = await _delete_address(alice, "laptop")

    assert 404 == (await boss.get(address)).status_code
    assert 404 == (await boss.submit(address, name="laptop")).status_code
    assert 404 == (await boss.get(f"/keys/{new_id()}/delete")).status_code
    assert 404 == (await boss.get("/keys/nonsense/delete")).status_code


async def test_the_list_has_pages(alice):
    assert "You have no keys yet" in (await alice.get("/keys")).text
    for name in ("first", "second", "third"):
        await _create(alice, name)
    newest = Page(await alice.get("/keys?limit=2"))
    older = Page(await alice.get(newest.one("a", rel="next")["href"]))

    assert ["third", "second"] == _names(newest)
    assert ["first"] == _names(older)
    assert not older.all("a", rel="next")


async def test_a_cursor_that_is_not_ours_is_refused_on_a_page(alice):
    answer = await alice.get("/keys?cursor=nonsense")

    assert 422 == answer.status_code
    assert "This cursor was not made by this list" == Page(answer).one("h1").text


async def test_names_are_text_and_never_markup(alice):
    await _create(alice, "<script>alert(1)</script>")
    answer = await alice.get("/keys")

    assert "&lt;script&gt;" in answer.text
    assert "alert" not in "".join(script.text for script in Page(answer).all("script"))
