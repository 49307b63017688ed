"""A conversation with one model or agent as its page has it: what was said before, now, and what came of it. Pure.

Two of them stand side by side and are asked the same. Fields of their form have their number: `kept-1` is what the
page keeps of the first, `result-1-0` what its first tool has returned.
"""

import dataclasses
from collections.abc import Sequence
from typing import Final

from monoize.dashboard.conversing.answers import Answer
from monoize.dashboard.conversing.requests import Wired
from monoize.dashboard.conversing.turns import (
    CALLS_MOST,
    Answered,
    Result,
    Returned,
    Said,
    Turn,
    awaited,
    kept,
    read_turns,
)
from monoize.dashboard.forms import Form, invalid
from monoize.gateway.protocol.urp import ToolCall

PROMPT_CHARS_MOST: Final = 100_000


@dataclasses.dataclass(frozen=True, slots=True)
class Side:
    """`said` is what was said to it just now; `wired` what that was on the wire."""

    number: int
    name: str
    before: Sequence[Turn]
    said: Sequence[Turn] = ()
    wired: Wired | None = None
    answer: Answer | None = None

    @property
    def asked(self) -> Sequence[Turn]:
        return [*self.before, *self.said]

    @property
    def turns(self) -> Sequence[Turn]:
        """As the conversation goes on: a question without an answer is not part of it."""
        if self.answer is None or not self.answer.goes_on:
            return self.before
        return [*self.asked, self.answer.turn]

    @property
    def kept(self) -> str | None:
        return kept(self.turns) if len(awaited(self.turns)) <= CALLS_MOST else None

    @property
    def awaited(self) -> Sequence[ToolCall]:
        return awaited(self.turns) if self.kept is not None else ()

    def on_wire(self, wired: Wired) -> "Side":
        return dataclasses.replace(self, wired=wired)

    def answered(self, answer: Answer) -> "Side":
        return dataclasses.replace(self, answer=answer)


def sides_of(form: Form, names: Sequence[str | None]) -> Sequence[Side]:
    """Those with a name, as they were before."""
    return [
        Side(number, name, read_turns(form.shown(f"kept-{number}")))
        for number, name in enumerate(names, 1)
        if name is not None
    ]


def spoken_to(form: Form, sides: Sequence[Side]) -> Sequence[Side]:
    """Those of them to whom the form says something, with that. Without a prompt only results of tools are told."""
    prompt = form.text("prompt")
    waiting = [side for side in sides if awaited(side.before)]
    if prompt is None and not waiting:
        raise invalid(prompt="Fill this in.")
    if prompt is not None and len(prompt) > PROMPT_CHARS_MOST:
        raise invalid(prompt=f"This is too long: {PROMPT_CHARS_MOST:,} characters are the most.")
    said: list[Turn] = [] if prompt is None else [Said(prompt)]
    return [
        dataclasses.replace(side, said=[*_returned(form, side), *said])
        for side in (sides if prompt is not None else waiting)
    ]


def to_show(form: Form, asked: Sequence[Side]) -> Form:
    """What stays filled in: what these sides were told and have answered is said."""
    gone = tuple(f"result-{side.number}-" for side in asked if side.answer and side.answer.goes_on)
    values = {name: value for name, value in form.values.items() if not (gone and name.startswith(gone))}
    if len(gone) == len(asked):
        values["prompt"] = ""
    return Form(values, form.refusal)


def stopped(form: Form, side: Side) -> Side:
    """When whoever had asked wanted no more of it: `heard` is what they had seen until then."""
    heard = form.shown("heard").replace("\r\n", "\n")
    return side.answered(Answer(Answered(heard[:PROMPT_CHARS_MOST]), is_stopped=True))


def _returned(form: Form, side: Side) -> Sequence[Turn]:
    calls = awaited(side.before)
    if not calls:
        return []
    names = [f"result-{side.number}-{place}" for place in range(len(calls))]
    missing = {name: "Say what the tool returned." for name in names if form.text(name) is None}
    if missing:
        raise invalid(**missing)
    results = [Result(call.call_id, call.name, form.shown(name)) for call, name in zip(calls, names, strict=True)]
    return [Returned(tuple(results))]
