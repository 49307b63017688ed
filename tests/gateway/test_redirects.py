"""Which model is meant: redirects of keys and of the house, and the ceiling that a request sets itself."""

import json

import msgspec
import pytest
from gateway.wishes import WISHES, Wish, chat, gemini
from support.gateway import Bench, change, channel, provider
from support.provider import Asked, Said, in_json, serving

from monoize.contract.names import redirected
from monoize.contract.snapshot import MULTIPLIER_ONE, Offer, Redirect
from monoize.gateway.json_body import without

PATH = "/v1/chat/completions"
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}


def house_rules(bench: Bench, *rules: Redirect) -> None:
    bench.snapshot = msgspec.structs.replace(bench.snapshot, redirects=rules)


def test_the_first_rule_that_matches_all_of_a_name_says_what_is_meant_and_no_other_is_asked():
    own = [Redirect("gpt-4.*", "gpt-5"), Redirect("gpt-4o", "never")]
    house = [Redirect("gpt-5", "chained"), Redirect("claude-.*", r"\1.*")]

    assert "gpt-5" == redirected("gpt-4o", own, house)
    assert "chained" == redirected("gpt-5", own, house)
    assert r"\1.*" == redirected("claude-3", own, house)
    assert "my-gpt-4" == redirected("my-gpt-4", own, house)


async def test_redirects_of_a_key_come_before_those_of_the_house(bench: Bench):
    bench.offer(provider(channel("", "echo", "own", "house")))
    house_rules(bench, Redirect("old-.*", "house"))
    change(bench, models=frozenset({"own", "house"}))
    assert 200 == (await bench.ask(PATH, chat("hello", model="old-1"))).status
    change(bench, redirects=(Redirect("old-1", "own"),), models=frozenset({"own"}))
    assert 200 == (await bench.ask(PATH, chat("hello", model="old-1"))).status
    assert 403 == (await bench.ask(PATH, chat("hello", model="old-2"))).status


async def test_the_models_of_a_key_may_be_globs(bench: Bench):
    bench.offer(provider(channel("", "echo", "gpt-5", "gpt-5-mini", "claude")))
    change(bench, models=frozenset({"gpt-*", "cl?ude-*"}))
    statuses = [(await bench.ask(PATH, chat("hello", model=name))).status for name in ("gpt-5", "gpt-x", "claude")]
    listed = (await bench.ask("/v1/models", method="GET")).json

    assert [200, 404, 403] == statuses
    assert ["gpt-5", "gpt-5-mini"] == [model["id"] for model in listed["data"]]


async def test_googles_address_is_redirected_too(bench: Bench):
    bench.offer(provider(channel("", "echo", "m")))
    house_rules(bench, Redirect("gemini-.*", "m"))

    assert 200 == (await bench.ask("/v1beta/models/gemini-2.5-pro:generateContent", gemini("hello"))).status


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
async def test_a_request_may_lower_the_ceiling_of_its_key_and_not_raise_it(bench: Bench, wish: Wish):
    bench.offer(provider(channel("", "echo", offers={"m": Offer("m", MULTIPLIER_ONE * 3 // 2)})))

    async def status(most: str | None, header: str | None = None) -> int:
        body = wish.body("hello") | ({} if most is None else {"max_multiplier": most})
        headers = {} if header is None else {"X-Max-Multiplier": header}
        return (await bench.ask(wish.path, body, headers=headers)).status

    assert [200, 404, 200] == [await status(None), await status("1.499999999"), await status("1.5")]
    assert [404, 200, 200] == [await status(None, "1"), await status(None, "2"), await status("2", "1")]
    change(bench, multiplier_most=MULTIPLIER_ONE)
    assert [404, 404] == [await status("9"), await status(None, "9")]


@pytest.mark.parametrize("said", [1, 1.5, True, "", "1e3", "-1", " 1", "0.1234567891", ["1"], {}])
async def test_a_ceiling_that_is_no_decimal_text_is_refused(bench: Bench, said: object):
    bench.offer(provider(channel("", "echo", "m")))
    reply = await bench.ask(PATH, chat("hello", max_multiplier=said))

    assert (400, "max_multiplier") == (reply.status, reply.json["error"]["param"])


async def test_the_ceiling_is_not_sent_on_and_nothing_else_is_touched(bench: Bench):
    rest = b'"messages": [ {"role":"user","content":"\\u00e9"} ],"model":"m" ,"zz":1.50}'
    async with serving(in_json(ANSWER)) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        for body in (b'{"max_multiplier" : "2" , ' + rest, b"{" + rest[:-1] + b', "max_multiplier":"2"}'):
            assert 200 == (await bench.ask(PATH, body)).status
        sent = [asked.body for asked in there.asked]

    assert [b"{ " + rest, b"{" + rest] == sent


@pytest.mark.parametrize(
    "text", ['{"a":1}', '{ "a" : 1 }', '{"a":1,"b":2}', '{"b":[{"a":3}] , "a":1}', '{"b":1,"a":"}","c":","}']
)
def test_a_member_is_taken_out_of_a_body(text: str):
    whole = json.loads(text)
    del whole["a"]
    assert whole == json.loads(without(text.encode(), "a"))


async def test_no_channel_of_another_protocol_hears_of_the_ceiling(bench: Bench):
    def answer(asked: Asked) -> Said:
        return in_json(ANSWER)

    async with serving(answer) as there:
        bench.offer(provider(channel(there.base_url, "chat_completion", "m")))
        for wish in WISHES.values():
            assert 200 == (await bench.ask(wish.path, wish.body("hello", max_multiplier="2"))).status

    assert all("max_multiplier" not in asked.json for asked in there.asked)
