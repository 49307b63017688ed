"""Where a conversation goes again: which one it is, how long it stays, and what ends it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from gateway.test_money import ANSWER, DONE, FINISH, chunk
from gateway.wishes import chat, responses
from support.gateway import Bench, channel, provider
from support.provider import in_events, in_json, serving

from monoize.contract.grant import Grant
from monoize.contract.snapshot import Affinity as Wanted
from monoize.contract.snapshot import Channel, Provider, Snapshot
from monoize.gateway.affinity import BINDINGS_MOST, Affinity, Conversation, conversation, stored_answer
from monoize.gateway.selection import Attempt, offers_of

GRANT = Grant(key_id="k", user_id="u", tenant_id="t", username="somebody")
PATH = "/v1/chat/completions"
KNOWN = Conversation(b"one")
USUAL = Wanted()


def attempts(*providers: Provider) -> list[Attempt]:
    return list(offers_of(Snapshot(1, providers), GRANT, "m").attempts)


def bound(wanted: Wanted | None = USUAL) -> Channel:
    return channel("", "echo", "m", affinity=wanted)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def test_a_conversation_goes_where_it_was_answered_until_nobody_went_on_for_a_while():
    first, second = attempts(provider(bound(), bound()))
    affinity = Affinity()
    assert affinity.preferred(KNOWN, [first, second], 0) is None
    affinity.bind(KNOWN, second, 0)
    assert second is affinity.preferred(KNOWN, [first, second], 1_799)
    affinity.bind(KNOWN, second, 1_799)
    assert second is affinity.preferred(KNOWN, [first, second], 3_598)
    assert affinity.preferred(KNOWN, [first, second], 3_599) is None
    assert affinity.preferred(Conversation(b"two"), [first, second], 0) is None


def test_a_channel_that_is_not_there_any_more_or_failed_lets_it_go():
    first, second = attempts(provider(bound(), bound()))
    for end in ("absent", "failed", "changed", "off"):
        affinity = Affinity()
        affinity.bind(KNOWN, second, 0)
        match end:
            case "absent":
                assert affinity.preferred(KNOWN, [first], 1) is None
            case "failed":
                affinity.let_go(KNOWN, first)
                assert second is affinity.preferred(KNOWN, [first, second], 1)
                affinity.let_go(KNOWN, second)
            case "changed":
                newer = msgspec.structs.replace(second.provider, revision=2)
                changed = msgspec.structs.replace(second, provider=newer)
                assert affinity.preferred(KNOWN, [first, changed], 1) is None
            case "off":
                off = msgspec.structs.replace(second.channel, affinity=None)
                assert affinity.preferred(KNOWN, [msgspec.structs.replace(second, channel=off)], 1) is None
        assert affinity.preferred(KNOWN, [first, second], 1) is None


def test_a_channel_without_affinity_binds_nothing():
    first, second = attempts(provider(bound(), bound(None)))
    affinity = Affinity()
    affinity.bind(KNOWN, next(each for each in (first, second) if each.channel.affinity is None), 0)

    assert affinity.preferred(KNOWN, [first, second], 0) is None


def test_it_goes_back_to_a_provider_that_comes_before_where_that_is_wanted():
    back = Wanted(mode="prefer_higher_priority", failback_s=300)
    first, second, third = attempts(provider(bound(back)), provider(bound(back), bound(back)))
    affinity = Affinity()
    affinity.bind(KNOWN, third, 0)
    affinity.bind(KNOWN, third, 200)
    assert third is affinity.preferred(KNOWN, [first, second, third], 299)
    assert affinity.preferred(KNOWN, [first, second, third], 300) is None
    # Within its own provider nobody comes before.
    assert third is affinity.preferred(KNOWN, [second, third], 300)
    # What only one account has is there for as long as it is asked for.
    stored = stored_answer(GRANT, "resp_1")
    affinity.bind(stored, third, 0)
    assert third is affinity.preferred(stored, [first, second, third], 300)


def test_there_are_only_so_many_and_those_that_are_known_stay():
    (first,) = attempts(provider(bound()))
    affinity = Affinity()
    for number in range(BINDINGS_MOST):
        affinity.bind(Conversation(b"%d" % number), first, 100)
    affinity.bind(KNOWN, first, 100)
    assert affinity.preferred(KNOWN, [first], 100) is None
    affinity.bind(Conversation(b"0"), first, 1_000)
    affinity.bind(KNOWN, first, 1_900)
    assert first is affinity.preferred(KNOWN, [first], 1_900)
    assert first is affinity.preferred(Conversation(b"0"), [first], 1_900)
    assert affinity.preferred(Conversation(b"1"), [first], 1_900) is None


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({"messages": [user("a")]}, {"messages": [user("a"), assistant("b"), user("c")]}, True),
        ({"messages": [user("a")]}, {"messages": [user("b")]}, False),
        ({"messages": [user("a")]}, {"messages": [user("a"), user("b")]}, False),
        ({"input": "a"}, {"input": "a", "temperature": 1}, True),
        ({"input": [user("a")]}, {"input": [user("a"), {"type": "function_call", "name": "f"}]}, True),
        ({"contents": [user("a")]}, {"contents": [user("a"), {"role": "model", "parts": []}]}, True),
        ({"user": "x", "input": "a"}, {"user": "x", "input": "b"}, True),
        ({"user": "x", "session_id": "1"}, {"user": "x", "session_id": "2"}, True),
        ({"session_id": "1"}, {"session_id": "2"}, False),
        ({"session_id": "1"}, {"thread_id": "1"}, False),
        ({"metadata": {"user_id": "x"}, "messages": [user("a")]}, {"metadata": {"user_id": "x"}}, True),
        ({"conversation": "c"}, {"conversation": {"id": "c"}}, True),
        ({"prompt_cache_key": "p", "input": "a"}, {"prompt_cache_key": "p", "input": "b"}, True),
        ({"previous_response_id": "r", "user": "x"}, {"previous_response_id": "r", "user": "y"}, True),
    ],
)
def test_a_conversation_is_known_by_its_name_or_by_how_it_begins(
    one: Mapping[str, Any], other: Mapping[str, Any], is_same: bool
):
    assert is_same == (conversation(GRANT, "m", dict(one)) == conversation(GRANT, "m", dict(other)))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": [assistant("a")]},
        {"messages": ["a"]},
        {"messages": {"role": "user"}},
        {"input": ""},
        {"user": "", "metadata": []},
        {"user": "x" * 2_000},
        {"request_id": "r", "id": "i", "metadata": {"request_id": "r"}},
    ],
)
def test_a_request_that_says_nothing_of_it_is_of_no_conversation(body: dict[str, Any]):
    assert conversation(GRANT, "m", body) is None


def test_no_two_keys_and_no_two_models_share_a_conversation():
    body = {"user": "x"}
    found = {
        conversation(GRANT, "m", body),
        conversation(GRANT, "n", body),
        conversation(msgspec.structs.replace(GRANT, key_id="l"), "m", body),
    }
    assert 3 == len(found)


async def test_what_goes_on_goes_to_the_same_channel_and_chance_spreads_the_others(bench: Bench):
    async with serving(in_json(ANSWER)) as one, serving(in_json(ANSWER)) as other:
        bench.offer(
            provider(*(channel(each.base_url, "chat_completion", "m", affinity=Wanted()) for each in (one, other)))
        )
        for _ in range(20):
            await bench.ask(PATH, chat("hello", user="somebody"))
        assert {0, 20} == {len(one.asked), len(other.asked)}
        for number in range(40):
            await bench.ask(PATH, chat(f"hello {number}"))
        assert one.asked and other.asked


async def test_a_failure_sends_it_elsewhere_and_there_it_stays(bench: Bench):
    async with serving(in_json(ANSWER)) as one, serving(in_json(ANSWER)) as other:
        channels = [channel(each.base_url, "chat_completion", "m", affinity=Wanted()) for each in (one, other)]
        bench.offer(*(provider(each) for each in channels))
        one.answer = lambda _: in_json({}, 503)
        await bench.ask(PATH, chat("hello"))
        one.answer = lambda _: in_json(ANSWER)
        for _ in range(5):
            assert 200 == (await bench.ask(PATH, chat("hello"))).status

    assert (1, 6) == (len(one.asked), len(other.asked))


async def test_after_a_failure_of_all_it_is_begun_anew(bench: Bench):
    down = in_json({}, 503)
    async with serving(down) as one, serving(in_json(ANSWER)) as other:
        channels = [channel(each.base_url, "chat_completion", "m", affinity=Wanted()) for each in (one, other)]
        bench.offer(*(provider(each) for each in channels))
        for expected, first, second in (
            (200, down, in_json(ANSWER)),
            (502, down, down),
            (200, in_json(ANSWER), down),
        ):
            one.answer, other.answer = (lambda _, said=first: said), (lambda _, said=second: said)
            assert expected == (await bench.ask(PATH, chat("hello"))).status

    # The last time nobody knew of the other any more.
    assert 2 == len(other.asked)


@pytest.mark.parametrize("cut", [False, True], ids=["complete", "cut"])
async def test_only_a_stream_that_was_complete_binds(bench: Bench, cut: bool):
    begun = chunk(role="assistant", content="Yes.")
    stream = in_events(begun, cut=True) if cut else in_events(begun, FINISH, DONE)
    async with serving(stream) as one, serving(stream) as other:
        channels = [channel(each.base_url, "chat_completion", "m", affinity=Wanted()) for each in (one, other)]
        bench.offer(provider(*channels))
        for _ in range(30):
            await bench.ask(PATH, chat("hello", stream=True))

    assert cut == (0 not in (len(one.asked), len(other.asked)))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_goes_on_from_a_stored_answer_goes_to_the_account_that_has_it(bench: Bench, stream: bool):
    def told(id: str) -> Any:
        answer = {"id": id, "object": "response", "status": "completed", "model": "m", "output": []}
        if not stream:
            return in_json(answer)
        created = {
            "type": "response.created",
            "sequence_number": 0,
            "response": {**answer, "status": "in_progress"},
        }
        ended = {"type": "response.completed", "sequence_number": 1, "response": answer}
        return in_events(*(b"data: " + msgspec.json.encode(event) + b"\n\n" for event in (created, ended)))

    async with serving(told("resp_one")) as one, serving(told("resp_other")) as other:
        bench.offer(
            provider(*(channel(each.base_url, "responses", "m", affinity=Wanted()) for each in (one, other)))
        )
        for number in range(12):
            reply = await bench.ask("/v1/responses", responses(f"hello {number}", stream=stream))
            id = "resp_one" if b"resp_one" in reply.body else "resp_other"
            again = await bench.ask("/v1/responses", responses("and?", stream=stream, previous_response_id=id))
            assert id.encode() in again.body


async def test_where_nobody_wants_it_nothing_is_remembered(bench: Bench):
    async with serving(in_json(ANSWER)) as one, serving(in_json(ANSWER)) as other:
        bench.offer(provider(*(channel(each.base_url, "chat_completion", "m") for each in (one, other))))
        for _ in range(40):
            await bench.ask(PATH, chat("hello", user="somebody"))

    assert one.asked and other.asked
