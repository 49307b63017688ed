"""What holds for every page, whichever it is: nobody can add one that forgets it."""

import itertools
import re
from collections.abc import Iterator

import pytest
from dashboard.surfer import ORIGIN, Page, Surfer
from support.endpoints import document, pages

from monoize.base.ids import new_id

# What somebody sees who is not signed in, and where they may post.
FOR_STRANGERS = {"/login", "/register", "/setup", "/verify-email", "/theme"}


def _routes(method: str) -> Iterator[str]:
    return (route.path for route in pages() if method in route.methods)


# What goes on while somebody looks.
LIVE = sorted(path for path in _routes("GET") if path.endswith("/live"))
# Parts of a page, which are no pages by themselves.
PARTS = {"/search/results"}
POSTS, GETS = sorted(_routes("POST")), sorted(set(_routes("GET")) - set(LIVE))


def test_pages_are_found():
    assert len(GETS) > 100
    assert len(POSTS) > 100


def _somewhere(path: str) -> str:
    return re.sub(r"{[\w:]+}", lambda _: new_id(), path)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {},
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
        {"sec-fetch-site": "same-site"},
    ],
    ids=["foreign", "null", "none", "cross-site", "same-site"],
)
async def test_a_post_from_elsewhere_is_refused(boss, headers):
    for path in POSTS:
        answer = await boss.post(_somewhere(path), data={"name": "x"}, headers=headers)

        assert 403 == answer.status_code, path
        assert "from another site" in Page(answer).one("h1").text
    assert 200 == (await boss.get("/api/me")).status_code


async def test_a_stranger_posts_nothing(root, stranger):
    for path in sorted(set(POSTS) - FOR_STRANGERS):
        answer = await stranger.submit(_somewhere(path), name="x")

        assert (303, "/login") == (answer.status_code, answer.headers["location"]), path


async def test_a_stranger_sees_nothing(root, stranger):
    for path in sorted({*GETS, *LIVE} - FOR_STRANGERS):
        address = _somewhere(path)
        answer = await stranger.get(address)

        assert (303, "/login" if path == "/" else f"/login?next={address}") == (
            answer.status_code,
            answer.headers["location"],
        ), path


@pytest.mark.parametrize("body", [b"\xff=1", b"&".join(b"a%d=1" % n for n in range(200)), b"name=%FF"])
@pytest.mark.parametrize("path", ["/login", "/keys", "/account"])
async def test_a_form_that_cannot_be_read_is_refused(boss, path, body):
    answer = await boss.post(path, content=body, headers={"origin": ORIGIN})

    assert 400 == answer.status_code
    assert Page(answer).one("h1").text == "This form cannot be read"


async def test_nul_characters_and_endless_values_are_refused_and_never_break_a_page(boss):
    for path, value in itertools.product(POSTS, ("\x00", "x" * 20_000)):
        names = ("name", "username", "email", "password", "link", "ip_whitelist", "new_password", "role", "next")
        answer = await boss.submit(_somewhere(path), **dict.fromkeys(names, value))
        assert answer.status_code < 500 or "Mail could not be sent" in answer.text, path


async def _every_page(boss: Surfer) -> list[str]:
    await boss.submit("/keys", name="laptop", expires_at="30")
    delete = next(a["href"] for a in Page(await boss.get("/keys")).all("a") if a["href"].endswith("/delete"))
    return [delete if path == "/keys/{key_id}/delete" else path for path in GETS if path not in PARTS]


