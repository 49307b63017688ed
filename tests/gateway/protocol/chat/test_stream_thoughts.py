"""Thoughts as providers stream them, in entries and in members of their own."""

from typing import Any

from support.chat_cases import (
    decoded,
    nodes,
    said,
    text,
)
from support.chat_wire import bare

from monoize.gateway.protocol import urp


def test_thoughts_of_deepseek_and_their_usage():
    assert [
        urp.Reasoning(content="9.11 is smaller.", extra={"carrier": "reasoning_content"}),
        text("9.8"),
    ] == list(decoded("deepseek").output)
    usage = decoded("deepseek").usage
    assert usage is not None
    assert (17, 9, 12, 6) == (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.reasoning_tokens,
    )


def test_a_signed_thought_is_one_node_and_no_alias_is_read_twice():
    thought = urp.Reasoning(summary=("Let me think.",), encrypted="EqQBCkYIBxgC", origin="messages")
    assert [thought, text("Four.")] == said("openrouter_claude")


def test_a_summary_and_what_is_encrypted_are_one_node():
    assert [
        urp.Reasoning(summary=("**Adding** two numbers",), encrypted="gAAAAABo", origin="responses", id="rs_0a1b"),
        urp.ToolCall(call_id="call_x", name="add", arguments='{"a":1}'),
    ] == said("openrouter_gpt")


def test_entries_of_another_index_are_another_thought():
    def entry(index: int, **members: Any) -> urp.Json:
        return {"reasoning_details": [{"type": "reasoning.text", "format": "unknown", "index": index, **members}]}

    thoughts = nodes(entry(0, text="a"), entry(0, text="b"), entry(1, text="c"), entry(1, text="", signature="s"))
    assert [("ab", None), ("c", "s")] == [
        (node.content, node.encrypted) for node in thoughts if isinstance(node, urp.Reasoning)
    ]


def test_encrypted_snapshots_are_never_put_together():
    def entry(data: str, id: str) -> urp.Json:
        return {"reasoning_details": [{"type": "reasoning.encrypted", "data": data, "id": id, "index": 0}]}

    thoughts = bare(nodes(entry("first", "rs_1"), entry("second", "rs_1"), entry("third", "rs_2")))
    assert [
        urp.Reasoning(encrypted="second", origin="chat", id="rs_1"),
        urp.Reasoning(encrypted="third", origin="chat", id="rs_2"),
    ] == thoughts


def test_text_beside_details_that_only_encrypt():
    sealed = {"reasoning": None, "reasoning_details": [{"type": "reasoning.encrypted", "data": "x", "index": 0}]}
    assert [urp.Reasoning(content="Hm."), urp.Reasoning(encrypted="x", origin="chat")] == bare(
        nodes({"reasoning": "Hm."}, sealed)
    )


def test_thoughts_between_texts_keep_their_order():
    turns = nodes({"reasoning": "a"}, {"content": "b"}, {"reasoning": "c", "content": "d"})
    assert [urp.Reasoning(content="a"), text("b"), urp.Reasoning(content="c"), text("d")] == bare(turns)


def test_what_is_sealed_does_not_grow():
    def entry(**members: Any) -> urp.Json:
        return {"reasoning_details": [{"type": "reasoning.text", "format": "unknown", "index": 0, **members}]}

    thoughts = bare(nodes(entry(text="a"), entry(signature="s"), entry(text="b")))
    assert [urp.Reasoning(content="a", encrypted="s", origin="chat"), urp.Reasoning(content="b")] == thoughts


def test_parts_of_mistral():
    response = decoded("mistral")
    assert [urp.Reasoning(content="So what."), text("Done.")] == bare(response.output)
    assert urp.Finish(reason="length", native="model_length", origin="chat") == response.finish
