"""What passes between people and an agent's gateway, as decisions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.control.compute.errors import AgentPathDenied
from monoize.control.compute.model.gateway import SANDBOX, answered_headers, asked_headers, asked_path, denied
from monoize.infra.settings import Settings

BLOCKED = Settings().agent_blocked_methods


@pytest.mark.parametrize(
    "message",
    [
        '{"jsonrpc":"2.0","id":1,"method":"config.patch"}',
        '{"id":1,"method":"config.get"}',
        '{"id":1,"method":"exec.approvals.set"}',
        '{"id":1,"method":"exec.approval.resolve"}',
        '{"id":1,"method":"update.run"}',
        '{"id":1,"method":"CONFIG.set"}',
        '{"id":1,"method":" config.set"}',
        '{"id":1,"Method":"config.set"}',
        '{"id":1,"method":"config\\u002eset"}',
        '{"id":1,"method":"chat.send","method":"config.set"}',
        '{"id":1,"method":"config.set","method":"chat.send"}',
        '[{"id":1,"method":"chat.send"},{"id":2,"method":"config.set"}]',
        b'{"id":1,"method":"config.set"}',
    ],
)
def test_what_changes_an_agent_is_not_called_through_us(message: str | bytes):
    found = denied(message, BLOCKED)
    assert found is not None
    answer = json.loads(found.answer)
    assert "2.0" == answer["jsonrpc"] and answer["id"] in (1, 2)
    assert found.method in answer["error"]["message"]


@pytest.mark.parametrize(
    "message",
    [
        '{"id":1,"method":"chat.send","params":{"method":"config.set"}}',
        '{"id":1,"method":"configure"}',
        '{"id":1,"method":7}',
        '{"id":1}',
        "config.set",
        "",
        "[]",
        "7",
        b"\xff\xfe",
        "[" * 100_000,
    ],
)
def test_everything_else_passes(message: str | bytes):
    assert denied(message, BLOCKED) is None


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none(), lambda inner: st.lists(inner)).map(json.dumps)))
def test_any_message_passes_or_is_denied(message: str | bytes):
    denied(message, BLOCKED)


@pytest.mark.parametrize(
    "path", ["tools/invoke", "/tools/invoke/", "a/Tools/Invoke", "tools%2Finvoke", "tools//invoke"]
)
def test_tools_are_not_called_through_us(path: str):
    with pytest.raises(AgentPathDenied):
        asked_path(path, "POST")


@pytest.mark.parametrize("path", ["..", "a/../b", "%2e%2e/a", "%252e%252e/a", "a\\b", "./a"])
def test_a_path_that_leads_elsewhere_is_refused(path: str):
    with pytest.raises(AgentPathDenied):
        asked_path(path, "GET")


@pytest.mark.parametrize("path", ["", "chat", "tools/invoked", "tools/list", "a/b%20c"])
def test_other_paths_are_asked_as_they_are(path: str):
    assert "/" + path == asked_path(path, "POST")


def test_who_somebody_is_to_us_is_not_told_to_an_agent_and_its_pages_are_shut_in():
    ours = ("authorization", "cookie", "x-api-key", "x-user-id", "host", "x-forwarded-for", "sec-fetch-site")
    assert [("accept", "a")] == asked_headers([*((name, "x") for name in ours), ("accept", "a")])
    theirs = ("set-cookie", "transfer-encoding", "content-security-policy", "clear-site-data")
    told = answered_headers([*((name, "x") for name in theirs), ("Content-Type", "text/html")])
    assert [("content-type", "text/html"), ("content-security-policy", SANDBOX)] == told
