"""Errors: those that we tell, and those that the provider tells us in whatever words."""

from typing import Any

import msgspec
import pytest
from google.genai import errors
from hypothesis import given
from hypothesis import strategies as st
from support.cost_strategies import at_leisure
from support.urp_strategies import any_json

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.gemini.problems import (
    MESSAGE_MOST,
    error_body,
    error_event,
    kind_of,
    read_error,
)


def read(status: int, body: Any) -> urp.Failed:
    return read_error(status, msgspec.json.encode(body))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (402, "FAILED_PRECONDITION"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (422, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (502, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
        (599, "INTERNAL"),
    ],
)
def test_the_status_as_a_word(status: int, kind: str):
    assert kind == kind_of(status, "anything")


def test_what_we_tell():
    body = error_body(
        404, "model_not_found", "No such model.", param="model", request_id="r1", hint="Look at /v1/models."
    )

    error = body["error"]
    assert (404, "No such model.", "NOT_FOUND") == (error["code"], error["message"], error["status"])
    by_type = {each.pop("@type").rpartition(".")[2]: each for each in error["details"]}
    assert {
        "ErrorInfo": {"reason": "MODEL_NOT_FOUND", "domain": "monoize"},
        "RequestInfo": {"requestId": "r1"},
        "BadRequest": {"fieldViolations": [{"field": "model", "description": "No such model."}]},
        "Help": {"links": [{"description": "Look at /v1/models."}]},
    } == by_type


def test_the_official_client_understands_what_we_tell():
    told = errors.ClientError(429, error_body(429, "too_many", "Slower.", request_id="r1"))

    assert (429, "RESOURCE_EXHAUSTED", "Slower.") == (told.code, told.status, told.message)


def test_an_error_in_a_stream():
    said = {"param": None, "request_id": "r1", "hint": None}
    body = msgspec.json.encode(error_body(503, "overloaded", "Busy.", **said))

    assert b"data: " + body + b"\n\n" == error_event(503, "overloaded", "Busy.", **said)
    array = b"[{}" + error_event(503, "overloaded", "Busy.", **said, array=True)
    assert [{}, msgspec.json.decode(body)] == msgspec.json.decode(array)


def test_what_we_tell_is_what_we_read():
    failed = read(429, error_body(429, "too_many", "Slower.", param="x", request_id="r1", hint="Wait."))

    assert urp.Failed(message="Slower.", code="TOO_MANY", kind="RESOURCE_EXHAUSTED", status=429) == failed


def test_a_quota_that_is_used_up():
    error = {
        "code": 429,
        "message": "You exceeded your current quota.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}],
    }

    failed = read(429, [{"error": error}])

    assert ("You exceeded your current quota.", "RESOURCE_EXHAUSTED", 429) == (
        failed.message,
        failed.code,
        failed.status,
    )


def test_a_key_that_is_not_valid_is_our_fault():
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    error = {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [reason]}

    assert (401, "API_KEY_INVALID") == (read(400, {"error": error}).status, read(400, {"error": error}).code)


def test_an_account_that_is_not_set_up_is_our_fault():
    error = {"code": 400, "message": "User location is not supported.", "status": "FAILED_PRECONDITION"}

    assert 403 == read(400, {"error": error}).status


def test_what_the_caller_did_wrong_stays_so():
    error = {"code": 400, "message": "Unknown name.", "status": "INVALID_ARGUMENT"}

    assert 400 == read(400, {"error": error}).status


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "Busy.", "type": "overloaded_error"}, "type": "error"}, "Busy.", "overloaded_error"),
        ({"error": {"message": "No.", "type": "invalid_request_error", "code": "bad"}}, "No.", "bad"),
        ({"error": "No."}, "No.", "UNAVAILABLE"),
        ({"message": "No."}, "No.", "UNAVAILABLE"),
        ({"detail": "No."}, "No.", "UNAVAILABLE"),
        ("No.", "No.", "UNAVAILABLE"),
        ({}, "The provider answered with status 503 and no message.", "UNAVAILABLE"),
        (None, "The provider answered with status 503 and no message.", "UNAVAILABLE"),
        ([], "The provider answered with status 503 and no message.", "UNAVAILABLE"),
    ],
)
def test_other_dialects_are_understood(body: Any, message: str, code: str):
    failed = read(503, body)

    assert (message, code, 503) == (failed.message, failed.code, failed.status)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "The provider answered with status 502 and no message."),
        (b"<html><head><title>502 Bad\n Gateway</title></head><p>x</p>", "502 Bad Gateway"),
        (b"<p>Sorry</p><script>alert()</script>", "Sorry"),
        (b"upstream connect error", "upstream connect error"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_pages_for_people_are_understood(body: bytes, message: str):
    assert message == read_error(502, body).message


def test_messages_are_bounded():
    assert MESSAGE_MOST == len(read(500, {"error": {"message": "x" * 10**6}}).message)


@at_leisure
@given(st.integers(400, 599), any_json.map(msgspec.json.encode) | st.binary(max_size=40))
def test_anything_is_read(status: int, body: bytes):
    failed = read_error(status, body)

    assert failed.message
    assert failed.kind
