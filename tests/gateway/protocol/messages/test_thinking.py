"""How models are told to think, and what is refused before it is sent."""

import pytest
from gateway.protocol.messages.shapes import assert_sendable

from monoize.gateway.protocol import urp
from monoize.gateway.protocol.errors import BadRequest
from monoize.gateway.protocol.messages.models import claude_named
from monoize.gateway.protocol.messages.request_out import encode_request

OLD, MIDDLE, NEW, NOBODYS = "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8", "glm-5"
ALWAYS, BETWEEN = "claude-opus-5-5", "claude-sonnet-5-5"
ADAPTIVE = {"type": "adaptive"}
TOOL = urp.Tool(name="f", parameters={"type": "object"})
HI = urp.Text(role="user", text="Hi")


def sent(model, *, origin="chat", wish=None, nodes=(HI,), **more):
    found = urp.Request(model="m", input=nodes, origin=origin, reasoning=wish, **more)
    body = encode_request(found, model=model, stream=False)
    assert_sendable(body)
    return body


def told(model, effort=None, **more):
    body = sent(model, wish=urp.ReasoningWish(effort=effort, **more))
    return body.get("thinking"), body.get("output_config")


def budget(tokens):
    return {"type": "enabled", "budget_tokens": tokens}


def refused(model, **more):
    with pytest.raises(BadRequest) as problem:
        sent(model, **more)
    assert "invalid_request" == problem.value.code
    return problem.value.param


CALLED = urp.ToolCall(call_id="1", name="f", arguments="{}")
RESULT = urp.ToolResult(call_id="1", content=(urp.Text(role="user", text="ok"),))
SIGNED = urp.Reasoning(summary=("Hm",), encrypted="sealed", origin="messages")


@pytest.mark.parametrize(
    ("name", "family", "version"),
    [
        ("claude-3-5-sonnet-20241022", None, (3, 5)),
        ("claude-3-opus-20240229", None, (3, 0)),
        ("claude-opus-4-20250514", "opus", (4, 0)),
        ("claude-opus-4-1-20250805", "opus", (4, 1)),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "opus", (4, 1)),
        ("claude-haiku-4-5@20251001", "haiku", (4, 5)),
        ("anthropic/claude-opus-4.6", "opus", (4, 6)),
        ("claude-sonnet-5", "sonnet", (5, 0)),
        ("Claude-Fable-5-2", "fable", (5, 2)),
        ("opus-4-5", "opus", (4, 5)),
        ("claude-mythos-preview", "mythos", None),
        ("claude-next", None, None),
    ],
)
def test_names_tell_family_and_version(name, family, version):
    assert (family, version) == claude_named(name)


@pytest.mark.parametrize("name", ["gpt-5", "glm-5", "gemini-3-pro", "deepseek-v4", ""])
def test_others_are_no_claude(name):
    assert claude_named(name) is None


@pytest.mark.parametrize("model", [MIDDLE, NEW, "claude-next", "claude-sonnet-5"])
@pytest.mark.parametrize("effort", ["low", "medium", "high", "max"])
def test_new_models_decide_themselves_and_are_told_an_effort(model, effort):
    assert (ADAPTIVE, {"effort": effort}) == told(model, effort)


def test_an_effort_less_than_the_least_is_the_least():
    assert (ADAPTIVE, {"effort": "low"}) == told(NEW, "minimal")


def test_a_wish_without_an_effort_leaves_it_to_the_model():
    assert (ADAPTIVE, None) == told(NEW)
    assert (budget(4_096), None) == told(OLD)


@pytest.mark.parametrize("model", [OLD, NOBODYS, "claude-3-7-sonnet-20250219"])
@pytest.mark.parametrize(
    ("effort", "tokens"),
    [("minimal", 1_024), ("low", 1_024), ("medium", 4_096), ("high", 16_384), ("max", 32_000)],
)
def test_older_models_and_others_are_given_a_budget(model, effort, tokens):
    assert (budget(tokens), None) == told(model, effort)


