"""What a record says of the content of requests and answers, which is looked into only where it says something.

The stage calls `screened` before a request goes out and puts `retellings` around its answer. Both decide purely; a
request in which nothing is to be changed is the same object, and an answer of whose content nothing is said has no
retellings: their bytes may pass as they are.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from monoize.base.clock import utc_now
from monoize.base.errors import Refusal
from monoize.contract.gates import models
from monoize.contract.gates.decision import Decision, denial
from monoize.contract.governed import Governed
from monoize.contract.policies.catalogue import PolicyName
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.pii import Stage
from monoize.gateway.errors import PiiBlocked
from monoize.gateway.govern import security, sieve
from monoize.gateway.govern.denied import Denied
from monoize.gateway.govern.json_text import changed_values
from monoize.gateway.govern.loops import rounds_of_tools
from monoize.gateway.govern.nodes import asked_node, changed_extra
from monoize.gateway.govern.offered_tools import with_allowed_tools
from monoize.gateway.govern.refusals import refusal_of
from monoize.gateway.govern.sieve import Sieve
from monoize.gateway.govern.told import Record, Told
from monoize.gateway.govern.told_calls import ToldCalls
from monoize.gateway.govern.told_texts import ToldTexts
from monoize.gateway.govern.tool_rates import ToolRates
from monoize.gateway.govern.tools import let_all_pass
from monoize.gateway.protocol.urp import Json, NativeTool, Protocol, Request, Tool

REQUEST_STAGES: Final[Sequence[Stage]] = ("input", "tool_args", "tool_result")
_MEDIUM: Final = re.compile(r"data:[\w.+-]{1,64}/[\w.+-]{1,64};base64,[A-Za-z0-9+/=\s]*+")
_ANSWERS_AT: Final[Mapping[Protocol, str]] = {"compact": "output", "images": "data", "image_edits": "data"}
"""Where such an answer says something."""
_decoder: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder()
_PII: Final = sieve.POLICY
_SECURITY: Final = security.POLICY


class Reworded(msgspec.Struct, frozen=True):
    """A body as it may go out, unless there is a `refusal`. `body` is the same one where nothing is changed."""

    body: Json
    decisions: Sequence[Decision] = ()
    refusal: Refusal | None = None


class Reread(msgspec.Struct, frozen=True):
    """An answer as it may be told, unless there is a `refusal`. `body` is the same one where nothing is changed."""

    body: bytes
    decisions: Sequence[Decision] = ()
    refusal: Refusal | None = None


class Screened(msgspec.Struct, frozen=True):
    """`decisions` name kinds and count, and hold no values. With a `refusal`, the request may not go out."""

    request: Request
    decisions: Sequence[Decision] = ()
    refusal: Refusal | None = None


def needs_content(policy: EffectivePolicy) -> bool:
    """Whether its requests have to be understood. If not, nothing is looked at in them or their answers."""
    return (
        looks_at_answers(policy)
        or models.bounds_tool_loops(policy)
        or any(set(document.scan) - {"log"} for document in _documents(policy, _PII))
        or any(security.looks_at_requests(document) for document in _documents(policy, _SECURITY))
    )


def needs_words(policy: EffectivePolicy) -> bool:
    """Whether a request of plain words has to be understood as well: only for what was fetched, it has not."""
    return looks_at_answers(policy) or any(
        set(document.scan).intersection(REQUEST_STAGES) for document in _documents(policy, _PII)
    )


def looks_at_answers(policy: EffectivePolicy) -> bool:
    """Whether they are told through `retellings`; otherwise their bytes may pass as they are."""
    return not let_all_pass(policy) or any(
        not {"output", "tool_args"}.isdisjoint(document.scan) for document in _documents(policy, _PII)
    )


def screened(request: Request, governed: Governed) -> Screened:
    policy = governed.policy
    made = Sieve(policy, governed.personal_data_key)
    decisions: list[Decision] = []
    refusal: Refusal | None = None
    try:
        decisions += _loop_decisions(request, policy)
        request, hidden = with_allowed_tools(request, policy)
        decisions += hidden
        decisions += security.decisions_on(request, policy)
        request = _sifted(request, made)
    except Denied as denied:
        decisions, refusal = [*decisions, *denied.decisions], denied.refusal
    except PiiBlocked as blocked:
        refusal = blocked
    return Screened(request, (*decisions, *made.taken_decisions()), refusal)


def reworded(body: Json, governed: Governed) -> Reworded:
    """Of what is no conversation, such as embeddings and images: personal data is in them as well."""
    made = Sieve(governed.policy, governed.personal_data_key)
    if not made.scans("input"):
        return Reworded(body)
    refusal: Refusal | None = None
    try:
        if _is_of_tokens(body.get("input")):
            made.passes_unread("input")
        body = changed_values(body, lambda name, text: _value(made, name, text))
    except PiiBlocked as blocked:
        refusal = blocked
    return Reworded(body, tuple(made.taken_decisions()), refusal)


def reads_answers(policy: EffectivePolicy, protocol: Protocol) -> bool:
    """Of what is no conversation. What becomes of embeddings is numbers."""
    return protocol in _ANSWERS_AT and any("output" in document.scan for document in _documents(policy, _PII))


def reread(body: bytes, protocol: Protocol, governed: Governed) -> Reread:
    """What a model made of a prompt for images, and what is left to read of a conversation that was compacted."""
    made = Sieve(governed.policy, governed.personal_data_key)
    place, refusal = _ANSWERS_AT[protocol], None
    answer: Json = _decoder.decode(body)
    try:
        said = changed_values(answer.get(place), lambda name, text: _value(made, name, text, "output"))
        if said is not answer.get(place):
            body = _encoder.encode({**answer, place: said})
    except PiiBlocked as blocked:
        refusal = blocked
    return Reread(body, tuple(made.taken_decisions()), refusal)


def retellings(governed: Governed, record: Record, rates: Sequence[ToolRates] = ()) -> Sequence[Told]:
    """For one answer. Calls come first, so that what is told instead of them is looked through as well."""
    policy, made = governed.policy, Sieve(governed.policy, governed.personal_data_key)
    told: list[Told] = []
    if not let_all_pass(policy) or made.scans("tool_args"):
        told.append(ToldCalls(policy, made, record, rates, now_s=int(utc_now().timestamp())))
    if made.scans("output"):
        told.append(ToldTexts(made, record))
    return told


def _loop_decisions(request: Request, policy: EffectivePolicy) -> Sequence[Decision]:
    if not models.bounds_tool_loops(policy):
        return ()
    decisions = models.of_tool_loop(policy, rounds_of_tools(request))
    if denied := denial(decisions):
        raise Denied(refusal_of(denied), decisions)
    return decisions


def _is_of_tokens(said: Any) -> bool:
    """Text as the numbers of a tokenizer, which is for its model to know."""
    first = said[0] if isinstance(said, list) and said else None
    return isinstance(first, int) or (isinstance(first, list) and any(map(_is_of_tokens, said)))


def _value(made: Sieve, name: str | None, text: str, stage: Stage = "input") -> str:
    if _MEDIUM.fullmatch(text):
        return text
    return made.arguments(text, stage) if text[:1] in ("{", "[") else made.text(text, stage, name)


def _documents(policy: EffectivePolicy, name: PolicyName) -> Sequence[Any]:
    both = policy.in_force(name), policy.in_shadow(name)
    return [document for document in both if document is not None]


def _sifted(request: Request, made: Sieve) -> Request:
    """The same one, where nothing was found."""
    if not any(map(made.scans, REQUEST_STAGES)):
        return request
    nodes = [asked_node(node, made) for node in request.input]
    tools = [_described(tool, made) for tool in request.tools]
    told = {
        "input": request.input if _are_same(nodes, request.input) else tuple(nodes),
        "tools": request.tools if _are_same(tools, request.tools) else tuple(tools),
        "user": request.user if request.user is None else made.text(request.user, "input"),
        "extra": changed_extra(request.extra, made, "input"),
    }
    if all(value is getattr(request, name) for name, value in told.items()):
        return request
    return msgspec.structs.replace(request, **told)


def _described(tool: Tool | NativeTool, made: Sieve) -> Tool | NativeTool:
    if not isinstance(tool, Tool) or tool.description is None:
        return tool
    description = made.text(tool.description, "input")
    return tool if description == tool.description else msgspec.structs.replace(tool, description=description)


def _are_same(told: Sequence[Any], before: Sequence[Any]) -> bool:
    return all(new is old for new, old in zip(told, before, strict=True))
