"""Images through the whole gateway: drawn from words and from images, by OpenAI's like, and for who only talks."""

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest
from gateway.wishes import WISHES, Wish
from support.gateway import USER, Bench, channel, frames, price, provider
from support.provider import Said, in_json, serving

from monoize.contract.snapshot import Offer
from monoize.gateway.pictures import TOKENS_GUESSED

DRAW = "/v1/images/generations"
EDIT = "/v1/images/edits"
PNG = b"\x89PNG\r\n\x1a\n--b\r\n\r\n\0\xff" * 5
TOKENS = {"input_tokens": 50, "output_tokens": 4_000, "total_tokens": 4_050}
ANSWER = {
    "created": 1,
    "output_format": "webp",
    "quality": "low",
    "data": [{"b64_json": "QUJD", "revised_prompt": "A cat, drawn."}],
    "usage": {**TOKENS, "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}},
}

every_wish = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


def by_the_piece(variant: str = "", usd: str = "0.04") -> Any:
    pico = int(float(usd) * 10**12)
    return price("somebody", "m", kind="image", variant=variant, input_pico=None, output_pico=None, unit_pico=pico)


def form(*parts: tuple[str, bytes], boundary: str = "x-y") -> bytes:
    """`parts` with what comes after `form-data; ` in their heads."""
    pieces = [
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (boundary.encode(), head.encode(), content)
        for head, content in parts
    ]
    return b"".join(pieces) + b"--%s--\r\n" % boundary.encode()


PARTS = [
    ('name="model"', b"m"),
    ('name="prompt"', "Make it \N{SNOWMAN}".encode()),
    ('name="n"', b"2"),
    ('name="image[]"; filename="a.png"', PNG),
    ('name="image[]"; filename="b.png"', b"--x--x-"),
    ('name="mask"; filename="m.png"', b""),
]
MULTIPART = {"content-type": "multipart/form-data; boundary=x-y"}


@pytest.mark.parametrize("type", ["openai_image", "responses", "chat_completion"])
async def test_bytes_pass_as_they_are_but_for_the_name_of_the_model(bench: Bench, type: str):
    asked = b'{"prompt":"A  cat", "model":"m","size":"1024x1024", "new":1.0}'
    told = json.dumps(ANSWER, indent=2).encode()
    async with serving(Said(200, told, {"content-type": "application/json"})) as there:
        bench.offer(provider(channel(there.base_url, type, offers={"m": Offer("gpt-image-2")})))
        reply = await bench.ask(DRAW, asked)

    assert (200, told) == (reply.status, reply.body)
    (request,) = there.asked
    assert (DRAW, asked.replace(b'"m"', b'"gpt-image-2"')) == (request.path, request.body)


async def test_tokens_are_charged_where_images_are_made_of_them(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")))
        reply = await bench.ask(DRAW, {"model": "m", "prompt": "A cat"})

    (charged,) = await bench.charged()
    assert (50 * 1_000 + 4_000 * 2_000, False) == (charged.charge_nano, charged.is_estimated)
    assert "0.00805" == reply.headers["x-monoize-charge-usd"]
    assert charged.log is not None
    assert ("images", 50, 4_000) == (charged.log.request_kind, charged.log.input_tokens, charged.log.output_tokens)
    assert (0, 0) == await bench.held()


async def test_images_that_are_sold_by_the_piece_are_counted_in_the_answer(bench: Bench):
    """Three were asked for, and held for; two came."""
    async with serving(in_json({"created": 1, "data": [{"url": "https://x/1"}, {"url": "https://x/2"}]})) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")), m=by_the_piece())
        bench.balances = {f"user:{USER}": 119_999_999}
        refused = await bench.ask(DRAW, {"model": "m", "prompt": "A cat", "n": 3})
        mark = await bench.holds.mark(f"user:{USER}")
        await bench.holds.refresh(f"user:{USER}", 120_000_000, mark)
        served = await bench.ask(DRAW, {"model": "m", "prompt": "A cat", "n": 3})

    assert (402, 200) == (refused.status, served.status)
    (charged,) = await bench.charged()
    assert (80_000_000, False) == (charged.charge_nano, charged.is_estimated)
    assert [{"item": "unit", "qty": 2}] == [
        {name: line[name] for name in ("item", "qty")} for line in msgspec.json.decode(charged.breakdown)["lines"]
    ]


async def test_a_price_for_another_quality_is_none(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")), m=by_the_piece("low", "0.01"))
        low = await bench.ask(DRAW, {"model": "m", "prompt": "A cat", "quality": "low"})
        high = await bench.ask(DRAW, {"model": "m", "prompt": "A cat", "quality": "high"})

    assert (200, 403, 1) == (low.status, high.status, len(there.asked))
    assert "model_unpriced" == high.json["error"]["code"]
    assert [10_000_000] == [charged.charge_nano for charged in await bench.charged()]


async def test_a_model_of_nobody_knows_what_price_draws_nothing(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")), m=None)
        reply = await bench.ask(DRAW, {"model": "m", "prompt": "A cat"})

    assert (403, []) == (reply.status, there.asked)


async def test_a_caller_who_leaves_pays_for_what_is_drawn_all_the_same(bench: Bench):
    async with serving(Said(wait_s=5)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")), m=by_the_piece())
        await bench.ask(DRAW, {"model": "m", "prompt": "A cat", "n": 2}, leave_after=0)
        await asyncio.sleep(0.1)

    (charged,) = await bench.charged()
    assert (80_000_000, True) == (charged.charge_nano, charged.is_estimated)
    assert (0, 0) == await bench.held()


async def test_tokens_that_nobody_reports_are_guessed_for_each_image(bench: Bench):
    async with serving(in_json({"created": 1, "data": [{"url": "https://x/1"}]})) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")))
        await bench.ask(DRAW, {"model": "m", "prompt": "A cat", "n": 2})

    (charged,) = await bench.charged()
    assert charged.is_estimated
    assert 0 < charged.charge_nano - 2 * TOKENS_GUESSED * 2_000 < 100_000


@pytest.mark.parametrize(
    "said",
    [
        in_json({"error": {"message": "down"}}, 500),
        in_json({"error": {"message": "no such model"}}, 404),
        in_json({"created": 1, "data": []}),
        in_json({"created": 1, "data": [{"b64_json": None}]}),
        in_json({"data": "x"}),
        Said(200, b"\xff", {"content-type": "image/png"}),
    ],
    ids=["500", "404", "no image", "an empty one", "a text", "no json"],
)
async def test_the_next_channel_is_asked_when_one_fails(bench: Bench, said: Said):
    async with serving(said) as first, serving(in_json(ANSWER)) as second:
        bench.offer(
            provider(channel(first.base_url, "openai_image", "m")),
            provider(channel(second.base_url, "openai_image", "m")),
        )
        drawn = await bench.ask(DRAW, {"model": "m", "prompt": "A cat"})
        edited = await bench.ask(EDIT, form(*PARTS), headers=MULTIPART)

    assert [(200, ANSWER)] * 2 == [(drawn.status, drawn.json), (edited.status, edited.json)]
    assert [first.asked[1].body] == [second.asked[1].body]


async def test_the_callers_own_mistake_is_told_as_it_is_and_to_nobody_else(bench: Bench):
    said = b'{"error":{"message":  "Not that.","code":"moderation_blocked"}}'
    async with serving(Said(400, said, {"content-type": "application/json"})) as first, serving(Said()) as second:
        bench.offer(
            provider(channel(first.base_url, "openai_image", "m")),
            provider(channel(second.base_url, "openai_image", "m")),
        )
        reply = await bench.ask(DRAW, {"model": "m", "prompt": "A cat"})

    assert (400, said, []) == (reply.status, reply.body, second.asked)


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"stream": True}, "stream"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": "x"}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.0}, "n"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"quality": 3}, "quality"),
        ({"size": []}, "size"),
        ({"output_format": "svg"}, "output_format"),
        ({"svg": {"model": "gpt-5"}}, "output_format"),
    ],
    ids=str,
)
async def test_what_cannot_be_counted_or_paid_is_refused(bench: Bench, more: dict[str, Any], param: str):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")))
        reply = await bench.ask(DRAW, {"model": "m", "prompt": "A cat"} | more)

    assert (400, param, []) == (reply.status, reply.json["error"]["param"], there.asked)
    assert [] == await bench.charged()


async def test_a_form_passes_byte_for_byte_but_for_the_name_of_the_model(bench: Bench):
    asked = form(*PARTS)
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", offers={"m": Offer("gpt-image-2")})))
        reply = await bench.ask("/api" + EDIT, asked, headers=MULTIPART)

    assert (200, ANSWER) == (reply.status, reply.json)
    (request,) = there.asked
    assert (EDIT, MULTIPART["content-type"]) == (request.path, request.headers["content-type"])
    assert asked.replace(b"\r\n\r\nm\r\n", b"\r\n\r\ngpt-image-2\r\n") == request.body


async def test_a_form_says_how_many_images_are_paid(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")), m=by_the_piece())
        bench.balances = {f"user:{USER}": 79_999_999}
        refused = await bench.ask(EDIT, form(*PARTS), headers=MULTIPART)
        one = [part for part in PARTS if part[0] != 'name="n"']
        served = await bench.ask(EDIT, form(*one), headers=MULTIPART)

    assert (402, 200, 1) == (refused.status, served.status, len(there.asked))
    assert [40_000_000] == [charged.charge_nano for charged in await bench.charged()]


async def test_what_is_ours_in_a_form_stays_here(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")))
        asked = form(('name="max_multiplier"', b"1.5"), *PARTS)
        reply = await bench.ask(EDIT, asked, headers=MULTIPART)
        dear = await bench.ask(EDIT, form(*PARTS, ('name="max_multiplier"', b"0.5")), headers=MULTIPART)

    assert (200, 404) == (reply.status, dear.status)
    assert [form(*PARTS)] == [request.body for request in there.asked]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        form(*PARTS)[:-10],
        b"preamble\r\n" + form(*PARTS),
        form(*PARTS) + b"more",
        form(*PARTS, ('name="model"', b"other")),
        form(*PARTS, ('name="model"; filename="x"', b"other")),
        form(*PARTS, ('name="prompt[]"', b"other")),
        form(('name="model"; filename="m"', b"m"), *PARTS[1:]),
        form(*PARTS, ('name="x"; name="model"', b"other")),
        form(*PARTS, ('name="x\\"; name=\\"model"', b"other")),
        form(*PARTS, ('name="image"; filename="a\\"; name=\\"model"', b"other")),
        form(*PARTS, ('name="x"\r\nContent-Disposition: form-data; name="model"', b"other")),
        form(*PARTS, ('name="x"\r\n ; name="model"', b"other")),
        form(*PARTS, ('name="x"\r\nContent-Transfer-Encoding: base64', b"b3RoZXI=")),
        form(*PARTS, (f'name="x"; filename="{"a" * 5000}"', b"")),
        form(*PARTS, *((f'name="p{place}"', b"") for place in range(64))),
        form(*PARTS, ('name="x"', b"\xff")),
        form(*PARTS, ('name="x"', b"a" * 300_000)),
        form(*PARTS).replace(b"--x-y\r\n", b"--x-yz\r\n", 1),
        form(*PARTS).replace(b"--x-y\r\n", b"--x-y \r\n", 1),
        form(*PARTS).replace(b"\r\n", b"\n"),
        form(*(part for part in PARTS if part[0] != 'name="model"')),
        form(*PARTS, ('name="stream"', b"true")),
        form(*(part for part in PARTS if part[0] != 'name="n"'), ('name="n"', b"1000000")),
    ],
    ids=[
        "nothing",
        "json",
        "no end",
        "something before",
        "something after",
        "two models",
        "a model as a file",
        "two prompts",
        "the model is a file",
        "two names",
        "an escaped name",
        "an escaped file name",
        "two dispositions",
        "a folded head",
        "base64",
        "a long head",
        "many parts",
        "no utf-8",
        "a long text",
        "another boundary",
        "a padded boundary",
        "bare line feeds",
        "no model",
        "a stream",
        "too many images",
    ],
)
async def test_a_form_that_two_could_read_differently_is_refused(bench: Bench, body: bytes):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m", "other")))
        reply = await bench.ask(EDIT, body, headers=MULTIPART)

    assert (400, []) == (reply.status, there.asked)
    assert "invalid_request_error" == reply.json["error"]["type"]
    assert [] == await bench.charged()


@pytest.mark.parametrize(
    "type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=a; boundary=x-y",
        'multipart/form-data; boundary="x-y',
        f"multipart/form-data; boundary={'x' * 71}",
        "multipart/mixed; boundary=x-y",
    ],
)
async def test_a_form_says_by_one_boundary_that_it_is_one(bench: Bench, type: str):
    bench.offer(provider(channel("", "echo", "m")))
    assert 400 == (await bench.ask(EDIT, form(*PARTS), headers={"content-type": type})).status


@every_wish
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_who_only_talks_is_drawn_for_too(bench: Bench, wish: Wish, stream: bool):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", offers={"m": Offer("gpt-image-2")})))
        path = wish.stream_path if stream else wish.path
        reply = await bench.ask(path, wish.body("A cat", stream=stream))

    assert (200, True) == (reply.status, reply.is_over)
    (request,) = there.asked
    assert (DRAW, {"model": "gpt-image-2", "prompt": "A cat"}) == (request.path, request.json)
    # Also where an answer has no images: there it is one in Markdown.
    assert b"QUJD" in reply.body
    assert not stream or wish.end in reply.chunks[-1].decode()
    (charged,) = await bench.charged()
    assert (50 * 1_000 + 4_000 * 2_000, False) == (charged.charge_nano, charged.is_estimated)
    assert (0, 0) == await bench.held()


async def test_who_talks_about_an_image_has_it_changed(bench: Bench):
    data = base64.b64encode(PNG).decode()
    content = [
        {"type": "text", "text": "Make it blue"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    ask = {"model": "m", "messages": [{"role": "user", "content": content}], "quality": "high"}
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")))
        reply = await bench.ask("/v1/chat/completions", ask)

    (request,) = there.asked
    assert (200, EDIT) == (reply.status, request.path)
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in (b'name="model"\r\n\r\nm\r\n', b'name="quality"\r\n\r\nhigh\r\n', b"Make it blue", PNG):
        assert part in request.body
    images = reply.json["choices"][0]["message"]["images"]
    assert ["data:image/webp;base64,QUJD"] == [image["image_url"]["url"] for image in images]


async def test_what_cannot_be_drawn_in_a_conversation_is_told_and_costs_nothing(bench: Bench):
    far = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,%%%"}}
    silent = [{"role": "system", "content": "Draw."}]
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")))
        for messages in (
            [{"role": "user", "content": [{"type": "text", "text": "Change it"}, far]}],
            [{"role": "user", "content": [{"type": "text", "text": "Change it"}, broken]}],
            silent,
        ):
            reply = await bench.ask("/v1/chat/completions", {"model": "m", "messages": messages})
            assert (400, "invalid_request_error") == (reply.status, reply.json["error"]["type"])

    assert [] == there.asked
    assert [0, 0, 0] == [charged.charge_nano for charged in await bench.charged()]


async def test_a_conversation_holds_for_the_image_that_it_may_become(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")), m=by_the_piece())
        bench.balances = {f"user:{USER}": 39_999_999}
        reply = await bench.ask("/v1/responses", {"model": "m", "input": "A cat"})

    assert (402, []) == (reply.status, there.asked)


async def test_the_built_in_model_draws(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    first, again = [
        await bench.ask(DRAW, {"model": "m", "prompt": prompt, "n": 2}) for prompt in ("A red cat", "A red cat")
    ]
    edited = await bench.ask(EDIT, form(*PARTS), headers=MULTIPART)
    pictures = [base64.b64decode(each["b64_json"]) for each in first.json["data"]]

    assert (200, first.json["data"], 2) == (first.status, again.json["data"], len(edited.json["data"]))
    assert 2 == len(set(pictures))
    assert all(picture.startswith(b"\x89PNG\r\n\x1a\n") for picture in pictures)
    assert 502 == (await bench.ask(DRAW, {"model": "m", "prompt": "/fail 503"})).status
    assert 400 == (await bench.ask(DRAW, {"model": "m"})).status


async def test_a_stream_of_a_drawing_has_all_of_it_in_one_event(bench: Bench):
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "openai_image", "m")))
        reply = await bench.ask("/v1/chat/completions", WISHES["chat"].body("A cat", stream=True))

    told = [frame["choices"][0]["delta"].get("images") for frame in frames(reply.body) if frame != "[DONE]"]
    assert ["data:image/webp;base64,QUJD"] == [images[0]["image_url"]["url"] for images in told if images]
