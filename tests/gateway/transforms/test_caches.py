"""What is marked for the caches of providers."""

from collections.abc import Sequence

import msgspec
import pytest
from gateway.transforms.telling import ABOUT, changed, request, said, system, user

from monoize.gateway.dialects import MESSAGES, RESPONSES
from monoize.gateway.protocol import urp

MARK = {"cache_control": {"type": "ephemeral"}}
ON_RESPONSES = msgspec.structs.replace(ABOUT, upstream="responses")


def marked(node: urp.Text) -> urp.Text:
    return msgspec.structs.replace(node, extra=MARK)


def turn(id: str, *results: str) -> list[urp.Node]:
    call = urp.ToolCall(call_id=id, name="f", arguments="{}")
    return [call, urp.ToolResult(call_id=id, content=tuple(map(user, results)))]


def test_the_last_instruction_is_marked():
    asked = changed("auto_cache_system", request(system("a"), system("b"), user("c")))

    assert (system("a"), marked(system("b")), user("c")) == asked.input
    assert asked == changed("auto_cache_system", asked)
    sent = MESSAGES.encode_request(asked, model="claude-sonnet-4", stream=False)
    assert [{"type": "text", "text": "a"}, {**MARK, "type": "text", "text": "b"}] == sent["system"]


def test_there_are_never_more_than_four_marks_wherever_they_stand():
    result = urp.ToolResult(call_id="c", content=(marked(user("r")),))
    tool = urp.NativeTool(origin="messages", tool_type="x", body=dict(MARK))
    asked = request(system("a"), marked(user("b")), result, tools=(tool, urp.Tool(name="f", extra=MARK)))

    assert asked == changed("auto_cache_system", asked)


def test_the_message_before_a_run_of_tools_is_marked():
    asked = request(
        user("old"), said("ok"), user("do"), urp.Reasoning(content="hm"), *turn("1", "r"), *turn("2", "s")
    )
    more = changed("auto_cache_tool_use", asked)

    assert (*asked.input[:2], marked(user("do")), *asked.input[3:]) == more.input
    for other in (
        request(user("hi")),
        request(user("hi"), *turn("1", "r"), said("done")),
        request(*turn("1", "r")),
    ):
        assert other == changed("auto_cache_tool_use", other)


def test_a_user_is_named_where_something_is_marked_and_nobody_is_yet():
    assert "alice" == changed("auto_cache_user_id", request(marked(user("a")))).user
    assert changed("auto_cache_user_id", request(user("a"))).user is None
    assert "bob" == changed("auto_cache_user_id", request(marked(user("a")), user="bob")).user


def test_the_end_of_each_run_of_tools_is_marked_for_openai():
    asked = request(
        user("a"), *turn("1", "r1", "r2"), said("b"), *turn("2", "s"), model="gpt-5.6", origin="messages"
    )
    more = changed("auto_cache_openai_tool_use", asked, about=ON_RESPONSES)

    assert ["r2", "s"] == _broken_at(more)
    items = RESPONSES.encode_request(more, model="gpt-5.6", stream=False)["input"]
    outputs = [item["output"] for item in items if item["type"] == "function_call_output"]
    breakpoint = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    assert {"type": "input_text", "text": "r2", **breakpoint} == outputs[0][1]
    assert [{"type": "input_text", "text": "s", **breakpoint}] == outputs[1]


@pytest.mark.parametrize(("extra", "most"), [({}, 3), ({"prompt_cache_options": {"mode": "explicit"}}, 4)])
def test_as_many_are_marked_for_openai_as_it_takes_and_the_latest(extra: dict[str, object], most: int):
    nodes = [node for name in "abcdef" for node in (*turn(name, name), said("so"))]
    more = changed("auto_cache_openai_tool_use", request(*nodes, model="gpt-6", extra=extra), about=ON_RESPONSES)

    assert list("abcdef"[-most:]) == _broken_at(more)
    assert more == changed("auto_cache_openai_tool_use", more, about=ON_RESPONSES)


def test_other_models_and_other_providers_are_told_of_no_marks():
    for model, about in (("gpt-5.5", ON_RESPONSES), ("o3", ON_RESPONSES), ("gpt-5.6", ABOUT)):
        asked = request(user("a"), *turn("1", "r"), model=model)
        assert asked == changed("auto_cache_openai_tool_use", asked, about=about)


def test_prompts_that_begin_alike_have_the_same_key_and_others_do_not():
    alike = [_key(request(system("S"), user(text), model="m")) for text in "ab"]
    others = [
        _key(request(system("T"), user("a"), model="m")),
        _key(request(system("S"), user("a"), model="n")),
        _key(request(system("S"), user("a"), model="m", tools=(urp.Tool(name="f"),))),
        _key(request(system("S"), user("a"), model="m"), include_full_input=True),
        _key(request(system("S"), user("a"), model="m"), include_user=True),
        _key(request(system("S"), user("a"), model="m"), key_mode="identity"),
    ]

    assert 1 == len(set(alike))
    assert 7 == len({*alike, *others})
    assert alike[0].startswith("mzpc_")
    assert len("mzpc_") + 32 == len(alike[0])


def test_what_a_caller_says_of_the_cache_stays():
    asked = request(user("a"), extra={"prompt_cache_key": "mine", "prompt_cache_retention": None})

    assert {"prompt_cache_key": "mine", "prompt_cache_retention": "24h"} == changed(
        "auto_cache_openai_prompt", asked
    ).extra
    assert {"prompt_cache_key": "mine", "prompt_cache_retention": None} == changed(
        "auto_cache_openai_prompt", asked, retention=None
    ).extra


def test_numbers_of_any_size_have_a_key():
    assert _key(request(user("a"), tools=(urp.Tool(name="f", parameters={"maximum": 2**80}),)))


def _key(asked: urp.Request, **config: object) -> str:
    return str(changed("auto_cache_openai_prompt", asked, **config).extra["prompt_cache_key"])


def _broken_at(asked: urp.Request) -> Sequence[str]:
    return [
        part.text
        for node in asked.input
        if isinstance(node, urp.ToolResult)
        for part in node.content
        if isinstance(part, urp.Text) and "prompt_cache_breakpoint" in part.extra
    ]
