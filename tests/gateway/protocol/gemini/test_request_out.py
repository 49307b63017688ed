"""What we ask the provider, whatever protocol the wish was told in."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.gemini.asking import NEWER, asked
from gateway.protocol.gemini.samples import MODEL, over_wire, said_request
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import protocols, requests

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.request_in import decode_request
from monoize.gateway.protocol.gemini.request_out import encode_request


def assert_strict(body: dict[str, Any]) -> None:
    """As the official client would write it; it refuses what it does not know."""
    wire = over_wire(body)
    for content in [*wire["contents"], wire.get("systemInstruction", {})]:
        types.Content.model_validate_json(msgspec.json.encode(content))
    for tool in wire.get("tools", []):
        types.Tool.model_validate_json(msgspec.json.encode(tool))
    types.ToolConfig.model_validate_json(msgspec.json.encode(wire.get("toolConfig", {})))
    types.GenerationConfig.model_validate_json(msgspec.json.encode(wire.get("generationConfig", {})))
    assert {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig"} >= wire.keys()


@at_leisure
@given(requests("gemini"))
def test_what_this_protocol_can_say_comes_back_as_it_was(request: urp.Request):
    plain = msgspec.structs.replace(request, reasoning=None)

    wire = over_wire(encode_request(plain, model=MODEL, stream=request.stream))

    assert said_request(request) == decode_request(wire)


@at_leisure
@given(protocols.flatmap(requests), st.sampled_from([MODEL, NEWER, "gemini-2.0-flash", "gemma-4-31b-it"]))
def test_wishes_of_every_protocol_are_what_the_official_client_writes(request: urp.Request, model: str):
    assert_strict(encode_request(request, model=model, stream=False))


@at_leisure
@given(requests("gemini"))
def test_a_request_is_the_same_after_the_second_time(request: urp.Request):
    first = over_wire(encode_request(request, model=NEWER, stream=False))

    assert first == over_wire(encode_request(decode_request(first), model=NEWER, stream=False))


def test_tools_of_other_providers_are_left_out_with_the_choice_of_them():
    body = asked(
        tools=(urp.NativeTool(origin="responses", tool_type="web_search", body={"type": "web_search"}),),
        tool_choice=urp.ToolChoice(mode="required", names=("web_search",)),
    )

    assert ["contents"] == list(body)


def test_functions_are_declared_in_one_entry_with_json_schemas():
    parameters = {"type": "object", "properties": {"a": {"type": ["string", "null"], "pattern": "x"}}}

    body = asked(
        tools=(
            urp.NativeTool(origin="gemini", tool_type="googleSearch", body={"googleSearch": {}}),
            urp.Tool(name="f", description="F", parameters=parameters, strict=True),
            urp.NativeTool(origin="gemini", tool_type="urlContext", body={"urlContext": {}}),
            urp.Tool(name="g"),
        )
    )

    declared = [{"name": "f", "description": "F", "parametersJsonSchema": parameters}, {"name": "g"}]
    assert [{"googleSearch": {}}, {"functionDeclarations": declared}, {"urlContext": {}}] == body["tools"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (urp.ToolChoice(mode="auto"), {"mode": "AUTO"}),
        (urp.ToolChoice(mode="none"), {"mode": "NONE"}),
        (urp.ToolChoice(mode="none", names=("f",)), {"mode": "NONE"}),
        (urp.ToolChoice(mode="required"), {"mode": "ANY"}),
        (
            urp.ToolChoice(mode="required", names=("f", "gone")),
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        (urp.ToolChoice(mode="auto", names=("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (urp.ToolChoice(mode="auto", native={"mode": "VALIDATED"}, origin="gemini"), {"mode": "VALIDATED"}),
        (urp.ToolChoice(mode="required", native={"type": "mcp"}, origin="responses"), {"mode": "ANY"}),
    ],
)
def test_which_tools_to_call(choice: urp.ToolChoice, expected: dict[str, Any]):
    body = asked(tools=(urp.Tool(name="f"),), tool_choice=choice)

    assert {"functionCallingConfig": expected} == body["toolConfig"]


@pytest.mark.parametrize("choice", [urp.ToolChoice(mode="required", names=("gone",)), None])
def test_a_choice_of_nothing_is_none(choice: urp.ToolChoice | None):
    assert "toolConfig" not in asked(tools=(urp.Tool(name="f"),), tool_choice=choice)
    assert "toolConfig" not in asked(tool_choice=urp.ToolChoice(mode="required"))


@pytest.mark.parametrize(
    ("model", "wish", "expected"),
    [
        ("gemini-2.5-flash", {"effort": "none"}, {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"effort": "none"}, {"thinkingBudget": 128}),
        ("gemini-2.5-flash", {"effort": "low"}, {"thinkingBudget": 1024}),
        ("gemini-2.5-flash", {"effort": "high"}, {"thinkingBudget": 16384}),
        ("gemini-2.5-flash", {"effort": "max"}, {"thinkingBudget": 24576}),
        ("gemini-2.5-pro", {"effort": "max"}, {"thinkingBudget": 32000}),
        ("gemini-2.5-flash-lite", {"budget_tokens": 100}, {"thinkingBudget": 512}),
        ("gemini-2.5-pro", {"budget_tokens": 10**6, "effort": "low"}, {"thinkingBudget": 32768}),
        ("gemini-3-flash-preview", {"effort": "none"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-flash-preview", {"effort": "medium"}, {"thinkingLevel": "MEDIUM"}),
        ("gemini-3-pro-preview", {"effort": "medium"}, {"thinkingLevel": "HIGH"}),
        ("gemini-3.1-pro-preview", {"effort": "minimal"}, {"thinkingLevel": "LOW"}),
        ("gemini-3.1-flash-lite", {"effort": "minimal"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.7-flash", {"effort": "minimal"}, {"thinkingLevel": "LOW"}),
        ("gemini-3.1-flash-image", {"effort": "low"}, {"thinkingLevel": "HIGH"}),
        ("gemini-flash-latest", {"effort": "max"}, {"thinkingLevel": "HIGH"}),
        ("models/gemini-4-pro", {"budget_tokens": 4096}, {"thinkingLevel": "MEDIUM"}),
        ("gemma-4-31b-it", {"effort": "medium"}, {"thinkingLevel": "HIGH"}),
        ("gemini-3.1-pro", {"summary": "auto"}, {"includeThoughts": True}),
        ("gemini-3.1-pro", {"effort": "low", "summary": "x"}, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-2.0-flash", {"effort": "high", "summary": "auto"}, None),
        ("gemma-3-27b-it", {"effort": "high"}, None),
        ("gemini-3.1-pro", {}, None),
    ],
)
def test_how_much_to_think(model: str, wish: dict[str, Any], expected: dict[str, Any] | None):
    config = asked(model=model, reasoning=urp.ReasoningWish(**wish)).get("generationConfig", {})

    assert expected == config.get("thinkingConfig")


def test_callers_of_this_protocol_get_the_level_that_they_named():
    body = asked(model="gemini-4-pro", reasoning=urp.ReasoningWish(effort="xhigh"), origin="gemini")

    assert {"thinkingLevel": "XHIGH"} == body["generationConfig"]["thinkingConfig"]


def test_a_budget_left_to_the_model_is_left_to_it():
    config = {"thinkingConfig": {"thinkingBudget": -1, "includeThoughts": True}}
    request = decode_request({"contents": [{"parts": [{"text": "a"}]}], "generationConfig": config})

    assert config == encode_request(request, model=MODEL, stream=False)["generationConfig"]


def test_the_format_of_the_answer():
    schema = {"type": "object", "properties": {}}
    wanted = urp.ResponseFormat(kind="json_schema", name="n", schema=schema, strict=True)

    config = asked(response_format=wanted, stop=("a",))["generationConfig"]

    assert {
        "stopSequences": ["a"],
        "responseMimeType": "application/json",
        "responseJsonSchema": schema,
    } == config


def test_common_words_of_others_cross_and_the_rest_does_not():
    extra = {"seed": 1, "presence_penalty": 0.5, "frequency_penalty": "x", "logit_bias": {}, "safetySettings": []}

    assert {"seed": 1, "presencePenalty": 0.5} == asked(extra=extra)["generationConfig"]
    assert "safetySettings" not in asked(extra=extra)


def test_own_words_are_written_back_and_typed_ones_count():
    body = {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {
                        "fileData": {"fileUri": "https://youtu.be/x", "mimeType": "video/mp4"},
                        "videoMetadata": {"fps": 5},
                    },
                    {"inlineData": {"mimeType": "application/pdf", "data": "aGk=", "displayName": "a.pdf"}},
                ],
            }
        ],
        "safetySettings": [{"category": "X", "threshold": "OFF"}],
        "labels": {"a": "b"},
        "serviceTier": "flex",
        "toolConfig": {"retrievalConfig": {"languageCode": "de"}, "functionCallingConfig": {"mode": "AUTO"}},
        "tools": [
            {"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING", "response": {"type": "STRING"}}]}
        ],
        "generationConfig": {"maxOutputTokens": 5, "mediaResolution": "LOW", "seed": 3},
    }
    request = decode_request(body)

    assert body == encode_request(request, model=MODEL, stream=True)
    changed = msgspec.structs.replace(request, max_output_tokens=4)
    assert 4 == encode_request(changed, model=MODEL, stream=True)["generationConfig"]["maxOutputTokens"]
