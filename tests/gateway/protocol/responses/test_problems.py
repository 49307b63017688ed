"""Errors in the words of this protocol, and those of providers."""

from typing import Any

import msgspec
import pytest
from gateway.protocol.responses.samples import events_of, strict_event
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json, frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.responses.problems import error_body, error_event, kind_of, read_error


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "background_not_supported", "invalid_request_error"),
        (400, "context_length_exceeded", "invalid_request_error"),
        (401, "invalid_api_key", "authentication_error"),
        (402, "insufficient_quota", "insufficient_quota"),
        (404, "model_not_found", "invalid_request_error"),
        (413, "request_too_large", "invalid_request_error"),
        (422, "unprocessable", "invalid_request_error"),
        (429, "rate_limit_exceeded", "rate_limit_exceeded"),
        (429, "insufficient_quota", "insufficient_quota"),
        (500, "server_error", "server_error"),
        (503, "overloaded", "server_error"),
    ],
)
def test_kinds(status: int, code: str, kind: str):
    assert kind == kind_of(status, code)
    assert kind == error_body(status, code, "x", param=None, request_id="r", hint=None)["error"]["type"]


def test_an_error_tells_what_where_and_what_to_do():
    error = error_body(400, "c", "It is wrong.", param="input[0]", request_id="req_1", hint="Do better.")["error"]
    assert {
        "message": "It is wrong.",
        "type": "invalid_request_error",
        "param": "input[0]",
        "code": "c",
        "hint": "Do better.",
        "request_id": "req_1",
    } == error


def test_an_error_in_a_stream_is_flat_as_documented_and_nested_as_sent():
    [(name, data)] = frames_of(error_event(502, "upstream_error", "It broke.", request_id="r", sequence_number=7))
    strict_event(data)
    body = msgspec.json.decode(data)
    assert ("error", "error", 7) == (name, body["type"], body["sequence_number"])
    assert ("It broke.", "upstream_error") == (body["message"], body["code"])
    assert ("It broke.", "upstream_error") == (body["error"]["message"], body["error"]["code"])
    failed = events_of([(name, data)])[-1]
    assert isinstance(failed, urp.Failed)
    assert ("It broke.", "upstream_error", "server_error") == (failed.message, failed.code, failed.kind)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (
            b'{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"bad"}}',
            "No.",
            "bad",
        ),
        (b'{"error":"No."}', "No.", None),
        (b'{"message":"No."}', "No.", None),
        (b'{"detail":[{"loc":["body"],"msg":"No."}]}', "No.", None),
        (b'{"type":"error","error":{"type":"not_found_error","message":"No."}}', "No.", None),
        (b'[{"error":{"code":404,"message":"No.","status":"NOT_FOUND"}}]', "No.", "404"),
        (b"No.", "No.", None),
        (b"", "does not say why", None),
        (b"<html>502</html>", "does not say why", None),
        (b"{", "does not say why", None),
        (b"\xff\xfe", "", None),
    ],
)
def test_whatever_a_provider_answers_with_is_read(body: bytes, message: str, code: str | None):
    failed = read_error(404, body)
    assert message in failed.message
    assert (404, code) == (failed.status, failed.code)


@at_leisure
@given(any_json.map(msgspec.json.encode) | st.binary(), st.integers(400, 599))
def test_any_bytes_are_an_error(body: Any, status: int):
    failed = read_error(status, body)
    assert status == failed.status
    assert failed.message
