"""What a request says of its conversation, its tools and its caching is read as each protocol says it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monoize.gateway.traits import breakpoints_of, session_of, tool_choice_of, tool_tokens_of

SESSION = "0199b1de-0000-7000-8000-000000000001"
TOOLS = {"tools": [{"name": "look"}]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(
    st.sampled_from(["tools", "tool_choice", "toolConfig", "metadata", "conversation", "session_id"]), JSON
)


@pytest.mark.parametrize(
    ("protocol", "body", "choice"),
    [
        ("chat", {"tool_choice": "auto"}, None),
        ("chat", TOOLS, "auto"),
        ("chat", TOOLS | {"tool_choice": "required"}, "any"),
        ("responses", TOOLS | {"tool_choice": "none"}, "none"),
        ("chat", TOOLS | {"tool_choice": {"type": "function", "function": {"name": "look"}}}, "tool"),
        ("responses", TOOLS | {"tool_choice": {"type": "allowed_tools", "mode": "required"}}, "any"),
        ("messages", TOOLS | {"tool_choice": {"type": "any"}}, "any"),
        ("messages", TOOLS | {"tool_choice": {"type": "tool", "name": "look"}}, "tool"),
        ("gemini", TOOLS, "auto"),
        ("gemini", TOOLS | {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "any"),
    ],
)
def test_a_choice_of_tools_has_one_word_in_all_protocols(protocol: Any, body: dict[str, Any], choice: str | None):
    assert choice == tool_choice_of(protocol, body)


@pytest.mark.parametrize(
    ("headers", "body", "session"),
    [
        ({}, {}, None),
        ({}, {"user": "somebody"}, None),
        ({b"session_id": b"of-the-header"}, {"conversation": "c-1"}, "of-the-header"),
        ({}, {"conversation": {"id": "c-1"}}, "c-1"),
        ({}, {"metadata": {"thread_id": "t-1"}}, "t-1"),
        ({}, {"metadata": {"user_id": f"user_abc_account__session_{SESSION}"}}, SESSION),
        ({}, {"session_id": "two words", "metadata": {"session_id": "x" * 192}}, None),
    ],
)
def test_a_session_is_what_somebody_calls_one(
    headers: dict[bytes, bytes], body: dict[str, Any], session: str | None
):
    assert session == session_of(headers, body)


def test_marks_of_the_cache_are_counted_up_to_four():
    marked = {"type": "text", "text": "…", "cache_control": {"type": "ephemeral"}}
    body = {"system": [marked], "messages": [{"role": "user", "content": [marked] * 5}]}

    assert 4 == breakpoints_of("messages", body, is_marked=True)
    assert 1 == breakpoints_of("messages", {"system": [marked]}, is_marked=True)
    assert 0 == breakpoints_of("messages", {}, is_marked=False)
    assert breakpoints_of("chat", body, is_marked=False) is None


def test_tools_are_as_long_as_their_schemas_and_a_providers_own_as_it_says():
    own = {"name": "look", "description": "Look " * 60, "input_schema": {"type": "object"}}
    bash = {"type": "bash_20250124", "name": "bash"}

    alone = tool_tokens_of({"tools": [own]})
    assert 100 < alone < 140
    assert alone + 245 + 700 == tool_tokens_of({"tools": [own, bash, {"type": "text_editor_20250728"}]})
    assert 0 == tool_tokens_of({}) == tool_tokens_of({"tools": "odd"}) == tool_tokens_of({"tools": []})


@given(BODIES)
def test_no_body_is_too_strange_to_be_read(body: dict[str, Any]):
    for protocol in ("chat", "messages", "gemini"):
        assert tool_choice_of(protocol, body) in (None, "auto", "any", "tool", "none")
    assert tool_tokens_of(body) >= 0
    session = session_of({}, body)
    assert session is None or 0 < len(session) <= 191
