"""Bad requests are refused in the words of their caller, at once, and leave nothing behind."""

import time

import pytest
from gateway.wishes import WISHES, Wish, chat
from support.gateway import KEY, Bench, change, channel, provider

DEEP = 100_000
PATH = "/v1/chat/completions"
every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


@pytest.fixture(autouse=True)
def echo(bench: Bench) -> None:
    bench.offer(provider(channel("", "echo", "m")))


@every_wish
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"model": "m", "model": "n"}',
        b'{"model": "m", "\\u006dodel": "n"}',
        b'{"model": "m", "temperature": NaN}',
        b'{"model": "m", "messages": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b'{"model": 1}',
        b'{"model": "m", "stream": "yes"}',
        b'{"model": "m", "max_tokens": -1, "max_output_tokens": -1, "generationConfig": {"maxOutputTokens": -1}}',
        b'{"model": "m", "max_tokens": 1e999, "max_output_tokens": 1.5, "generationConfig": []}',
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
async def test_a_body_that_cannot_be_read_in_one_way_is_refused(bench: Bench, wish: Wish, body: bytes):
    started = time.monotonic()
    reply = await bench.ask(wish.path, body)

    assert 400 == reply.status
    assert "error" in reply.json
    assert time.monotonic() - started < 1
    assert (0, 0) == await bench.held()


async def test_errors_are_told_in_the_dialect_of_the_caller(bench: Bench):
    told = {
        name: (await bench.ask(wish.path, wish.body("hello"), key="sk-" + "f" * 32)).json
        for name, wish in WISHES.items()
    }

    assert "invalid_api_key" == told["chat"]["error"]["code"] == told["responses"]["error"]["code"]
    assert ("error", "authentication_error") == (told["messages"]["type"], told["messages"]["error"]["type"])
    assert (401, "UNAUTHENTICATED") == (told["gemini"]["error"]["code"], told["gemini"]["error"]["status"])


@pytest.mark.parametrize("key", [None, "", "short", "sk-ü" + "0" * 40, "sk-" + "0" * 600])
async def test_a_key_that_cannot_be_one_is_refused(bench: Bench, key: str | None):
    assert 401 == (await bench.ask(PATH, chat("hello"), key=key)).status


@pytest.mark.parametrize("header", ["x-api-key", "api-key", "x-goog-api-key"])
async def test_keys_are_taken_from_wherever_clients_put_them(bench: Bench, header: str):
    assert 200 == (await bench.ask(PATH, chat("hello"), key=None, headers={header: KEY})).status
    assert 200 == (await bench.ask(f"{PATH}?key={KEY}", chat("hello"), key=None)).status


async def test_an_address_with_too_many_members_is_read_without_them(bench: Bench):
    many = "&".join(f"a{number}=1" for number in range(100))
    assert 200 == (await bench.ask(f"{PATH}?{many}", chat("hello"))).status
    assert 401 == (await bench.ask(f"{PATH}?{many}&key={KEY}", chat("hello"), key=None)).status


async def test_a_key_is_refused_within_a_second_of_its_end(bench: Bench):
    assert 200 == (await bench.ask(PATH, chat("hello"))).status
    bench.grants.clear()
    until = time.monotonic() + 1.1
    while (await bench.ask(PATH, chat("hello"))).status == 200:
        assert time.monotonic() < until


async def test_a_key_can_be_bound_to_networks(bench: Bench):
    change(bench, networks=("10.0.0.0/8",))
    assert 403 == (await bench.ask(PATH, chat("hello"))).status


@pytest.mark.parametrize(
    ("limits", "served"),
    [
        ({"requests_per_minute": 3}, 3),
        ({"tokens_per_minute": 130}, 2),
        ({"requests_per_minute": 10, "tokens_per_minute": 65}, 1),
    ],
)
async def test_a_key_has_a_pace(bench: Bench, limits: dict[str, int], served: int):
    change(bench, **limits)
    replies = [await bench.ask(PATH, chat("hello")) for _ in range(6)]

    assert [200] * served + [429] * (6 - served) == [reply.status for reply in replies]
    assert int(replies[-1].headers["retry-after"]) > 0
    assert "x-ratelimit-limit-" in " ".join(replies[0].headers)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(bench: Bench):
    reply = await bench.ask(PATH, chat("hello"), headers={"content-length": "99999999999"})

    assert (413, "request_too_large") == (reply.status, reply.json["error"]["code"])


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/chat/completions/", "/v1beta/models/m:embed", "/api/v1/x"])
async def test_an_unknown_address_is_told_in_json(bench: Bench, path: str):
    reply = await bench.ask(path, {})

    assert (404, "error" in reply.json) == (reply.status, True)


async def test_models_are_listed_in_three_shapes_and_only_those_that_the_key_may_use(bench: Bench):
    bench.offer(provider(channel("", "echo", "m", "n")))
    openai = await bench.ask("/v1/models", method="GET")
    change(bench, models=frozenset({"n"}))
    anthropic = await bench.ask("/v1/models?limit=1000", method="GET", headers={"anthropic-version": "2023-06-01"})
    google = await bench.ask("/v1beta/models", method="GET")

    assert ["m", "n"] == [model["id"] for model in openai.json["data"]]
    assert ["n"] == [model["id"] for model in anthropic.json["data"]]
    assert ["models/n"] == [model["name"] for model in google.json["models"]]
    assert 404 == (await bench.ask("/v1/models/m", method="GET")).status
    assert "n" == (await bench.ask("/api/v1/models/n", method="GET")).json["id"]


async def test_tokens_are_counted_without_asking_anybody(bench: Bench):
    body = {"model": "m", "messages": [{"role": "user", "content": "Hello, world"}]}

    assert 0 < (await bench.ask("/v1/messages/count_tokens", body)).json["input_tokens"] < 100
