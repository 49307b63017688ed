"""Every caller's protocol against every channel's, whole and as a stream, through the gateway.

What is expected is said once for each row, in `grid/scenarios`; what may get lost on the way is said in
`grid/losses`. How each protocol writes and reads it is written by hand in the modules of its name, and what callers
receive is judged by the official SDKs' own types.
"""

import dataclasses
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from gateway.grid import losses
from gateway.grid.chat import CHAT
from gateway.grid.gemini import GEMINI
from gateway.grid.meaning import Answered, Asked, Call, Name, Outcome, Used, renamed
from gateway.grid.scenarios import SCENARIOS, Scenario
from gateway.grid.street import TONGUES, forwarded, logged, said_in, through, wire_of
from gateway.grid.tongue import Tongue
from support.gateway import Bench, Reply, open_bench

pytestmark = pytest.mark.asyncio(loop_scope="module")
every_scenario = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
every_caller = pytest.mark.parametrize("caller", TONGUES.values(), ids=TONGUES)
every_upstream = pytest.mark.parametrize("upstream", TONGUES.values(), ids=TONGUES)
both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """One for all: whatever is asked here leaves nothing behind."""
    async with open_bench(tmp_path_factory.mktemp("grid") / "spool") as opened:
        yield opened


@every_scenario
@every_caller
@every_upstream
@both_ways
async def test_all_is_asked_and_understood_that_can_be_said(
    bench: Bench, scenario: Scenario, caller: Tongue, upstream: Tongue, stream: bool
):
    wished = losses.wished(scenario.asked, caller.name)
    told = losses.told(scenario.answered, upstream.name, stream=stream)
    body, wire = caller.ask(wished, stream), wire_of(upstream, told, stream=stream)
    sent, reply = await through(bench, caller, upstream, body, said_in(wire, stream=stream), stream=stream)

    assert 200 == reply.status, reply.body
    if caller is upstream:
        assert forwarded(body, upstream) == sent.body
        assert b"".join(wire) == reply.body
        assert _asked(wished) == _asked(upstream.asked(sent.json))
    else:
        own_words = dataclasses.replace(wished, lines=losses.unsealed(wished.lines))
        assert _asked(losses.taken(own_words, upstream.name)) == _asked(upstream.asked(sent.json))
    heard = _heard(caller, reply, stream=stream)
    assert _answered(losses.understood(told, caller.name, upstream.name, stream=stream)) == _answered(heard)
    # A provider of Gemini need not name its calls; who does sees the names again.
    assert upstream is GEMINI or _names(told) == _names(heard)
    assert losses.charged(told.used, upstream.name) == await _charged(bench, reply)


@every_caller
@every_upstream
@both_ways
async def test_a_tool_loop_goes_on_with_what_was_heard(
    bench: Bench, caller: Tongue, upstream: Tongue, stream: bool
):
    """Whoever says again what it heard gives the provider back what that had sealed, where both can say it."""
    scenario = SCENARIOS["a thought and a call"]
    told = losses.told(scenario.answered, upstream.name, stream=stream)
    said = said_in(wire_of(upstream, told, stream=stream), stream=stream)
    body = caller.ask(losses.wished(scenario.asked, caller.name), stream)
    _, reply = await through(bench, caller, upstream, body, said, stream=stream)
    answer = caller.gathered(reply.body) if stream else reply.json
    outcomes = [Outcome(name, "It rains.") for name in _names(caller.heard(answer))]
    body = caller.go_on(body, answer, outcomes)
    sent, _ = await through(bench, caller, upstream, body, said, stream=stream)

    if caller is upstream:
        assert forwarded(body, upstream) == sent.body
        return
    heard = losses.understood(told, caller.name, upstream.name, stream=stream)
    outcomes = [Outcome(name, "It rains.") for name in _names(heard)]
    lines = (*scenario.asked.lines, *losses.replayed(heard, caller.name), *(("tool", each) for each in outcomes))
    expected = losses.taken(dataclasses.replace(scenario.asked, lines=lines), upstream.name)
    assert _asked(expected) == _asked(upstream.asked(sent.json))


