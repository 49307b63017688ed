"""Errors in the words of this protocol."""

import msgspec
import pytest
from anthropic.types import ErrorResponse
from gateway.protocol.messages.shapes import assert_stream, written
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from support import urp_strategies as urps

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.messages.problems import error_body, error_event, kind_of, read_error


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_statuses_have_their_kinds(status, kind):
    assert kind == kind_of(status, "budget_exceeded")


def test_a_kind_is_taken_at_its_word():
    assert "overloaded_error" == kind_of(502, "overloaded_error")


def test_the_sdk_reads_our_errors():
    body = error_body(402, "budget_exceeded", "Too little.", param="max_tokens", request_id="req_1", hint="Top up.")
    TypeAdapter(ErrorResponse).validate_json(written(body), strict=True)
    expected = {
        "type": "error",
        "error": {
            "type": "billing_error",
            "message": "Too little.",
            "code": "budget_exceeded",
            "param": "max_tokens",
            "hint": "Top up.",
        },
        "request_id": "req_1",
    }
    assert expected == body


def test_an_error_inside_a_stream_is_one_event():
    wire = error_event(529, "overloaded_error", "Later.", param=None, request_id="req_1", hint=None)
    ((name, data),) = assert_stream(wire)
    assert ("error", "Later.") == (name, msgspec.json.decode(data)["error"]["message"])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}',
            urp.Failed(message="Overloaded", code="overloaded_error", kind="overloaded_error", status=529),
        ),
        (
            b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow","details":{"error_code":"ramp"}}}',
            urp.Failed(message="Slow", code="ramp", kind="rate_limit_error", status=529),
        ),
        (
            b'{"error":{"message":"Too long","type":"invalid_request_error","code":"context_length_exceeded"}}',
            urp.Failed(
                message="Too long", code="context_length_exceeded", kind="invalid_request_error", status=529
            ),
        ),
        (
            b'[{"error":{"code":400,"message":"Bad","status":"INVALID_ARGUMENT"}}]',
            urp.Failed(message="Bad", code="INVALID_ARGUMENT", status=529),
        ),
        (b'{"error":"model not found"}', urp.Failed(message="model not found", status=529)),
        (b'{"detail":"Not Found"}', urp.Failed(message="Not Found", status=529)),
        (b"no healthy upstream", urp.Failed(message="no healthy upstream", status=529)),
        (b"<html>Bad Gateway</html>", urp.Failed(message="The provider answered with HTTP 529.", status=529)),
        (b"", urp.Failed(message="The provider answered with HTTP 529.", status=529)),
        (b"{}", urp.Failed(message="The provider answered with HTTP 529.", status=529)),
    ],
)
def test_errors_of_providers_in_any_dialect(body, expected):
    assert expected == read_error(529, body)


@given(st.integers(400, 599), st.binary(max_size=60) | urps.any_json.map(msgspec.json.encode))
def test_any_bytes_are_an_error(status, body):
    failed = read_error(status, body)
    assert status == failed.status
    assert failed.message


def test_long_messages_are_cut():
    assert 4_000 == len(read_error(500, written({"error": {"message": "x" * 10**6}})).message)
