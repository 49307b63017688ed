"""What a form says to each side of a conversation, and what of it stays filled in."""

import pytest

from monoize.base.errors import Invalid
from monoize.dashboard.conversing.answers import Answer
from monoize.dashboard.conversing.sides import Side, sides_of, spoken_to, stopped, to_show
from monoize.dashboard.conversing.turns import CALLS_MOST, Answered, Result, Returned, Said, kept
from monoize.dashboard.forms import Form
from monoize.gateway.protocol.urp import ToolCall

CALLING = Answered("", calls=(ToolCall(call_id="1", name="weather", arguments="{}"),))
WAITING = kept([Said("how is it?"), CALLING]) or ""


def _numbers(sides) -> list[int]:
    return [side.number for side in sides]


def test_a_prompt_is_for_both_and_results_for_the_side_that_waits():
    sides = sides_of(Form({"kept-1": WAITING}), ["one", "two"])
    told = {"result-1-0": "sunny"}

    first, second = spoken_to(Form({**told, "prompt": " and now? "}), sides)
    assert [Returned((Result("1", "weather", "sunny"),)), Said("and now?")] == first.said
    assert [Said("and now?")] == second.said
    assert [1] == _numbers(spoken_to(Form(told), sides))
    assert [2] == _numbers(sides_of(Form(), [None, "two"]))


@pytest.mark.parametrize(
    ("values", "field"), [({"prompt": "and now?"}, "result-1-0"), ({"prompt": "x" * 100_001}, "prompt")]
)
def test_what_is_missing_or_too_long_is_told_at_its_field(values, field):
    with pytest.raises(Invalid) as refusal:
        spoken_to(Form(values), sides_of(Form({"kept-1": WAITING}), ["one"]))
    assert field in refusal.value.details["wrong"]

    with pytest.raises(Invalid):
        spoken_to(Form(), [Side(1, "one", ())])


def test_only_an_answer_makes_the_question_a_part_of_the_conversation():
    side = Side(1, "one", (), said=[Said("hi")])

    assert [Said("hi"), Answered("hello")] == side.answered(Answer(Answered("hello"))).turns
    assert () == side.answered(Answer(Answered("hel"), problem="It broke off.")).turns
    assert [Said("hi"), Answered("hel")] == stopped(Form({"heard": "hel"}), side).turns
    assert () == stopped(Form(), side).turns


def test_what_was_told_is_not_told_again():
    form = Form({"prompt": "hi", "result-1-0": "sunny", "model": "one"})
    side = Side(1, "one", (), said=[Said("hi")])

    assert {"prompt": "", "model": "one"} == to_show(form, [side.answered(Answer(Answered("hello")))]).values
    failed = side.answered(Answer(Answered(""), problem="No."))
    assert form.values == to_show(form, [failed]).values


def test_more_calls_than_anybody_can_answer_end_the_conversation():
    many = Answered("", calls=CALLING.calls * (CALLS_MOST + 1))
    side = Side(1, "one", (), said=[Said("hi")]).answered(Answer(many))

    assert (None, ()) == (side.kept, side.awaited)