@every_upstream
async def test_usage_in_a_chat_is_told_only_to_those_who_ask_for_it(bench: Bench, upstream: Tongue):
    scenario = SCENARIOS["use of a cache"]
    told = losses.told(scenario.answered, upstream.name, stream=True)
    body, wire = CHAT.ask(scenario.asked, True), wire_of(upstream, told, stream=True)
    options = body.pop("stream_options")
    sent, reply = await through(bench, CHAT, upstream, body, said_in(wire, stream=True), stream=True)

    assert CHAT.heard(CHAT.gathered(reply.body)).used is None
    assert losses.charged(told.used, upstream.name) == await _charged(bench, reply)
    if upstream is CHAT:
        assert {**body, "model": upstream.model, "stream_options": options} == sent.json
        assert sent.body.startswith(forwarded(body, upstream).removesuffix(b"\n}"))
        assert b"".join(frame for frame in wire if b'"usage"' not in frame) == reply.body


@every_upstream
@pytest.mark.parametrize("name", ["words", "a thought and a call", "silence"])
async def test_a_stream_of_google_without_sse_is_an_array_of_the_same(bench: Bench, upstream: Tongue, name: str):
    scenario = SCENARIOS[name]
    told = losses.told(scenario.answered, upstream.name, stream=True)
    said = said_in(wire_of(upstream, told, stream=True), stream=True)
    body, path = (
        GEMINI.ask(losses.wished(scenario.asked, "gemini"), True),
        GEMINI.stream_path.removesuffix("?alt=sse"),
    )
    _, reply = await through(bench, GEMINI, upstream, body, said, stream=True, path=path)

    chunks = b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in reply.json)
    understood = losses.understood(told, "gemini", upstream.name, stream=True)
    assert _answered(understood) == _answered(GEMINI.heard(GEMINI.gathered(chunks)))


@pytest.mark.parametrize("name", ["responses", "messages", "gemini"])
@both_ways
async def test_who_knows_functions_only_is_told_of_one(bench: Bench, name: Name, stream: bool):
    """The way before tools, which some clients still go."""
    upstream = TONGUES[name]
    scenario = SCENARIOS["a call"]
    told = losses.told(scenario.answered, upstream.name, stream=stream)
    body = CHAT.ask(scenario.asked, stream)
    body["functions"] = [tool["function"] for tool in body.pop("tools")]
    body["function_call"] = body.pop("tool_choice")["function"]
    said = said_in(wire_of(upstream, told, stream=stream), stream=stream)
    sent, reply = await through(bench, CHAT, upstream, body, said, stream=stream)

    assert _asked(losses.taken(scenario.asked, upstream.name)) == _asked(upstream.asked(sent.json))
    assert b"tool_calls" not in reply.body
    understood = losses.understood(told, "chat", upstream.name, stream=stream)
    assert _answered(understood) == _answered(_heard(CHAT, reply, stream=stream))


def _heard(caller: Tongue, reply: Reply, *, stream: bool) -> Answered:
    return caller.heard(caller.gathered(reply.body) if stream else reply.json)


def _asked(asked: Asked) -> Asked:
    parts = renamed([part for _, part in asked.lines])
    lines = tuple((who, part) for (who, _), part in zip(asked.lines, parts, strict=True))
    return dataclasses.replace(asked, lines=lines)


def _answered(answered: Answered) -> Answered:
    return dataclasses.replace(answered, parts=renamed(answered.parts))


def _names(answered: Answered) -> list[str]:
    return [part.id for part in answered.parts if isinstance(part, Call)]


async def _charged(bench: Bench, reply: Reply) -> Used:
    log = await logged(bench, reply)
    assert "success" == log.status
    return Used(
        log.input_tokens, log.output_tokens, log.cache_read_tokens, log.cache_creation_tokens, log.reasoning_tokens
    )
