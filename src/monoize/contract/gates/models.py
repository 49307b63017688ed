"""Which model, how long, how hard: what `model_policy_json` says to a request."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from monoize.contract.gates.asked import Asked, Effort
from monoize.contract.gates.decision import Decision
from monoize.contract.gates.trials import tried
from monoize.contract.policies import globs
from monoize.contract.policies.effective import EffectivePolicy
from monoize.contract.policies.model_policy import Capability, ModelPolicy

_EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_POLICY: Final = "model_policy_json"
_ALLOWED: Final = Decision(gate="model", rule_id=_POLICY)
SAID_MOST: Final = 20
"""So many of the globs that would be allowed are told."""


def of_models(policy: EffectivePolicy, asked: Asked) -> Sequence[Decision]:
    return tried(policy, _POLICY, lambda document: _judged(document, asked))


def is_blocked(policy: EffectivePolicy, upstream_model: str) -> bool:
    """Whether a channel that calls the model otherwise must not be asked for it by that name."""
    document: ModelPolicy | None = policy.in_force(_POLICY)
    return document is not None and globs.matches(document.blocked_models, upstream_model)


def may_ask_for(policy: EffectivePolicy, model: str) -> bool:
    document: ModelPolicy | None = policy.in_force(_POLICY)
    return document is None or _named(document, model).verdict == "allow"


def of_capabilities(policy: EffectivePolicy, known: Sequence[frozenset[Capability]]) -> Sequence[Decision]:
    """`known` are those of the channels that could be asked: one that can do all that is required is enough."""
    return tried(policy, _POLICY, lambda document: list(_incapable(document, known)))


def is_capable(policy: EffectivePolicy, known: frozenset[Capability]) -> bool:
    document: ModelPolicy | None = policy.in_force(_POLICY)
    return document is None or known.issuperset(document.require)


def bounds_tool_loops(policy: EffectivePolicy) -> bool:
    both = policy.in_force(_POLICY), policy.in_shadow(_POLICY)
    return any(document is not None and document.max_tool_loop is not None for document in both)


def of_tool_loop(policy: EffectivePolicy, rounds: int | None) -> Sequence[Decision]:
    """`rounds` None: nobody can count them."""
    return tried(policy, _POLICY, lambda document: list(_too_often(document, rounds)))


def output_most(policy: EffectivePolicy) -> int | None:
    """What an answer is cut to where its caller said no length."""
    document: ModelPolicy | None = policy.in_force(_POLICY)
    return None if document is None else document.max_output_tokens


def _judged(document: ModelPolicy, asked: Asked) -> Sequence[Decision]:
    named = _named(document, asked.model)
    denials = [*_lengths(document, asked), *_manners(document, asked)]
    if named is not _ALLOWED:
        denials.insert(0, named)
    return denials or (_ALLOWED,)


def _named(document: ModelPolicy, model: str) -> Decision:
    allowed = (document.allowed_models or ("*",))[:SAID_MOST]
    if globs.matches(document.blocked_models, model):
        return _denied("blocked_models", "model_not_allowed", allowed=allowed)
    if document.allowed_models is not None and not globs.matches(document.allowed_models, model):
        return _denied("allowed_models", "model_not_allowed", allowed=document.allowed_models[:SAID_MOST])
    return _ALLOWED


def _lengths(document: ModelPolicy, asked: Asked) -> Iterator[Decision]:
    most = document.max_input_tokens
    if most is not None and asked.input_tokens > most:
        yield _denied("max_input_tokens", "request_too_large", limit=most, asked=asked.input_tokens)
    most = document.max_output_tokens
    # Where no length was said, there has to be room for some answer, which is then cut to it.
    wanted = 1 if asked.output_tokens is None else asked.output_tokens
    if most is not None and wanted > most:
        yield _denied("max_output_tokens", "request_too_large", limit=most, asked=wanted)


def _manners(document: ModelPolicy, asked: Asked) -> Iterator[Decision]:
    if asked.fast and document.speed == "standard":
        yield _denied("speed", "fast_not_allowed", allowed=("standard",))
    if document.inference_geo == "us" and not asked.us_only:
        yield _denied("inference_geo", "inference_geo_required", allowed=("us",))
    hardest = _EFFORTS.index(document.effort)
    # At the default of "high", which nobody need have said, models may be asked for all that they can.
    if asked.effort is not None and document.effort != "high" and _EFFORTS.index(asked.effort) > hardest:
        yield _denied("effort", "effort_not_allowed", allowed=_EFFORTS[: hardest + 1])


def _incapable(document: ModelPolicy, known: Sequence[frozenset[Capability]]) -> Iterator[Decision]:
    if document.require and not any(each.issuperset(document.require) for each in known):
        yield _denied("require", "model_capability_missing", allowed=tuple(sorted(document.require)))


def _too_often(document: ModelPolicy, rounds: int | None) -> Iterator[Decision]:
    most = document.max_tool_loop
    if most is not None and (rounds is None or rounds > most):
        denied = _denied("max_tool_loop", "tool_loop_limit", limit=most)
        numbers = denied.numbers if rounds is None else {**denied.numbers, "used": rounds}
        yield msgspec.structs.replace(denied, numbers=numbers)


def _denied(field: str, code: str, *, allowed: tuple[str, ...] = (), **numbers: int) -> Decision:
    return Decision(
        gate="model", rule_id=f"{_POLICY}/{field}", verdict="deny", code=code, numbers=numbers, allowed=allowed
    )
