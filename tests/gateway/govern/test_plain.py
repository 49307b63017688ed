"""What looks like plain words holds nothing that was fetched, in whichever protocol."""

import json

import pytest
from gateway.wishes import WISHES, Wish
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import requests

from monoize.gateway.dialects import CHAT, GEMINI, MESSAGES, RESPONSES
from monoize.gateway.govern.plain import is_plain
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.urp import Audio, File, Image, ProviderItem, ToolResult

DIALECTS = {dialect.name: dialect for dialect in (CHAT, RESPONSES, MESSAGES, GEMINI)}


@pytest.mark.parametrize("name", DIALECTS)
@at_leisure
@given(data=st.data())
def test_a_plain_conversation_has_no_results_files_or_addresses(name, data):
    dialect = DIALECTS[name]
    try:
        written = dialect.encode_request(data.draw(requests(name)), model="m", stream=False)
    except BadRequest:
        return
    body = json.loads(json.dumps(written))
    if is_plain(name, body):
        nodes = dialect.decode_request({"model": "m", **body}).input
        assert not [each for each in nodes if isinstance(each, ToolResult | File | Image | Audio | ProviderItem)]


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_words_are_plain(wish: Wish):
    name = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}
    assert is_plain(name.get(wish.path, "gemini"), wish.body("hello"))
