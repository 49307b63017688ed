"""One conversation in the words of each protocol, as any client would send it."""

import json
import shlex

import pytest

from monoize.dashboard.conversing.requests import PROTOCOLS, Prompt, wired
from monoize.dashboard.conversing.turns import Answered, Result, Returned, Said
from monoize.gateway.protocol.urp import Tool, ToolCall

TURNS = [
    Said("how is it there?"),
    Answered("I shall look.", calls=(ToolCall(call_id="call_1", name="weather", arguments='{"place": "Oslo"}'),)),
    Returned((Result("call_1", "weather", "sunny"),)),
    Said("and tomorrow?"),
]
TOOL = Tool(name="weather", description="of a place", parameters={"type": "object", "properties": {}})


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_all_that_was_said_is_sent_in_its_order(protocol):
    asked = wired(Prompt(protocol, "be brief", 77, [TOOL]), "some-model", TURNS)

    sent = json.dumps(asked.body)
    every = ("how is it there?", "I shall look.", "Oslo", "sunny", "and tomorrow?")
    assert sorted(every, key=sent.index) == list(every)
    assert all(word in sent for word in ("be brief", "77", "of a place"))
    assert "some-model" in asked.path + sent
    # The gateway reads in it what was meant.
    read = Prompt(protocol).dialect.decode_request(asked.body)
    assert ["weather"] == [tool.name for tool in read.tools if isinstance(tool, Tool)]
    assert 77 == read.max_output_tokens


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_curl_sends_the_very_same(protocol):
    asked = wired(Prompt(protocol), "a'b\n$(x)", [Said("it's `me`\n$HOME")])

    words = shlex.split(asked.curl("https://monoize.test").replace("\\\n", ""))
    assert f"https://monoize.test{asked.path}" == words[2]
    assert asked.body == json.loads(words[-1])