async def test_pages_are_accessible(house, boss, alice):
    stranger = Surfer(house.app, ip="10.0.0.9")
    answers = [await boss.get(address) for address in await _every_page(boss)]
    answers += [await stranger.get(address) for address in FOR_STRANGERS & set(GETS)]
    answers += [await boss.submit("/keys", name=""), await stranger.submit("/login", name="")]
    for answer in answers:
        if answer.status_code == 303:
            continue
        page = Page(answer)
        assert "en" == page.one("html")["lang"]
        assert page.all("title")[0].text.endswith(" · Monoize")
        assert page.one("a", href="#main") is page.all("a")[0]
        assert "main" == page.one("main")["id"]
        levels = [int(heading.tag[1]) for heading in page.all("h1", "h2", "h3", "h4")]
        assert 1 == levels[0] and 1 == levels.count(1)
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
        ids = [element["id"] for element in page.elements if element.get("id")]
        assert len(ids) == len(set(ids))
        labelled = {label["for"] for label in page.all("label")}
        fields = [f for f in page.all("input", "select", "textarea") if f.get("type") != "hidden"]
        assert {field["id"] for field in fields} == labelled
        described = " ".join(field.get("aria-describedby") or "" for field in fields).split()
        assert set(described) <= set(ids)
        assert all(image.get("alt") is not None for image in page.all("img"))
        assert all(button.text.strip() for button in page.all("button"))


async def test_pages_hold_no_script_or_style_and_load_nothing_from_elsewhere(boss, alice):
    for address in await _every_page(boss):
        answer = await boss.get(address)
        if answer.status_code == 303:
            continue
        page = Page(answer)
        assert not page.all("style")
        assert all(element["src"].startswith("/static/") and not element.text for element in page.all("script"))
        assert all(element["href"].startswith("/static/") for element in page.all("use"))
        assert not [
            name for element in page.elements for name in element.attributes if name == "style" or name[:2] == "on"
        ]
        assert all(element["src"].startswith("/static/") for element in page.all("img"))
        assert all(element["href"].startswith("/static/") for element in page.all("link"))
        assert all(
            form["method"] in ("get", "post") and form["action"].startswith("/") for form in page.all("form")
        )
        assert "no-store" == answer.headers["cache-control"]
        assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_no_page_shows_what_opens_a_door(house, boss):
    secret = Page(await boss.submit("/keys", name="cli", expires_at="never")).one("input", id="secret")["value"]
    for address in await _every_page(boss):
        shown = (await boss.get(address)).text
        assert secret not in shown
        assert boss.cookies["monoize_session"] not in shown
        assert "$argon2" not in shown


async def test_a_browser_that_goes_astray_sees_a_page(stranger, boss):
    for surfer in (stranger, boss):
        answer = await surfer.get("/nowhere")
        assert 404 == answer.status_code
        assert "There is no page at this address" == Page(answer).one("h1").text
    assert 405 == (await boss.get("/logout")).status_code
    assert "POST" == (await boss.get("/logout")).headers["allow"]


@pytest.mark.parametrize("address", ["/api/nowhere", "/api", "/v1/nowhere", "/v1", "/healthz/nowhere"])
async def test_a_program_that_goes_astray_gets_a_problem(stranger, address):
    answer = await stranger.get(address)

    assert (404, "application/problem+json") == (answer.status_code, answer.headers["content-type"])


async def test_what_is_not_a_browser_gets_a_problem_everywhere(house, stranger):
    program, posted = await house.visitor().get("/nowhere"), await stranger.submit("/nowhere")

    assert ["application/problem+json"] * 2 == [answer.headers["content-type"] for answer in (program, posted)]


async def test_static_files_are_kept_for_a_year_by_their_version(stranger, root):
    page = Page(await stranger.get("/login"))
    for link in page.all("link"):
        found = await stranger.get(link["href"])
        assert 200 == found.status_code
        assert "public, max-age=31536000, immutable" == found.headers["cache-control"]
        other = await stranger.get(link["href"].split("?")[0] + "?v=older")
        assert "no-cache" == other.headers["cache-control"]
    assert 404 == (await stranger.get("/static/../app.py")).status_code
    assert 404 == (await stranger.get("/static/%2e%2e/app.py")).status_code


async def test_what_nobody_expected_is_a_page_with_the_request_id(house, boss):
    house.app.state.identity = None
    answer = await boss.get("/", headers={"x-request-id": "find-me"})

    assert 500 == answer.status_code
    assert "find-me" in Page(answer).one("main").text


def test_pages_are_not_part_of_the_api_document():
    documented = set(document()["paths"])

    assert not documented & {*POSTS, *GETS, *LIVE}
