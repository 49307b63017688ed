"""Which channels are left alone, and what does not count for or against them."""

import asyncio

import msgspec
from gateway.test_money import ANSWER
from gateway.wishes import chat
from support.gateway import Bench, channel, provider
from support.provider import Said, in_json, serving

from monoize.contract.snapshot import Breaker, Offer, Provider
from monoize.gateway.health import KNOWN_MOST, TRIAL_MOST_S, Health, Place

BREAKER = Breaker(failures=2, window_s=30, cooldown_s=60, rate_limit_cooldown_s=15)
PLACE = Place("c", None)
PATH = "/v1/chat/completions"


def fail(health: Health, *moments_s: float, place: Place = PLACE, is_rate_limit: bool = False) -> None:
    for moment_s in moments_s:
        health.failed(place, BREAKER, moment_s, is_rate_limit=is_rate_limit)


def test_failures_that_lie_apart_are_no_reason_to_rest():
    health = Health()
    fail(health, 0, 31, 62)
    assert health.is_available(PLACE, 62)
    fail(health, 63)
    assert not health.is_available(PLACE, 63)


def test_a_rate_limit_is_a_shorter_rest():
    health = Health()
    fail(health, 0, 1, is_rate_limit=True)
    assert (False, True) == (health.is_available(PLACE, 15.9), health.is_available(PLACE, 16))


def test_one_tries_it_when_its_rest_is_over_and_the_others_wait_for_that():
    health = Health()
    fail(health, 0, 0)
    assert [] == health.to_probe(59)
    assert [PLACE] == health.to_probe(60)
    health.begins(PLACE, 60)
    assert [] == health.to_probe(60)
    assert not health.is_available(PLACE, 60 + TRIAL_MOST_S - 0.1)
    assert health.is_available(PLACE, 60 + TRIAL_MOST_S)
    health.begins(PLACE, 100)
    health.ended(PLACE)
    assert health.is_available(PLACE, 100)
    fail(health, 100)
    assert not health.is_available(PLACE, 159)
    health.succeeded(PLACE)
    assert health.is_available(PLACE, 101)


def test_a_channel_that_recovered_did_so_with_all_its_models_and_no_other_channel():
    health = Health()
    for place in (Place("c", "a"), Place("c", "b", 7), Place("d", "a")):
        fail(health, 0, 0, place=place)
    health.recovered("c")

    assert [Place("d", "a")] == health.resting(1)


def test_what_was_found_out_at_one_revision_says_nothing_of_another():
    health = Health()
    old, new = Place("c", None, 1), Place("c", None, 2)
    fail(health, 0, 0, place=old)
    assert (False, True) == (health.is_available(old, 1), health.is_available(new, 1))
    fail(health, 0, 0, place=new)
    health.succeeded(old)
    assert not health.is_available(new, 1)


def test_of_too_many_that_fail_the_one_that_failed_longest_ago_is_forgotten():
    health = Health()
    for number in range(KNOWN_MOST + 1):
        fail(health, 0, 0, place=Place(str(number), None))

    assert health.is_available(Place("0", None), 1)
    assert not health.is_available(Place("1", None), 1)


async def test_a_request_that_began_before_a_change_decides_nothing_after_it(bench: Bench):
    slow = Said(503, b"{}", {"content-type": "application/json"}, wait_s=0.3)
    breaker = Breaker(failures=1, cooldown_s=60)
    async with serving(slow) as there:
        made = channel(there.base_url, "chat_completion", offers={"m": Offer("m")}, breaker=breaker)
        before = provider(made)
        bench.offer(before)
        asking = asyncio.ensure_future(bench.ask(PATH, chat("hello")))
        await asyncio.sleep(0.1)
        bench.offer(revised(before))
        assert 502 == (await asking).status
        there.answer = lambda _: in_json(ANSWER)
        assert 200 == (await bench.ask(PATH, chat("hello"))).status


def revised(before: Provider) -> Provider:
    return msgspec.structs.replace(before, revision=before.revision + 1)
