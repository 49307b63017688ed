"""What callers of this protocol may ask, in either spelling, and what they are told when it cannot be read."""

import contextlib
from typing import Any

import pytest
from gateway.protocol.gemini.samples import MODEL, over_wire
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged, requests

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.gemini.request_in import decode_request
from monoize.gateway.protocol.gemini.request_out import encode_request

HELLO = {"role": "user", "parts": [{"text": "Hello"}]}


def asked(**body: Any) -> urp.Request:
    return decode_request({"contents": [HELLO], **body})


def content(role: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def call(name: str, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, **more}}


def test_documented_names_and_names_with_underscores_are_the_same():
    documented = {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            content("user", {"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
            content("user", {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a.png"}}),
            content("model", {"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"}),
            content("user", {"functionResponse": {"name": "f", "response": {"snake_case": 1}}}),
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"x_y": 1}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "generationConfig": {
            "topP": 0.5,
            "topK": 3,
            "maxOutputTokens": 9,
            "stopSequences": ["."],
            "candidateCount": 1,
            "responseMimeType": "application/json",
            "responseJsonSchema": {"a_b": 1},
            "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
        },
    }
    underscored = {
        "system_instruction": {"parts": {"text": "Be brief."}},
        "contents": [
            content("USER", {"inline_data": {"mime_type": "image/png", "data": "aGk="}}),
            content("user", {"file_data": {"mime_type": "image/png", "file_uri": "https://example.com/a.png"}}),
            content("model", {"function_call": {"name": "f"}, "thought_signature": "c2ln"}),
            content("function", {"function_response": {"name": "f", "response": {"snake_case": 1}}}),
        ],
        "tools": {"function_declarations": [{"name": "f", "parameters_json_schema": {"x_y": 1}}]},
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "generation_config": {
            "top_p": 0.5,
            "top_k": 3.0,
            "max_output_tokens": 9,
            "stop_sequences": ["."],
            "candidate_count": 1,
            "response_mime_type": "application/json",
            "_responseJsonSchema": {"a_b": 1},
            "thinking_config": {"thinking_level": "low", "include_thoughts": True},
        },
    }

    assert decode_request(documented) == decode_request(underscored)


def test_names_of_the_callers_own_things_are_left_alone():
    request = asked(tools=[{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"a_b": {"c_d": 1}}}]}])

    assert {"type": "object", "a_b": {"c_d": 1}} == request.tools[0].parameters


def test_the_documented_name_counts_where_both_are_there():
    assert 1 == asked(generationConfig={"maxOutputTokens": 1, "max_output_tokens": 2}).max_output_tokens


def test_the_configuration_has_its_homes():
    request = asked(
        generationConfig={
            "temperature": 0.3,
            "topP": 0.9,
            "topK": 40.0,
            "maxOutputTokens": 100,
            "stopSequences": ["a", "b"],
            "seed": 7,
            "presencePenalty": 0.5,
            "frequencyPenalty": -1,
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
        },
        safetySettings=[{"category": "X"}],
        cachedContent="cachedContents/1",
    )

    assert (0.3, 0.9, 40, 100, ("a", "b")) == (
        request.temperature,
        request.top_p,
        request.top_k,
        request.max_output_tokens,
        request.stop,
    )
    assert {
        "seed": 7,
        "presence_penalty": 0.5,
        "frequency_penalty": -1,
        "safetySettings": [{"category": "X"}],
        "cachedContent": "cachedContents/1",
        "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
    } == request.extra


def test_instructions_may_be_a_content_or_its_words():
    expected = urp.Text(role="system", text="Be brief.")

    assert expected == asked(systemInstruction="Be brief.").input[0]
    assert expected == asked(systemInstruction={"role": "user", "parts": [{"text": "Be brief."}]}).input[0]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"thinkingLevel": "HIGH"}, urp.ReasoningWish(effort="high")),
        ({"thinkingLevel": "xhigh"}, urp.ReasoningWish(effort="xhigh")),
        ({"thinkingBudget": 0}, urp.ReasoningWish(effort="none")),
        ({"thinkingBudget": 2048}, urp.ReasoningWish(budget_tokens=2048)),
        ({"includeThoughts": True}, urp.ReasoningWish(summary="auto")),
        ({"includeThoughts": False}, None),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({"thinkingBudget": -1}, None),
        ({}, None),
    ],
)
def test_how_much_to_think(config: dict[str, Any], expected: urp.ReasoningWish | None):
    assert expected == asked(generationConfig={"thinkingConfig": config}).reasoning


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"mode": "AUTO"}, urp.ToolChoice(mode="auto")),
        ({"mode": "NONE"}, urp.ToolChoice(mode="none")),
        ({"mode": "ANY"}, urp.ToolChoice(mode="required")),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, urp.ToolChoice(mode="required", names=("f",))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, urp.ToolChoice(mode="auto", names=("f",))),
        (
            {"mode": "VALIDATED"},
            urp.ToolChoice(mode="auto", native={"mode": "VALIDATED"}, origin="gemini"),
        ),
        ({}, None),
    ],
)
def test_which_tools_to_call(config: dict[str, Any], expected: urp.ToolChoice | None):
    assert expected == asked(toolConfig={"functionCallingConfig": config}).tool_choice


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"responseMimeType": "application/json"}, urp.ResponseFormat(kind="json_object")),
        ({"responseMimeType": "text/plain"}, urp.ResponseFormat(kind="text")),
        (
            {"responseMimeType": "application/json", "responseSchema": {"type": "STRING", "nullable": True}},
            urp.ResponseFormat(kind="json_schema", schema={"type": ["string", "null"]}),
        ),
        (
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
            urp.ResponseFormat(kind="json_schema", schema={"type": "object"}),
        ),
        (
            {"responseFormat": [{"text": {"mimeType": "application/json", "schema": {"type": "object"}}}]},
            urp.ResponseFormat(kind="json_schema", schema={"type": "object"}),
        ),
        ({"responseFormat": {"text": {"mime_type": "APPLICATION_JSON"}}}, urp.ResponseFormat(kind="json_object")),
        ({}, None),
    ],
)
def test_how_to_answer(config: dict[str, Any], expected: urp.ResponseFormat | None):
    assert expected == asked(generationConfig=config).response_format