@pytest.mark.parametrize(("most", "thinking"), [(8_000, budget(7_999)), (1_025, budget(1_024)), (1_024, None)])
def test_a_budget_of_ours_fits_into_what_may_be_said(most, thinking):
    body = sent(OLD, wish=urp.ReasoningWish(effort="high"), max_output_tokens=most)
    assert thinking == body.get("thinking")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (OLD, ({"type": "disabled"}, None)),
        (MIDDLE, ({"type": "disabled"}, None)),
        (NOBODYS, ({"type": "disabled"}, None)),
        (BETWEEN, ({"type": "between_tools"}, None)),
        (ALWAYS, (None, {"effort": "low"})),
    ],
)
def test_thinking_can_be_switched_off_where_that_is_possible(model, expected):
    assert expected == told(model, "none")


@pytest.mark.parametrize(
    ("nodes", "thinks"),
    [
        ((HI, CALLED, RESULT), False),
        ((HI, SIGNED, CALLED, RESULT), True),
        ((HI, CALLED, RESULT, HI), False),
        ((HI, CALLED, RESULT, urp.Text(role="assistant", text="So."), HI), True),
    ],
    ids=["lost its thought", "kept it", "more said", "long ago"],
)
def test_a_budget_is_given_only_to_calls_that_began_with_a_thought(nodes, thinks):
    """Anthropic refuses it elsewhere; models that think adaptively do not mind."""
    wish = urp.ReasoningWish(effort="high")
    assert thinks == ("thinking" in sent(OLD, wish=wish, nodes=nodes, tools=(TOOL,)))
    assert ADAPTIVE == sent(MIDDLE, wish=wish, nodes=nodes, tools=(TOOL,))["thinking"]
    assert "thinking" in sent(NOBODYS, wish=wish, nodes=nodes, tools=(TOOL,))


def test_thinking_is_shown_to_who_wants_to_read_it():
    assert ({**ADAPTIVE, "display": "summarized"}, {"effort": "low"}) == told(NEW, "low", summary="auto")
    assert (ADAPTIVE, {"effort": "low"}) == told(MIDDLE, "low", summary="auto")


def test_a_budget_of_somebody_else_becomes_an_effort_or_stays_one():
    assert (ADAPTIVE, {"effort": "high"}) == told(NEW, budget_tokens=10_000)
    assert (budget(10_000), None) == told(OLD, budget_tokens=10_000)
    assert (ADAPTIVE, None) == told(NEW, budget_tokens=-1)
    assert ({"type": "disabled"}, None) == told(OLD, budget_tokens=0)


@pytest.mark.parametrize(
    "extra", [{"thinking": ADAPTIVE}, {"output_config": {"effort": "max"}}, {"thinking": budget(2_000)}]
)
def test_a_caller_of_this_protocol_has_the_last_word(extra):
    body = sent(MIDDLE, origin="messages", wish=urp.ReasoningWish(effort="low"), extra=extra)
    assert extra == {name: body[name] for name in ("thinking", "output_config") if name in body}


def test_a_schema_of_ours_and_an_effort_of_the_caller_go_together():
    wanted = urp.ResponseFormat(kind="json_schema", schema={"type": "object"})
    body = sent(NEW, response_format=wanted, wish=urp.ReasoningWish(effort="low"))
    assert {"effort", "format"} == {*body["output_config"]}


@pytest.mark.parametrize("tokens", [-5, 0, 1_023, 64_000, 70_000, "2000", None, 2_000.0, True])
def test_a_budget_must_be_at_least_1024_and_less_than_it_all(tokens):
    assert "thinking" == refused(OLD, origin="messages", extra={"thinking": budget(tokens)})


def test_a_budget_of_another_protocol_is_refused_in_its_own_words():
    wish = urp.ReasoningWish(budget_tokens=9_000)
    assert "generationConfig.thinkingConfig" == refused(OLD, origin="gemini", wish=wish, max_output_tokens=9_000)


