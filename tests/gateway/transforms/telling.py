"""Transforms, tried on their own."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from monoize.contract.transforms.catalogue import written_rule
from monoize.contract.transforms.rule import Config
from monoize.gateway.protocol import urp
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.catalogue import TRANSFORMS
from monoize.gateway.transforms.retelling import Chain, Retelling, told_again

ABOUT: Final = About(username="alice", key_id="key-1", caller="responses", upstream="messages")

CONFIGS: Final[dict[str, dict[str, Any]]] = {
    "reasoning_effort_to_budget": {"low": 1024, "medium": 4096, "high": 16384},
    "reasoning_effort_to_model_suffix": {"rules": [{"pattern": "*", "suffix": "-{effort}"}]},
    "inject_system_prompt": {"content": "Be kind."},
    "override_max_tokens": {"value": 7},
    "set_field": {"path": "extra.level", "value": 3},
    "remove_field": {"path": "extra.level"},
    "split_sse_frames": {"max_frame_length": 4096},
}
"""What transforms have to be told to do anything at all."""


def configured(name: str, /, *, phase: Any = None, **config: Any) -> Config:
    return written_rule(name, phase, (), config or CONFIGS.get(name, {})).config


def changed(name: str, request: urp.Request, *, about: About = ABOUT, **config: Any) -> urp.Request:
    told = configured(name, **config)
    change = TRANSFORMS[type(told)].request
    assert change is not None
    return change(request, told, about)


def retelling(name: str, *, about: About = ABOUT, **config: Any) -> Retelling:
    told = configured(name, **config)
    make = TRANSFORMS[type(told)].retold
    assert make is not None
    return make(told, about)


def told(events: Iterable[urp.StreamEvent], *retellings: Retelling) -> list[urp.StreamEvent]:
    chain = Chain(retellings)
    return [told for event in events for told in chain.feed(event)]


def whole(name: str, output: Sequence[urp.Node], *, about: About = ABOUT, **config: Any) -> Sequence[urp.Node]:
    """What a whole answer says, told again."""
    return told_again(response(*output), [retelling(name, about=about, **config)]).output


def request(*nodes: urp.Node, **facts: Any) -> urp.Request:
    return urp.Request(**({"model": "m", "input": nodes, "origin": "chat"} | facts))


def response(*nodes: urp.Node) -> urp.Response:
    return urp.Response(id="r", model="m", output=nodes, finish=urp.Finish(reason="stop"))


def said(text: str) -> urp.Text:
    return urp.Text(role="assistant", text=text)


def user(text: str) -> urp.Text:
    return urp.Text(role="user", text=text)


def system(text: str) -> urp.Text:
    return urp.Text(role="system", text=text)


def pieces(*texts: str) -> list[urp.StreamEvent]:
    """An answer of one text, in these pieces."""
    node = said("".join(texts))
    return [
        urp.Started(id="r", model="m"),
        urp.NodeStarted(index=0, node=said("")),
        *(urp.TextDelta(index=0, text=text) for text in texts),
        urp.NodeDone(index=0, node=node),
        urp.Done(response=response(node)),
    ]


def output_of(events: Sequence[urp.StreamEvent]) -> Sequence[urp.Node]:
    assert isinstance(events[-1], urp.Done)
    return events[-1].response.output
