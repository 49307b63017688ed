"""What callers write is understood, or refused with the place where it is wrong."""

import pytest

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.messages.request_in import decode_request


def test_depth_is_no_danger():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    call_block = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": deep}}
    with pytest.raises(BadRequest, match="too deeply"):
        decode_request({"model": "m", "messages": [{"role": "assistant", "content": [call_block]}]})
    decode_request({"model": "m", "messages": [{"role": "user", "content": "x"}], "deep": deep})


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages[0].content[0].source"),
        ({"system": 1}, "system"),
        ({"max_tokens": "1"}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"stream": 1}, "stream"),
        ({"stop_sequences": [1]}, "stop_sequences[0]"),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tools": [{"input_schema": {}}]}, "tools[0].name"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"thinking": {"type": "hard"}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_schema"}}}, "output_config.format.schema"),
        ({"metadata": {"user_id": 1}}, "metadata.user_id"),
    ],
)
def test_what_is_wrong_is_named(change, param):
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **change}
    with pytest.raises(BadRequest) as problem:
        decode_request(body)
    assert param == problem.value.param


def test_a_document_made_of_parts_is_its_text_and_its_images():
    parts = [
        {"type": "text", "text": "a"},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "text", "text": "b"},
    ]
    block = {"type": "document", "title": "T", "source": {"type": "content", "content": parts}}
    found = decode_request({"model": "m", "messages": [{"role": "user", "content": [block]}]})
    file, image = found.input
    assert ("a\n\nb", "T") == (file.source.text, file.filename)
    assert urp.Url(url="https://example.com/a.png") == image.source


@pytest.mark.parametrize(
    ("config", "output", "wish"),
    [
        (None, {"effort": "max"}, urp.ReasoningWish(effort="max")),
        ({"type": "disabled"}, None, urp.ReasoningWish(effort="none")),
        ({"type": "between_tools"}, None, urp.ReasoningWish(effort="none")),
        ({"type": "adaptive"}, None, urp.ReasoningWish()),
        ({"type": "adaptive", "display": "summarized"}, None, urp.ReasoningWish(summary="auto")),
        (
            {"type": "enabled", "budget_tokens": 1024},
            None,
            urp.ReasoningWish(effort="low", budget_tokens=1024, summary="auto"),
        ),
        (
            {"type": "enabled", "budget_tokens": 4096},
            None,
            urp.ReasoningWish(effort="medium", budget_tokens=4096, summary="auto"),
        ),
        (
            {"type": "enabled", "budget_tokens": 16384},
            None,
            urp.ReasoningWish(effort="high", budget_tokens=16384, summary="auto"),
        ),
        (
            {"type": "enabled", "budget_tokens": 16385},
            None,
            urp.ReasoningWish(effort="xhigh", budget_tokens=16385, summary="auto"),
        ),
        (
            {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
            {"effort": "high"},
            urp.ReasoningWish(effort="high", budget_tokens=1024),
        ),
    ],
)
def test_what_callers_say_of_thinking_is_understood(config, output, wish):
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "thinking": config,
        "output_config": output,
    }
    assert wish == decode_request(body).reasoning


def test_unsigned_thinking_is_what_another_model_thought():
    content = [{"type": "thinking", "thinking": "Hm.", "signature": ""}, {"type": "thinking", "thinking": ""}]
    found = decode_request({"model": "m", "messages": [{"role": "assistant", "content": content}]})
    assert (urp.Reasoning(content="Hm."),) == found.input


def test_a_system_message_between_others_is_system_text():
    messages = [{"role": "user", "content": "a"}, {"role": "system", "content": "Be brief."}]
    assert "system" == decode_request({"model": "m", "messages": messages}).input[1].role