@pytest.mark.parametrize("model", ["claude-opus-4-7", NEW, "claude-sonnet-5", "claude-haiku-5-5"])
def test_the_newest_models_take_no_budget(model):
    assert "thinking" == refused(model, origin="messages", extra={"thinking": budget(2_000)})
    assert sent(MIDDLE, origin="messages", extra={"thinking": budget(2_000)})


def test_only_adaptive_models_are_told_to_decide_themselves_and_without_a_budget():
    assert "thinking" == refused(OLD, origin="messages", extra={"thinking": ADAPTIVE})
    assert "thinking" == refused(NEW, origin="messages", extra={"thinking": {**ADAPTIVE, "budget_tokens": 2_000}})


def test_the_display_is_one_of_two():
    assert "thinking" == refused(NEW, origin="messages", extra={"thinking": {**ADAPTIVE, "display": "full"}})
    assert sent(NEW, origin="messages", extra={"thinking": {**ADAPTIVE, "display": "omitted"}})


@pytest.mark.parametrize("more", [{"budget_tokens": 2_000}, {"display": "omitted"}])
def test_disabled_thinking_has_neither_budget_nor_display(more):
    assert "thinking" == refused(OLD, origin="messages", extra={"thinking": {"type": "disabled", **more}})


def test_models_that_always_think_cannot_be_told_not_to():
    assert "thinking" == refused(ALWAYS, origin="messages", extra={"thinking": {"type": "disabled"}})


THINKS = urp.ReasoningWish(effort="high")
FORCED = {"tools": (TOOL,), "tool_choice": urp.ToolChoice(mode="required")}
NAMED = {"tools": (TOOL,), "tool_choice": urp.ToolChoice(mode="required", names=("f",))}
PREFILLED = {"nodes": (HI, urp.Text(role="assistant", text="I"))}


@pytest.mark.parametrize("model", [OLD, MIDDLE])
@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"top_k": 5}, "top_k"),
        ({"top_p": 0.5}, "top_p"),
        (FORCED, "tool_choice"),
        (NAMED, "tool_choice"),
        (PREFILLED, "messages"),
    ],
)
def test_what_does_not_go_with_thinking(model, more, param):
    assert param == refused(model, wish=THINKS, **more)
    assert sent(model, **more)


@pytest.mark.parametrize("more", [{"temperature": 1}, {"top_p": 0.95}, {"tools": (TOOL,)}])
def test_what_goes_with_thinking(more):
    assert sent(OLD, wish=THINKS, origin="messages", **more)


def test_a_turn_that_paused_goes_on():
    item = urp.ProviderItem(
        origin="messages", role="assistant", item_type="server_tool_use", body={"type": "server_tool_use"}
    )
    assert sent(NEW, origin="messages", wish=THINKS, nodes=(HI, item))


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.5), ("top_p", 0.9), ("top_k", 5)])
def test_the_newest_models_sample_as_they_do(name, value):
    assert name == refused(NEW, **{name: value})
    assert sent(MIDDLE, **{name: value})


@pytest.mark.parametrize("model", [OLD, MIDDLE, "claude-mythos-preview"])
def test_xhigh_is_for_those_who_know_it(model):
    extra = {"output_config": {"effort": "xhigh"}}
    assert "output_config.effort" == refused(model, origin="messages", extra=extra)
    assert (ADAPTIVE, {"effort": "xhigh"}) == told(NEW, "xhigh")


@pytest.mark.parametrize(
    ("origin", "param"),
    [
        ("chat", "reasoning_effort"),
        ("responses", "reasoning.effort"),
        ("gemini", "generationConfig.thinkingConfig"),
    ],
)
def test_refusals_name_what_the_caller_wrote(origin, param):
    assert param == refused(MIDDLE, origin=origin, wish=urp.ReasoningWish(effort="xhigh"))


def test_some_models_cannot_be_made_to_call():
    assert "tool_choice" == refused(ALWAYS, **FORCED)


@pytest.mark.parametrize("more", [{"temperature": 0.5}, FORCED, PREFILLED, {"top_k": 3}])
def test_the_rules_of_anthropic_are_not_those_of_others(more):
    assert sent(NOBODYS, wish=THINKS, **more)