def test_a_format_that_only_this_protocol_knows_is_kept_for_it():
    config = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}

    request = asked(generationConfig=config)

    assert (None, config) == (request.response_format, request.extra["generationConfig"])


def test_tools_that_the_provider_runs_are_its_own():
    request = asked(tools=[{"googleSearch": {}, "functionDeclarations": [{"name": "f"}]}, {"codeExecution": {}}])

    assert [urp.NativeTool, urp.Tool, urp.NativeTool] == [type(tool) for tool in request.tools]
    assert ("codeExecution", {"codeExecution": {}}) == (request.tools[2].tool_type, request.tools[2].body)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": "Hello"}, "contents"),
        ({"contents": [1]}, "contents[0]"),
        ({"contents": [content("system", {"text": "a"})]}, "contents[0].role"),
        ({"contents": [content("user", {"text": 1})]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": 1}]}, "contents[0].parts"),
        ({"contents": [{"parts": [1]}]}, "contents[0].parts[0]"),
        ({"contents": [content("user", {"inlineData": {}})]}, "contents[0].parts[0].inlineData.data"),
        ({"contents": [content("user", {"fileData": {}})]}, "contents[0].parts[0].fileData.fileUri"),
        ({"contents": [content("model", {"functionCall": {}})]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [content("model", call("f", args=[]))]}, "contents[0].parts[0].functionCall.args"),
        (
            {"contents": [content("user", {"functionResponse": {}})]},
            "contents[0].parts[0].functionResponse.name",
        ),
        ({"contents": [HELLO], "systemInstruction": 1}, "systemInstruction"),
        ({"contents": [HELLO], "systemInstruction": {"parts": [call("f")]}}, "systemInstruction.parts[0]"),
        ({"contents": [HELLO], "tools": [1]}, "tools[0]"),
        ({"contents": [HELLO], "tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        (
            {"contents": [HELLO], "toolConfig": {"functionCallingConfig": {"mode": "SOME"}}},
            "toolConfig.functionCallingConfig.mode",
        ),
        ({"contents": [HELLO], "generationConfig": []}, "generationConfig"),
        ({"contents": [HELLO], "generationConfig": {"candidateCount": 2}}, "generationConfig.candidateCount"),
        ({"contents": [HELLO], "generationConfig": {"topK": 1.5}}, "generationConfig.topK"),
        ({"contents": [HELLO], "generationConfig": {"topK": 1e300}}, "generationConfig.topK"),
        ({"contents": [HELLO], "generationConfig": {"temperature": True}}, "generationConfig.temperature"),
        ({"contents": [HELLO], "generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences[0]"),
        (
            {"contents": [HELLO], "generationConfig": {"thinkingConfig": {"thinkingLevel": "SOME"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        (
            {"contents": [HELLO], "generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}},
            "generationConfig.thinkingConfig.thinkingBudget",
        ),
        (
            {"contents": [HELLO], "generationConfig": {"responseJsonSchema": True}},
            "generationConfig.responseJsonSchema",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(body: dict[str, Any], param: str):
    with pytest.raises(BadRequest) as refused:
        decode_request(body)

    assert param == refused.value.param


def test_schemas_may_be_nested_as_deeply_as_they_like():
    deep: dict[str, Any] = {"type": "STRING"}
    for _ in range(10_000):
        deep = {"type": "ARRAY", "items": deep}

    schema = asked(tools=[{"functionDeclarations": [{"name": "f", "parameters": deep}]}]).tools[0].parameters

    assert ("array", "array") == (schema["type"], schema["items"]["items"]["type"])


bodies = requests("gemini").map(lambda request: over_wire(encode_request(request, model=MODEL, stream=False)))


@at_leisure
@given(any_json | damaged(bodies) | st.fixed_dictionaries({"contents": any_json, "generationConfig": any_json}))
def test_anything_is_read_or_refused(body: Any):
    with contextlib.suppress(BadRequest):
        decode_request(body)
