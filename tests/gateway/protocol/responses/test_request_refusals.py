"""Requests that are not taken, and that whatever comes is taken or refused."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, damaged, requests

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.responses.request_in import decode_request
from monoize.gateway.protocol.responses.request_out import encode_request


def refused(**members: Any) -> BadRequest:
    with pytest.raises(BadRequest) as problem:
        decode_request({"model": "m", **members})
    return problem.value


def test_background_is_refused_with_its_own_code():
    problem = refused(background=True)
    assert ("background_not_supported", "background") == (problem.code, problem.param)
    assert decode_request({"model": "m", "background": False})


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"model": ""}, "model"),
        ({"input": 3}, "input"),
        ({"input": [3]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 3}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call", "call_id": "", "name": "f"}]}, "input[0].call_id"),
        (
            {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}]},
            "input[0].arguments",
        ),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": 3}]}, "input[0].output"),
        ({"input": [{"type": "reasoning", "summary": "x"}]}, "input[0].summary"),
        ({"instructions": 3}, "instructions"),
        ({"stream": "yes"}, "stream"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": True}, "max_output_tokens"),
        ({"reasoning": {"effort": "gigantic"}}, "reasoning.effort"),
        ({"tools": {}}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": []}]}, "tools[0].parameters"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "allowed_tools", "tools": [], "mode": "none"}}, "tool_choice.mode"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"previous_response_id": 3}, "previous_response_id"),
    ],
)
def test_a_refusal_names_the_place(members: dict[str, Any], param: str):
    assert param == refused(**{"input": "hi", **members}).param


@at_leisure
@given(any_json)
def test_any_json_is_a_request_or_refused(body: Any):
    with contextlib.suppress(BadRequest):
        decode_request(body)


@at_leisure
@given(damaged(requests("responses").map(lambda each: encode_request(each, model="m", stream=True))))
def test_a_damaged_request_is_a_request_or_refused(body: Any):
    with contextlib.suppress(BadRequest):
        encode_request(decode_request(body), model="m", stream=False)


@at_leisure
@given(requests("responses"))
def test_what_can_be_said_is_understood_again(request_: urp.Request):
    body = encode_request(request_, model=request_.model, stream=request_.stream)
    again = decode_request(msgspec.json.decode(msgspec.json.encode(body)))
    assert msgspec.structs.replace(request_, stop=()) == again, "it has no stop sequences"
