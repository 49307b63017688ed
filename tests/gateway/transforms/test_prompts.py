"""What is said to a model, changed on its way."""

import msgspec
import pytest
from gateway.transforms.telling import ABOUT, changed, request, said, system, user

from monoize.gateway.dialects import CHAT, RESPONSES
from monoize.gateway.protocol import urp

CALL = urp.ToolCall(call_id="c1", name="f", arguments="{}")
RESULT = urp.ToolResult(call_id="c1", content=(user("done"),))
DEVELOPER = urp.Text(role="developer", text="Be brief.")
ON_RESPONSES = msgspec.structs.replace(ABOUT, upstream="responses")


def test_roles_that_instruct_take_each_others_place():
    asked = request(system("a"), user("b"), DEVELOPER)

    assert ["developer", "user", "developer"] == _roles(changed("system_to_developer_role", asked))
    assert ["system", "user", "system"] == _roles(changed("developer_to_system_role", asked))


def test_messages_of_one_role_become_one_and_thoughts_calls_and_results_keep_them_apart():
    image = urp.Image(role="user", source=urp.Url(url="https://example.com/a.png"))
    asked = request(user("a"), user("b"), image, said("c"), said("d"), urp.Reasoning(content="hm"), said("e"), CALL)
    merged = changed("merge_consecutive_roles", asked)

    hm = urp.Reasoning(content="hm")
    assert (user("a\n\nb"), image, said("c\n\nd"), hm, said("e"), CALL) == merged.input


def test_messages_that_were_apart_are_one_for_their_provider():
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}
    asked = changed("merge_consecutive_roles", CHAT.decode_request(body))
    sent = CHAT.encode_request(asked, model="m", stream=False)

    assert [{"role": "user", "content": "a\n\nb"}] == sent["messages"]


def test_what_is_marked_for_a_cache_keeps_its_own_place():
    marked = urp.Text(role="user", text="a", extra={"cache_control": {"type": "ephemeral"}})

    assert (marked, user("b")) == changed("merge_consecutive_roles", request(marked, user("b"))).input


@pytest.mark.parametrize(
    ("position", "nodes", "expected"),
    [
        ("prepend", "SaSb", "SXaSb"),
        ("append", "SaSb", "SaSXb"),
        ("prepend", "ab", "Xab"),
        ("append", "ab", "abX"),
    ],
)
def test_an_instruction_is_added_beside_those_that_are_there(position: str, nodes: str, expected: str):
    asked = request(*(system("S") if each == "S" else user(each) for each in nodes))
    added = changed("inject_system_prompt", asked, content="X", position=position)

    assert expected == "".join(node.text for node in added.input if isinstance(node, urp.Text))


@pytest.mark.parametrize("last", [said("a"), CALL, urp.Reasoning(content="hm")], ids=["text", "call", "thought"])
def test_a_conversation_that_ends_with_the_model_goes_on_with_the_user(last: urp.Node):
    asked = request(user("Hi"), last)

    assert (*asked.input, user("Go on.")) == changed("append_empty_user_message", asked, content="Go on.").input
    for other in (request(), request(user("Hi")), request(CALL, RESULT)):
        assert other == changed("append_empty_user_message", other)


def test_calls_without_results_are_left_out_and_results_never_are():
    orphan = urp.ToolResult(call_id="c9", content=())
    asked = request(CALL, urp.ToolCall(call_id="c2", name="g", arguments="{}"), RESULT, orphan)

    assert (CALL, RESULT, orphan) == changed("strip_orphaned_tool_use", asked).input
    # A result before its call is none.
    assert (RESULT,) == changed("strip_orphaned_tool_use", request(RESULT, CALL)).input


def test_the_line_of_whom_to_bill_is_left_out_of_instructions_only():
    header = "x-anthropic-billing-header: cc_version=1; cch=abc;"
    asked = request(system(header), system(f"You are.\n{header}\nBe."), user(header))

    assert (system("You are.\nBe."), user(header)) == changed("strip_anthropic_billing_header", asked).input


def test_a_model_may_draw():
    asked = request(user("Draw."), extra={"size": "1024x1024", "quality": "low"})
    config = {"action": "generate", "force_stream": True, "force_tool_choice": True}
    more = changed(
        "enable_openai_image_generation_tool",
        asked,
        about=ON_RESPONSES,
        extra={"quality": "high", "type": "mine"},
        **config,
    )
    sent = RESPONSES.encode_request(more, model="m", stream=more.stream)

    body = {"type": "image_generation", "size": "1024x1024", "quality": "high", "output_format": "png"}
    assert [{**body, "action": "generate", "partial_images": 3}] == sent["tools"]
    assert ({"type": "image_generation"}, True) == (sent["tool_choice"], sent["stream"])
    again = changed("enable_openai_image_generation_tool", more, about=ON_RESPONSES)
    assert more.tools == again.tools
    assert asked == changed("enable_openai_image_generation_tool", asked, **config)


def _roles(asked: urp.Request) -> list[str]:
    return [node.role for node in asked.input if isinstance(node, urp.Text)]
