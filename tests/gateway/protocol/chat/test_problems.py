"""Errors: as callers are told of them, and as providers tell of theirs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.urp_strategies import any_json, frames_of

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.chat.problems import MESSAGE_MOST, error_body, error_event, kind_of, read_error


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "context_length_exceeded", "invalid_request_error"),
        (401, "invalid_api_key", "authentication_error"),
        (402, "budget_exceeded", "insufficient_quota"),
        (403, "model_not_allowed", "permission_error"),
        (404, "model_not_found", "invalid_request_error"),
        (413, "too_large", "invalid_request_error"),
        (429, "rate_limit_exceeded", "rate_limit_exceeded"),
        (429, "insufficient_quota", "insufficient_quota"),
        (500, "internal", "server_error"),
        (529, "overloaded", "server_error"),
    ],
)
def test_kinds(status: int, code: str, kind: str):
    assert kind == kind_of(status, code)


def test_the_envelope():
    assert {
        "error": {"message": "No.", "type": "invalid_request_error", "param": "n", "code": "bad"}
    } == error_body(400, "bad", "No.", param="n")
    told = error_body(500, "bad", "No.", request_id="req_1", hint="Try again.")["error"]
    assert ("req_1", "Try again.", None) == (told["request_id"], told["hint"], told["param"])


def test_an_event_is_the_envelope_and_no_end():
    ((name, data),) = frames_of(error_event(500, "bad", "No.\n\nReally."))
    assert name is None
    assert error_body(500, "bad", "No.\n\nReally.") == msgspec.json.decode(data)


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        (
            b'{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"model_not_found"}}',
            urp.Failed(message="No.", code="model_not_found", kind="invalid_request_error", status=404),
        ),
        (b'{"error":"No."}', urp.Failed(message="No.", status=404)),
        (b'{"error":{"message":"No.","code":404}}', urp.Failed(message="No.", code="404", status=404)),
        (b'{"message":"No.","code":50501}', urp.Failed(message="No.", code="50501", status=404)),
        (b'{"detail":"Not Found"}', urp.Failed(message="Not Found", status=404)),
        (b'{"detail":[{"msg":"field required","loc":[]}]}', urp.Failed(message="field required", status=404)),
        (
            b'[{"error":{"code":404,"message":"No.","status":"NOT_FOUND"}}]',
            urp.Failed(message="No.", code="404", kind="NOT_FOUND", status=404),
        ),
        (
            b'{"type":"error","error":{"type":"not_found_error","message":"No."}}',
            urp.Failed(message="No.", kind="not_found_error", status=404),
        ),
        (
            b'{"error":{"message":"Provider returned error","code":404,"metadata":{"raw":"gone"}}}',
            urp.Failed(message="Provider returned error: gone", code="404", status=404),
        ),
        (b"no such host", urp.Failed(message="no such host", status=404)),
        (
            b"<html><title>404</title></html>",
            urp.Failed(message="The provider answers with HTTP 404 and does not say why.", status=404),
        ),
        (b"", urp.Failed(message="The provider answers with HTTP 404 and does not say why.", status=404)),
        (b"{}", urp.Failed(message="The provider answers with HTTP 404 and does not say why.", status=404)),
    ],
)
def test_errors_of_providers(body: bytes, failed: urp.Failed):
    assert failed == read_error(404, body)


@given(st.binary() | any_json.map(msgspec.json.encode))
def test_any_bytes_are_an_error_that_can_be_told(body: bytes):
    failed = read_error(500, body)
    assert failed.message
    assert len(failed.message) <= MESSAGE_MOST
    assert 500 == failed.status
